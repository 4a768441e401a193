//! Our identities and recipients against age 1.1 and age-keygen.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use pgseal::keys::{Identities, Recipients, write_new};

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{command:?}");
    out.stdout
}

#[test]
fn age_opens_what_we_seal_and_we_open_what_age_seals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity");
    let (secret, recipient) = Identities::generate();
    write_new(&path, format!("# made by a test\n{}\n", *secret).as_bytes(), 0o600).unwrap();

    let said = run(Command::new("age-keygen").arg("-y").arg(&path), b"");
    assert_eq!(String::from_utf8(said).unwrap().trim(), recipient);

    let recipients = Recipients::parse(std::slice::from_ref(&recipient)).unwrap();
    let mut sealed = Vec::new();
    let mut writer = age::Encryptor::with_recipients(recipients.iter()).unwrap().wrap_output(&mut sealed).unwrap();
    writer.write_all(b"rows").unwrap();
    writer.finish().unwrap();
    assert_eq!(run(Command::new("age").arg("-d").arg("-i").arg(&path), &sealed), b"rows");

    let theirs = run(Command::new("age").arg("-r").arg(&recipient), b"more rows");
    let identities = Identities::from_file(&path).unwrap();
    assert_eq!(identities.short_ids(), recipients.short_ids());
    let mut opened = Vec::new();
    age::Decryptor::new(&theirs[..]).unwrap().decrypt(identities.iter()).unwrap().read_to_end(&mut opened).unwrap();
    assert_eq!(opened, b"more rows");
}

#[test]
fn a_file_of_age_keygen_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity");
    run(Command::new("age-keygen").arg("-o").arg(&path).stderr(Stdio::null()), b"");
    let identities = Identities::from_file(&path).unwrap();
    let recipient = String::from_utf8(run(Command::new("age-keygen").arg("-y").arg(&path), b"")).unwrap();
    let recipients = Recipients::parse(&[recipient.trim().to_owned()]).unwrap();
    assert_eq!(identities.short_ids(), recipients.short_ids());
}
