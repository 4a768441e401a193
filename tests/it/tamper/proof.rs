//! Reports are shown as proof only with a good signature, and only of what they are about.

use pgseal::catalog::{Catalog, Proof, Selector, proof};
use pgseal::keys::Namespace;
use pgseal::store::layout;
use pgseal::types::Digest;

use crate::tamper::world::{Made, World};

fn report(of: &Made, digest: &Digest, verdict: &str) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "format": "pgseal-drill-report", "version": 1, "backup_id": of.manifest.backup_id,
        "manifest_sha256": digest, "verdict": verdict, "proof_level": "data", "rto_s": 1.5,
    }))
    .unwrap()
}

fn put(w: &World, seq: u64, run: &str, bytes: &[u8], sig: Option<String>) {
    w.memory.tamper(layout::report(&w.name, seq, run).as_str(), bytes.to_vec());
    if let Some(sig) = sig {
        w.memory.tamper(layout::report_sig(&w.name, seq, run).as_str(), sig);
    }
}

async fn shown(w: &World) -> (Vec<Proof>, usize, Option<u64>) {
    let (proofs, untrusted) = proof::load(&w.reading, &w.name).await.unwrap();
    let catalog = Catalog::load(&w.reading, &w.name).await.unwrap();
    let selector: Selector = "shop@latest-proven".parse().unwrap();
    let found = selector.find(&[catalog], &proofs).ok().map(|e| e.manifest.seq);
    (proofs, untrusted, found)
}

#[tokio::test]
async fn only_a_good_signature_makes_a_report_a_proof() {
    let w = World::new();
    let made = w.chain(2, 100).await;
    let good = report(&made[0], &made[0].digest, "passed");
    let sig = |bytes: &[u8]| w.signer.sign(Namespace::Report, bytes).unwrap();
    let (stranger, _) = w.stranger();
    let edited = report(&made[0], &made[0].digest, "passed ");
    let newer = String::from_utf8(good.clone()).unwrap().replace("\"version\":1", "\"version\":2").into_bytes();
    let bad: Vec<(&str, Vec<u8>, Option<String>)> = vec![
        ("none", good.clone(), None),
        ("forged", good.clone(), Some(stranger.sign(Namespace::Report, &good).unwrap())),
        ("namespace", good.clone(), Some(w.signer.sign(Namespace::Manifest, &good).unwrap())),
        ("edited", edited, Some(sig(&good))),
        ("empty", good.clone(), Some(String::new())),
        ("long", good.clone(), Some("A".repeat(17 * 1024))),
        ("large", vec![b' '; 16 * 1024 * 1024 + 1], Some(sig(&good))),
        ("format", b"{}".to_vec(), Some(sig(b"{}"))),
        ("version", newer.clone(), Some(sig(&newer))),
    ];
    let n = bad.len();
    for (run, bytes, sig) in bad {
        put(&w, 1, run, &bytes, sig);
    }
    assert_eq!(shown(&w).await, (vec![], n, None));

    put(&w, 1, "r1", &good, Some(sig(&good)));
    let (proofs, untrusted, found) = shown(&w).await;
    assert_eq!((proofs.len(), untrusted, found), (1, n, Some(1)));
    assert_eq!((proofs[0].verdict.as_str(), &proofs[0].signer), ("passed", &w.signer.fingerprint()));
}

#[tokio::test]
async fn a_report_proves_the_bytes_it_names_and_the_newest_counts() {
    let w = World::new();
    let made = w.chain(2, 100).await;
    let sig = |bytes: &[u8]| Some(w.signer.sign(Namespace::Report, bytes).unwrap());
    // Right backup, other manifest bytes; right bytes, other backup.
    for (run, of, digest) in [("a", &made[1], Digest::of(b"x")), ("b", &made[0], made[1].digest)] {
        let bytes = report(of, &digest, "passed");
        put(&w, 2, run, &bytes, sig(&bytes));
    }
    assert_eq!(shown(&w).await.2, None);
    let w = World::new();
    let made = w.chain(1, 100).await.remove(0);
    let sig = |bytes: &[u8]| Some(w.signer.sign(Namespace::Report, bytes).unwrap());
    for (run, verdict, found) in [("1", "passed", Some(1)), ("2", "failed", None), ("3", "passed", Some(1))] {
        let bytes = report(&made, &made.digest, verdict);
        put(&w, 1, run, &bytes, sig(&bytes));
        assert_eq!(shown(&w).await.2, found, "{run}");
    }
}
