//! Damage to what a good manifest names: parts, facts, `parts.json`.

use std::sync::Arc;

use pgseal::Code;
use pgseal::keys::{Identities, Recipients};
use pgseal::pipeline::{Opener, PartRef, Sealer};
use pgseal::types::Digest;
use pgseal::verify::SourceOutcome;

use crate::tamper::world::{Made, World, named, noise};

/// What is done to one object; `None` takes it away.
fn mutilations(w: &World, good: &[u8], others: &[(&str, Vec<u8>)], plain: usize) -> Vec<(String, Option<Vec<u8>>)> {
    let mut all: Vec<(String, Option<Vec<u8>>)> = vec![("gone".into(), None)];
    // The age header ends with a line of its MAC; a nonce of 16 bytes follows, then chunks of 64 KiB + 16.
    let mac = good.windows(5).position(|w| w == b"\n--- ").unwrap() + 1;
    let header = mac + good[mac..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let nonce = header + 16;
    for cut in [0, 1, 21, mac, header, header + 7, nonce, nonce + 65_552, good.len() / 2, good.len() - 1] {
        if cut < good.len() {
            all.push((format!("cut to {cut}"), Some(good[..cut].to_vec())));
        }
    }
    let mut rng = fastrand::Rng::with_seed(good.len() as u64);
    let places = [0, 30, mac + 5, header, header + 15, nonce, good.len() - 17, good.len() - 1];
    for at in places.into_iter().chain(std::iter::repeat_with(|| rng.usize(..good.len())).take(12)) {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1 << (at % 8);
        all.push((format!("flip at {at}"), Some(bytes)));
    }
    all.push(("a byte more".into(), Some([good, b"\n"].concat())));
    all.push(("twice".into(), Some([good, good].concat())));
    for (name, bytes) in others {
        assert_ne!(bytes, good, "{name} is no attack");
        all.push(((*name).to_owned(), Some(bytes.clone())));
    }
    // Everybody who knows the recipient can seal. Headers differ in length at random:
    // one of the same size is found soon.
    let forged = std::iter::repeat_with(|| forge(w, &noise(plain, 99))).take(20_000).find(|f| f.len() == good.len());
    all.push(("forged".into(), Some(forged.expect("a forgery of the same size"))));
    all.push(("forged, longer".into(), Some(forge(w, &noise(plain + 1, 98)))));
    all
}

fn forge(w: &World, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Sealer::new(Arc::clone(&w.recipients), 3).unwrap().seal(plain, &mut out).unwrap();
    out
}

fn looked(o: &SourceOutcome) -> Vec<(u64, u64, u64, u64)> {
    o.backups.iter().map(|b| (b.objects, b.present, b.hashed, b.opened)).collect()
}

/// Every way of looking at `target` (an object of `backup`) says 40 and names it.
async fn noticed(w: &World, backup: &Made, target: &str, what: &str, size: Option<usize>, good_size: usize) {
    let case = format!("{target}: {what}");
    let outcome = w.verify(&World::presence()).await;
    let same_size = size == Some(good_size);
    if same_size {
        // Presence looks at names and sizes, and does not say that it looked at more.
        assert_eq!(outcome.code(), Code::Done, "{case}");
        assert!(looked(&outcome).iter().all(|b| b.0 == b.1 && b.2 == 0 && b.3 == 0), "{case}");
    } else {
        assert_eq!(named(&outcome), [(target.to_owned(), Code::Corrupt)], "{case}");
    }
    for depth in [World::deep(), w.open_depth()] {
        let outcome = w.verify(&depth).await;
        assert_eq!(outcome.code(), Code::Corrupt, "{case}");
        let names = named(&outcome);
        assert!(
            names.iter().all(|n| *n == (target.to_owned(), Code::Corrupt)) && !names.is_empty(),
            "{case}: {names:?}"
        );
        let bad = outcome.backups.iter().find(|b| b.id == backup.manifest.backup_id).unwrap();
        assert_eq!(
            bad.hashed,
            if target.ends_with("facts.zst.age") && depth.identities.is_some() && same_size {
                0
            } else {
                bad.objects - 1
            },
            "{case}"
        );
    }
    // The newest *data* is bad: nobody tries an older backup instead.
    let entry = w.latest().await.unwrap();
    assert_eq!(entry.manifest.backup_id, backup.manifest.backup_id);
    let (delivered, error) = w.deliver(&entry).await;
    let error = error.unwrap_or_else(|| panic!("{case}: restored"));
    assert_eq!((error.code(), error.object()), (Code::Corrupt, Some(target)), "{case}");
    assert!(backup.plain.starts_with(&delivered) && delivered.len() < backup.plain.len(), "{case}");
}

#[tokio::test]
async fn damaged_parts_and_facts_are_noticed_before_use() {
    let w = World::new();
    let chain = w.chain(2, 350_000).await;
    let (old, new) = (&chain[0], &chain[1]);
    let good = w.objects();
    let outcome = w.verify(&w.open_depth()).await;
    assert_eq!((outcome.code(), looked(&outcome)), (Code::Done, vec![(4, 4, 4, 4); 2]));
    assert_eq!(w.deliver(&w.latest().await.unwrap()).await.0, new.plain);

    for (target, plain) in [(new.part(1), 150_000), (new.part(3), 50_000)] {
        let others = [
            ("the part beside it", w.bytes(&new.part(2))),
            ("that of the older backup", w.bytes(&old.part(if plain == 50_000 { 3 } else { 1 }))),
            ("the facts", w.bytes(&new.facts())),
        ];
        let bytes = w.bytes(&target);
        for (what, changed) in mutilations(&w, &bytes, &others, plain) {
            w.with_objects(&good);
            match &changed {
                Some(changed) => w.memory.tamper(&target, changed.clone()),
                None => drop(w.memory.lose(&target)),
            }
            noticed(&w, new, &target, &what, changed.as_ref().map(Vec::len), bytes.len()).await;
        }
    }
}

#[tokio::test]
async fn damaged_facts_are_noticed_before_use() {
    let w = World::new();
    let chain = w.chain(2, 1000).await;
    let (old, new) = (&chain[0], &chain[1]);
    let (good, target) = (w.objects(), new.facts());
    let bytes = w.bytes(&target);
    let cuts = [0, 1, 100, bytes.len() - 1].map(|n| bytes[..n].to_vec());
    let mut damages: Vec<Option<Vec<u8>>> = cuts.into_iter().map(Some).collect();
    damages.extend([None, Some(w.bytes(&old.facts())), Some(forge(&w, b"{}")), Some([&bytes[..], b"x"].concat())]);
    for at in (0..bytes.len()).step_by(29) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        damages.push(Some(flipped));
    }
    for (i, changed) in damages.into_iter().enumerate() {
        w.with_objects(&good);
        match &changed {
            Some(changed) => w.memory.tamper(&target, changed.clone()),
            None => drop(w.memory.lose(&target)),
        }
        noticed(&w, new, &target, &format!("change {i}"), changed.as_ref().map(Vec::len), bytes.len()).await;
    }
}

