//! Whatever the store gives back instead of what was signed is refused before
//! age sees it; what passes the hash but is no part of ours is refused too.

use std::io::Write as _;
use std::sync::Arc;

use pgseal::Code;
use pgseal::keys::{Identities, Recipients};
use pgseal::pipeline::PartRef;
use pgseal::types::Digest;

use crate::pipeline::world::{World, bytes, identity};

async fn read_code(w: &World, parts: Vec<(pgseal::store::Key, PartRef)>) -> Code {
    w.read(parts).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn flips_truncation_and_additions_are_corrupt() {
    let w = World::new();
    let parts = w.sealed(&bytes(200_000, 3), 100_000).await;
    let key = parts[1].0.as_str();
    let good = w.memory.lose(key).unwrap();
    let mut rng = fastrand::Rng::with_seed(4);
    for _ in 0..200 {
        let mut bad = good.to_vec();
        let at = rng.usize(..bad.len());
        bad[at] ^= 1 << rng.u32(..8);
        w.memory.tamper(key, bad);
        assert_eq!(read_code(&w, parts.clone()).await, Code::Corrupt);
    }
    for bad in [&good[..0], &good[..20], &good[..good.len() - 1], &[&good[..], b"x"].concat()[..]] {
        w.memory.tamper(key, bad.to_vec());
        assert_eq!(read_code(&w, parts.clone()).await, Code::Corrupt, "{} bytes", bad.len());
    }
    w.memory.lose(key);
    assert_eq!(read_code(&w, parts.clone()).await, Code::Corrupt);
    w.memory.tamper(key, good);
    assert!(w.read(parts).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_parts_are_corrupt() {
    let w = World::new();
    let parts = w.sealed(&bytes(200_000, 5), 100_000).await;
    let (a, b) = (parts[0].0.as_str(), parts[1].0.as_str());
    let (x, y) = (w.memory.lose(a).unwrap(), w.memory.lose(b).unwrap());
    w.memory.tamper(a, y);
    w.memory.tamper(b, x);
    assert_eq!(read_code(&w, parts).await, Code::Corrupt);
}

/// A valid age file by somebody who knows the recipient: age alone would open it.
#[tokio::test(flavor = "multi_thread")]
async fn a_valid_file_of_an_attacker_is_refused_by_its_hash() {
    let w = World::new();
    let parts = w.sealed(b"the truth", 1024).await;
    let forged = seal(&w.recipients, &zstd::bulk::compress(b"a lie, 9b", 3).unwrap());
    w.memory.tamper(parts[0].0.as_str(), forged);
    assert_eq!(read_code(&w, parts).await, Code::Corrupt);
}

/// Even under a hash that was signed, a part must open to exactly the signed size.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_odd_frames_stop_at_the_signed_size() {
    let w = World::new();
    let frame = |b: &[u8]| zstd::bulk::compress(b, 3).unwrap();
    let cases: [(&str, Vec<u8>, Code); 5] = [
        ("bomb", frame(&vec![0; 64 << 20]), Code::Limit),
        ("short", frame(b"12345"), Code::Limit),
        ("two frames", [frame(b"12345"), frame(b"67890")].concat(), Code::Corrupt),
        ("no zstd", b"plain bytes".to_vec(), Code::Corrupt),
        ("empty", Vec::new(), Code::Corrupt),
    ];
    for (name, compressed, expected) in cases {
        let stored = seal(&w.recipients, &compressed);
        let part = PartRef { stored_sha256: Digest::of(&stored), stored_bytes: stored.len() as u64, plain_bytes: 10 };
        let key = World::key(1);
        w.memory.tamper(key.as_str(), stored);
        let e = w.read(vec![(key, part)]).await.unwrap_err();
        assert_eq!(e.code(), expected, "{name}: {e:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_identity_is_told_that_it_does_not_fit() {
    let w = World::new();
    let parts = w.sealed(b"x", 1024).await;
    let (other, _) = identity();
    let other = Arc::new(Identities::from_file(&other).unwrap());
    assert_eq!(w.read_with(parts, &other).await.unwrap_err().code(), Code::NoIdentity);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_recipients_opens_every_part() {
    let mut w = World::new();
    let (second_file, second) = identity();
    let (third_file, third) = identity();
    w.recipients = Arc::new(Recipients::parse(&[second, third]).unwrap());
    let parts = w.sealed(&bytes(5_000, 6), 1_000).await;
    for file in [second_file, third_file] {
        let id = Arc::new(Identities::from_file(&file).unwrap());
        assert!(w.read_with(parts.clone(), &id).await.unwrap() == bytes(5_000, 6));
    }
    assert_eq!(read_code(&w, parts).await, Code::NoIdentity);
}

fn seal(recipients: &Recipients, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = age::Encryptor::with_recipients(recipients.iter()).unwrap().wrap_output(&mut out).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
    out
}
