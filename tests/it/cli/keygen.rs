//! `keygen`: what it prints, what it writes, what it refuses.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::cli::sealed::{Sealed, golden};

#[test]
fn an_identity_is_written_for_its_owner_alone() {
    let sealed = Sealed::new();
    let said = sealed.run(&["keygen", "identity", "-o", "id"]);
    golden(|| insta::assert_snapshot!("keygen-identity", said));
    let file = sealed.path("work/id");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("# public key: {}", said.out)) && text.contains("\nAGE-SECRET-KEY-1"));
    let shown = Command::new("age-keygen").arg("-y").arg(&file).output().unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), said.out);

    let again = sealed.run(&["keygen", "identity", "-o", "id"]);
    assert!(again.code == 2 && again.out.is_empty() && again.err.contains("exists already"), "{again}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    for said in [&said, &again] {
        assert!(!format!("{said}").contains("AGE-SECRET-KEY"));
    }
}

#[test]
fn a_signer_prints_a_line_that_ssh_keygen_takes() {
    let sealed = Sealed::new();
    let said = sealed.run(&["keygen", "signer", "-o", "k", "--source", "shop", "--source", "crm"]);
    golden(|| insta::assert_snapshot!("keygen-signer", said));
    let allowed = sealed.write("allowed", &said.out);
    let (key, message) = (sealed.path("work/k"), sealed.write("m", "message\n"));
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "manifest@pgseal", "-f"])
        .arg(&key)
        .arg(&message)
        .stderr(std::process::Stdio::null())
        .status();
    assert!(signed.unwrap().success());
    let verify = |principal: &str| {
        Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "manifest@pgseal", "-I", principal, "-f"])
            .arg(&allowed)
            .arg("-s")
            .arg(sealed.path("m.sig"))
            .stdin(std::fs::File::open(&message).unwrap())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(verify("shop") && verify("crm") && !verify("other"));
}

#[test]
fn roles_limit_what_a_key_may_sign() {
    let sealed = Sealed::new();
    for (role, namespaces) in
        [("backup", "manifest@pgseal"), ("drill", "report@pgseal"), ("both", "manifest@pgseal,report@pgseal")]
    {
        let said = sealed.run(&["keygen", "signer", "-o", role, "--role", role, "--json", "-q"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let line = value["allowed_signers"].as_str().unwrap();
        assert!(line.starts_with(&format!("* namespaces=\"{namespaces}\" ssh-ed25519 ")), "{line}");
    }
    let said = sealed.run(&["keygen", "signer", "-o", "x", "--source", "Not A Source"]);
    assert_eq!(said.code, 2);
    assert!(!sealed.path("work/x").exists());
}

#[test]
fn a_key_that_exists_gets_a_line_for_another_role() {
    let sealed = Sealed::new();
    let made = sealed.run(&["keygen", "signer", "-o", "k", "--source", "shop"]);
    let line = sealed.run(&["keygen", "allow", "k", "--source", "shop", "--role", "drill"]);
    assert_eq!((line.code, line.out), (0, made.out.replace("manifest@pgseal", "report@pgseal")));
    assert!(made.err.contains("--role drill"), "{}", made.err);
    let said = sealed.run(&["keygen", "allow", "none", "--role", "both"]);
    assert!(said.code == 2 && said.out.is_empty(), "{said}");
}