#[tokio::test]
async fn two_parts_that_changed_places_are_both_named() {
    let w = World::new();
    let new = w.chain(1, 350_000).await.remove(0);
    let (one, two) = (w.bytes(&new.part(1)), w.bytes(&new.part(2)));
    w.memory.tamper(&new.part(1), two);
    w.memory.tamper(&new.part(2), one);
    for depth in [World::deep(), w.open_depth()] {
        let mut names = named(&w.verify(&depth).await);
        names.sort();
        assert_eq!(names, [(new.part(1), Code::Corrupt), (new.part(2), Code::Corrupt)]);
    }
    let (delivered, error) = w.deliver(&w.latest().await.unwrap()).await;
    assert_eq!((delivered.len(), error.unwrap().object()), (0, Some(new.part(1).as_str())));
}

#[tokio::test]
async fn a_damaged_parts_list_is_noticed_before_use() {
    let mut w = World::new();
    w.part_bytes = 10;
    let new = w.chain(1, 10_500).await.remove(0);
    assert_eq!(new.manifest.counts.parts, 1050);
    let (good, target) = (w.objects(), new.parts_list());
    assert_eq!(w.verify(&World::presence()).await.code(), Code::Done);
    let (delivered, error) = w.deliver(&w.latest().await.unwrap()).await;
    assert!(error.is_none() && delivered == new.plain);

    let bytes = w.bytes(&target);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let mut damages: Vec<Option<Vec<u8>>> = vec![None, Some(vec![]), Some(bytes[..bytes.len() - 1].to_vec())];
    damages.push(Some([&bytes[..], b"\n"].concat()));
    damages.push(Some(text.replacen("\"version\":1", "\"version\":2", 1).into_bytes()));
    damages.push(Some(text.replacen('[', " [", 1).into_bytes()));
    for at in (0..bytes.len()).step_by(bytes.len() / 15) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        damages.push(Some(flipped));
    }
    for changed in damages {
        w.with_objects(&good);
        let gone = changed.is_none();
        match changed {
            Some(changed) => w.memory.tamper(&target, changed),
            None => drop(w.memory.lose(&target)),
        }
        for depth in [World::presence(), World::deep(), w.open_depth()] {
            let outcome = w.verify(&depth).await;
            assert_eq!(outcome.code(), Code::Corrupt);
            assert!(named(&outcome).iter().all(|n| *n == (target.clone(), Code::Corrupt)), "{:?}", named(&outcome));
            assert_eq!(looked(&outcome), [(0, 0, 0, 0)]);
        }
        let (delivered, error) = w.deliver(&w.latest().await.unwrap()).await;
        assert_eq!((delivered.len(), error.unwrap().code()), (0, Code::Corrupt), "gone: {gone}");
    }
}

