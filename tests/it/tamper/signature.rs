//! Signatures that are not worth anything, each with its own words.

use std::process::{Command, Stdio};
use std::sync::Arc;

use pgseal::Code;
use pgseal::keys::{Namespace, Trust};
use pgseal::verify::Depth;

use crate::tamper::world::{Made, World};

/// What verify says of slot 2.
async fn said(w: &World) -> String {
    let outcome = w.verify(&Depth::default()).await;
    let [problem] = outcome.problems.as_slice() else { panic!("{:?}", outcome.problems) };
    assert_eq!((problem.seq, problem.code, outcome.code()), (2, Code::Untrusted, Code::Untrusted));
    assert_eq!(outcome.backups.len(), 1, "nothing unsigned is looked at");
    let error = w.latest().await.unwrap_err();
    assert_eq!((error.code(), error.object()), (Code::Untrusted, Some("shop slot 2")));
    problem.text.clone()
}

fn ssh_keygen(w: &World, kind: &str, message: &[u8]) -> Vec<u8> {
    let key = w.dir.path().join(kind);
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let file = w.file("message", std::str::from_utf8(message).unwrap());
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "manifest@pgseal", "-f"]).arg(&key).stdin(std::fs::File::open(file).unwrap());
    let out = sign.stderr(Stdio::null()).output().unwrap();
    assert!(out.status.success());
    out.stdout
}

async fn world() -> (World, Made, Made) {
    let w = World::new();
    let mut chain = w.chain(2, 100).await;
    let second = chain.pop().unwrap();
    (w, chain.pop().unwrap(), second)
}

#[tokio::test]
async fn every_worthless_signature_is_refused_in_its_own_words() {
    let (w, first, second) = world().await;
    let message = w.bytes(&second.key());
    let armor = w.bytes(&second.sig());
    let text = String::from_utf8(armor.clone()).unwrap();
    let (stranger, _) = w.stranger();
    let report = w.signer.sign(Namespace::Report, &message).unwrap().into_bytes();
    let unknown = stranger.sign(Namespace::Manifest, &message).unwrap().into_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "it is empty"),
        (b"junk".to_vec(), "not exactly one armored"),
        (report, "made for \"report@pgseal\""),
        (unknown, "not among the allowed signers"),
        (w.bytes(&first.sig()), "does not belong to these bytes"),
        (ssh_keygen(&w, "rsa", &message), "only ssh-ed25519"),
        (ssh_keygen(&w, "ecdsa", &message), "unknown algorithm"),
        (format!("{text}{text}").into_bytes(), "not exactly one armored"),
        (text.replace('\n', "\r\n").into_bytes(), "not exactly one armored"),
        (armor[..armor.len() - 30].to_vec(), "not exactly one armored"),
        (vec![b'A'; 64 << 20], "larger than the 16384 bytes allowed"),
    ];
    for (bad, expected) in cases {
        w.memory.tamper(&second.sig(), bad);
        let text = said(&w).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    w.memory.lose(&second.sig());
    assert!(said(&w).await.contains("there is no signature for these bytes"));
    w.memory.tamper(&second.sig(), armor);
    assert_eq!(w.verify(&Depth::default()).await.code(), Code::Done);
}

#[tokio::test]
async fn what_the_operator_pinned_decides() {
    let (mut w, _, second) = world().await;
    let (public, moment) = (w.public.clone(), "20200101Z");
    // The first manifest is signed by a key that stays good.
    let (stranger, other) = w.stranger();
    let armor = stranger.sign(Namespace::Manifest, &w.bytes(&second.key())).unwrap();
    w.memory.tamper(&second.sig(), armor.into_bytes());
    let good = format!("shop {public}\n");
    for (line, revoked, expected) in [
        (String::new(), "", "not among the allowed signers"),
        (format!("other {other}\n"), "", "not for \"shop\""),
        (format!("shop namespaces=\"report@pgseal\" {other}\n"), "", "not for manifest@pgseal"),
        (format!("shop valid-before=\"{moment}\" {other}\n"), "", "has expired"),
        (format!("shop valid-after=\"20990101Z\" {other}\n"), "", "not valid yet"),
        (format!("shop {other}\n"), other.as_str(), "is revoked"),
    ] {
        let allowed = w.file("allowed", &format!("{good}{line}"));
        let list = w.file("revoked", revoked);
        w.reading.trust = Arc::new(Trust::load(&allowed, Some(&list)).unwrap());
        let text = said(&w).await;
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let allowed = w.file("allowed", &format!("{good}shop {other}\n"));
    w.reading.trust = Arc::new(Trust::load(&allowed, None).unwrap());
    assert_eq!(w.verify(&Depth::default()).await.code(), Code::Done);
}
