//! Any byte may change, and anything may be fed in.

use pgseal::Code;
use pgseal::catalog::witness::Witness;
use pgseal::manifest::chain::Seen;
use pgseal::manifest::{Repo, parse, parts};
use pgseal::store::{Key, layout};
use pgseal::types::{Digest, SourceName};

use crate::tamper::world::World;

/// One byte of any object, changed at any place, is noticed by `verify --open`;
/// where it may not matter the reason is given.
#[tokio::test]
async fn any_single_byte_is_noticed() {
    let mut w = World::new();
    w.part_bytes = 700;
    w.chain(2, 1500).await;
    assert_eq!(w.verify(&w.open_depth()).await.code(), Code::Done);
    // Without what this host remembers: the signed history alone must do.
    let good = w.objects();
    assert_eq!(good.len(), 2 * 6);
    let mut rng = fastrand::Rng::with_seed(7);
    for (key, bytes) in &good {
        for round in 0..30 {
            let at = match round {
                0 => 0,
                1 => bytes.len() - 1,
                _ => rng.usize(..bytes.len()),
            };
            let mut changed = bytes.clone();
            changed[at] ^= rng.u8(1..);
            // A line end of the armor, moved or dropped, changes no word of the signature.
            let words = |b: &[u8]| b.iter().copied().filter(|c| *c != b'\n').collect::<Vec<u8>>();
            if key.ends_with(".sig") && words(&changed) == words(bytes) {
                continue;
            }
            w.forget_witness();
            w.memory.tamper(key, changed);
            let outcome = w.verify(&w.open_depth()).await;
            let expected = if key.contains("/d/") { Code::Corrupt } else { Code::Untrusted };
            assert_eq!(outcome.code(), expected, "{key} at {at} of {}", bytes.len());
        }
        w.memory.tamper(key, bytes.clone());
    }
    assert_eq!(w.verify(&w.open_depth()).await.code(), Code::Done);
}

/// A manifest that meets every rule, as text.
fn manifest() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let w = World::new();
        let made = w.chain(1, 10).await.remove(0);
        String::from_utf8(w.bytes(&made.key())).unwrap()
    })
}

/// Values that break naive readers.
const ODD: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "NaN",
    "18446744073709551615",
    "18446744073709551616",
    "1.0",
    "\"\"",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
    "\"\\ud800\"",
    "\"../../../etc/passwd\"",
    "9007199254740993",
];

#[test]
fn every_field_with_every_odd_value_is_refused_or_harmless() {
    let good = manifest();
    assert!(parse::from_bytes(good.as_bytes(), "k").is_ok());
    let lines: Vec<&str> = good.lines().collect();
    let mut refused = 0;
    for (i, line) in lines.iter().enumerate() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let comma = if value.ends_with(',') { "," } else { "" };
        for odd in ODD {
            if value.ends_with(['{', '[']) {
                continue;
            }
            let mut changed = lines.clone();
            let new = format!("{name}: {odd}{comma}");
            changed[i] = &new;
            let text = changed.join("\n") + "\n";
            match parse::from_bytes(text.as_bytes(), "k") {
                Ok(m) => {
                    // What is accepted can be worked with.
                    let _ = (m.plain_bytes(), m.stored_bytes(), parts::pointer(&m).is_ok());
                    assert!(m.streams.iter().all(|s| parts::of_stream(&m, s).is_ok()), "{new}");
                }
                Err(e) => {
                    assert!(matches!(e.code(), Code::Corrupt | Code::Limit | Code::Usage), "{new}: {e:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn sizes_beside_the_manifest_are_bounded_as_those_in_it() {
    let mut m = parse::from_bytes(manifest().as_bytes(), "k").unwrap();
    let sha = Digest::of(b"x");
    let good = format!("{{\"format\":\"pgseal-parts\",\"version\":1,\"streams\":{{\"s01\":[[\"{sha}\",300]]}}}}\n");
    let mut join = |text: &str| {
        let pointer = parts::Pointer { sha256: Digest::of(text.as_bytes()), bytes: text.len() as u64 };
        parts::join(&mut m, &pointer, text.as_bytes()).map_err(|e| (e.code(), e.text()))
    };
    assert_eq!(join(&good), Ok(()));
    let one = format!("[\"{sha}\",300]");
    for (from, to, says) in [
        ("300", "18446744073709551615", "size is out of range"),
        ("300", "0", "size is out of range"),
        ("300", "-1", "not readable"),
        ("\"s01\"", "\"s02\"", "a stream is missing"),
        ("}}", ",\"s02\":[]}}", "that the manifest does not have"),
        ("}}", ",\"s01\":[]}}", "not readable"),
        ("\"version\":1", "\"version\":1,\"x\":1", "not readable"),
        ("\"version\":1", "\"version\":9", "unknown format"),
        (one.as_str(), "", "receipts disagree"),
        (one.as_str(), &format!("{one},{one}"), "receipts disagree"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        let (code, said) = join(&text).unwrap_err();
        assert!(code == Code::Corrupt && said.contains(says), "{to}: {said}");
    }
    // What would be too large to read at all is refused before it is asked for.
    m.x.insert(parts::POINTER.into(), serde_json::json!({ "sha256": sha, "bytes": parts::MAX_BYTES + 1 }));
    assert_eq!(parts::pointer(&m).unwrap_err().code(), Code::Limit);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn byte_soup_never_panics(bytes: Vec<u8>, text in "[{}\\[\\]\",:0-9a-z./ \\\\\n-]{0,80}", prefix in 0usize..3) {
        let start = ["", "s/shop/m/", "s/shop/r/0000000001."][prefix];
        let shop: SourceName = "shop".parse().unwrap();
        for raw in [bytes.as_slice(), text.as_bytes(), format!("{{{text}}}\n").as_bytes()] {
            proptest::prop_assert!(parse::from_bytes(raw, "k").is_err());
            proptest::prop_assert!(Repo::parse(raw).is_err());
            let key = format!("{start}{}", String::from_utf8_lossy(raw));
            let _ = (layout::read_manifest_key(&shop, &key), layout::read_report_key(&shop, &key));
            if let Ok(k) = Key::parse(&key) {
                proptest::prop_assert!(!k.as_str().contains("..") || !k.as_str().split('/').any(|s| s == ".."));
            }
        }
    }

    #[test]
    fn a_witness_state_of_soup_is_an_error_and_no_fresh_start(bytes: Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let repo = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let place = dir.path().join("witness/0123456789abcdef0123456789abcdef");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("shop.json"), &bytes).unwrap();
        let witness = Witness::new(dir.path(), &repo, &"shop".parse().unwrap());
        proptest::prop_assert_eq!(witness.read().unwrap_err().code(), Code::Usage);
        let again = witness.remember(Seen { seq: 1, digest: Digest::of(b"") }, None, jiff::Timestamp::now());
        proptest::prop_assert_eq!(again.unwrap_err().code(), Code::Usage);
    }
}