#[test]
fn what_lies_inside_a_sealed_part_is_bounded_too() {
    // A signer that lies: hash and size are right, the contents are not.
    let (secret, recipient) = Identities::generate();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("id");
    pgseal::keys::write_new(&path, secret.as_bytes(), 0o600).unwrap();
    let identities = Arc::new(Identities::from_file(&path).unwrap());
    let recipients = Recipients::parse(&[recipient]).unwrap();
    let seal = |inner: &[u8]| {
        use std::io::Write as _;
        let mut out = Vec::new();
        let encryptor = age::Encryptor::with_recipients(recipients.iter()).unwrap();
        let mut writer = encryptor.wrap_output(&mut out).unwrap();
        writer.write_all(inner).unwrap();
        writer.finish().unwrap();
        out
    };
    let plain = vec![7u8; 100_000];
    let frame = zstd::bulk::compress(&plain, 3).unwrap();
    let code = |inner: &[u8], signed: u64| {
        let stored = seal(inner);
        let part =
            PartRef { stored_sha256: Digest::of(&stored), stored_bytes: stored.len() as u64, plain_bytes: signed };
        let mut out = Vec::new();
        let opened = Opener::new(Arc::clone(&identities)).unwrap().open(&part, &stored, "o", &mut out);
        opened.map(|()| out.len()).map_err(|e| e.code())
    };
    assert_eq!(code(&frame, 100_000), Ok(100_000));
    let bomb = zstd::bulk::compress(&vec![0u8; 64 << 20], 3).unwrap();
    assert_eq!(code(&bomb, 100_000), Err(Code::Limit));
    assert_eq!(code(&frame, 99_999), Err(Code::Limit));
    // Stanzas of recipients, of which the reader would keep each one.
    let mut many = b"age-encryption.org/v1\n".to_vec();
    many.extend(std::iter::repeat_n(b"-> x\n\n".as_slice(), 100_000).flatten());
    let part = PartRef { stored_sha256: Digest::of(&many), stored_bytes: many.len() as u64, plain_bytes: 1 };
    let opened = Opener::new(Arc::clone(&identities)).unwrap().open(&part, &many, "o", &mut Vec::new());
    assert_eq!(opened.unwrap_err().code(), Code::Limit);
    assert_eq!(code(&frame, 100_001), Err(Code::Limit));
    assert_eq!(code(&[&frame[..], &frame[..]].concat(), 100_000), Err(Code::Corrupt));
    assert_eq!(code(&[&frame[..], b"x"].concat(), 100_000), Err(Code::Corrupt));
    assert_eq!(code(&frame[..frame.len() - 1], 100_000), Err(Code::Corrupt));
    assert_eq!(code(b"", 100_000), Err(Code::Corrupt));
    // A streaming writer leaves the size out of the frame: nothing says where it would end.
    let unsized_frame = zstd::stream::encode_all(&plain[..], 3).unwrap();
    assert_eq!(code(&unsized_frame, 100_000), Err(Code::Corrupt));
    let mut damaged = frame.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert!(code(&damaged, 100_000).is_err());
}
