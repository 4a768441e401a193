//! Damage to the chain: slots that are edited, copied, hidden, replayed, filled.

use pgseal::catalog::Catalog;
use pgseal::manifest::chain;
use pgseal::store::layout;
use pgseal::types::SourceName;
use pgseal::verify::Depth;
use pgseal::{Code, manifest};

use crate::tamper::world::{Made, World, noise, problems};

/// What verify says of every slot, and what comes of asking for the newest.
async fn judged(w: &World) -> (Vec<(u64, Code)>, Result<u64, Code>) {
    let outcome = w.verify(&Depth::default()).await;
    let found = problems(&outcome);
    assert_eq!(outcome.code() == Code::Done, found.is_empty());
    (found, w.latest().await.map(|e| e.manifest.seq).map_err(|e| e.code()))
}

/// Runs `attack` on a chain of four: without witness state, and on a host that saw all of it.
async fn cases(
    attack: impl Fn(&World, &[Made]),
    blind: &[(u64, Code)],
    seen: &[(u64, Code)],
    latest: [Result<u64, Code>; 2],
) {
    let w = World::new();
    let made = w.chain(4, 100).await;
    let good = w.objects();
    assert_eq!(judged(&w).await, (vec![], Ok(4)));
    for (witness, expected, newest) in [(true, seen, latest[1]), (false, blind, latest[0])] {
        w.with_objects(&good);
        attack(&w, &made);
        if !witness {
            w.forget_witness();
        }
        assert_eq!(judged(&w).await, (expected.to_vec(), newest), "witness: {witness}");
        // What was wrong once stays wrong: nothing was learnt from a bad chain.
        assert_eq!(judged(&w).await, (expected.to_vec(), newest), "witness: {witness}, again");
    }
}

/// What is done to the bytes of an object.
type Change = dyn Fn(&[u8]) -> Vec<u8>;

const BAD: Code = Code::Untrusted;
const HIS: Code = Code::History;

#[tokio::test]
async fn a_manifest_that_was_touched_is_untrusted() {
    let bom = |b: &[u8]| [b"\xef\xbb\xbf", b].concat();
    let crlf = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap().replace('\n', "\r\n").into_bytes();
    let flat = |b: &[u8]| serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(b).unwrap()).unwrap();
    let edited = |b: &[u8]| {
        String::from_utf8(b.to_vec()).unwrap().replacen("\"plain_bytes\": 1", "\"plain_bytes\": 2", 1).into_bytes()
    };
    let longer = |b: &[u8]| [b, b"\n"].concat();
    let shorter = |b: &[u8]| b[..b.len() - 1].to_vec();
    let nothing = |_: &[u8]| Vec::new();
    let huge = |_: &[u8]| vec![b' '; manifest::parse::MAX_BYTES as usize + 1];
    let changes: [&Change; 8] = [&bom, &crlf, &flat, &edited, &longer, &shorter, &nothing, &huge];
    for change in changes {
        let newest = |w: &World, made: &[Made]| {
            let key = made[3].key();
            let good = w.bytes(&key);
            let bad = change(&good);
            assert_ne!(good, bad);
            w.memory.tamper(&key, bad);
        };
        cases(newest, &[(4, BAD)], &[(4, BAD), (4, HIS)], [Err(BAD), Err(BAD)]).await;
    }
    // One in the middle also breaks the link of its successor; the newest backup itself can be had.
    let middle = |w: &World, made: &[Made]| w.memory.tamper(&made[1].key(), b"{}".to_vec());
    cases(middle, &[(2, BAD), (3, HIS)], &[(2, BAD), (3, HIS)], [Ok(4), Ok(4)]).await;
}

#[tokio::test]
async fn a_slot_that_is_gone_is_a_violation() {
    let middle = |w: &World, made: &[Made]| drop(w.memory.lose(&made[1].key()));
    cases(middle, &[(2, HIS), (3, HIS)], &[(2, HIS), (3, HIS)], [Ok(4), Ok(4)]).await;
    let first = |w: &World, made: &[Made]| drop(w.memory.lose(&made[0].key()));
    cases(first, &[(1, HIS), (2, HIS)], &[(1, HIS), (2, HIS)], [Ok(4), Ok(4)]).await;
    // An old head replayed: nobody can tell who has not seen more before.
    let newest = |w: &World, made: &[Made]| {
        for m in &made[2..] {
            w.memory.lose(&m.key());
        }
    };
    cases(newest, &[], &[(4, HIS)], [Ok(2), Err(HIS)]).await;
    let all = |w: &World, made: &[Made]| made.iter().for_each(|m| drop(w.memory.lose(&m.key())));
    cases(all, &[], &[(4, HIS)], [Err(Code::Usage), Err(HIS)]).await;
}

#[tokio::test]
async fn a_hidden_chain_shows_by_its_due_date() {
    let w = World::new();
    let plain = noise(10, 1);
    let mut m = w.draft(1, None, &plain).await;
    m.next_due = Some(jiff::Timestamp::now() - jiff::SignedDuration::from_secs(5));
    w.put(m.clone(), &plain);
    let outcome = w.verify(&Depth::default()).await;
    assert_eq!((problems(&outcome), outcome.code()), (vec![(1, Code::Stale)], Code::Stale));
    m.next_due = Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    w.forget_witness();
    w.put(m, &plain);
    assert_eq!(w.verify(&Depth::default()).await.code(), Code::Done);
}

#[tokio::test]
async fn a_manifest_elsewhere_is_a_violation() {
    // Slot renamed: the same bytes, with their signature, in another slot.
    let renamed = |w: &World, made: &[Made]| {
        let sig = layout::manifest_sig(&w.name, 5, &made[3].digest).to_string();
        w.memory.tamper(layout::manifest(&w.name, 5).as_str(), w.bytes(&made[3].key()));
        w.memory.tamper(&sig, w.bytes(&made[3].sig()));
    };
    cases(renamed, &[(5, HIS)], &[(5, HIS)], [Err(HIS), Err(HIS)]).await;
    // An older one over a newer one.
    let replayed = |w: &World, made: &[Made]| {
        let sig = layout::manifest_sig(&w.name, 4, &made[2].digest).to_string();
        w.memory.tamper(&made[3].key(), w.bytes(&made[2].key()));
        w.memory.tamper(&sig, w.bytes(&made[2].sig()));
    };
    cases(replayed, &[(4, HIS)], &[(4, HIS), (4, HIS)], [Err(HIS), Err(HIS)]).await;
}

#[tokio::test]
async fn manifests_of_another_source_or_repository_are_refused() {
    let mut w = World::new();
    // One key for all sources, so that only the document can tell.
    let allowed = w.file("all", &format!("* {}\n", w.public));
    w.reading.trust = std::sync::Arc::new(pgseal::keys::Trust::load(&allowed, None).unwrap());
    let first = w.chain(1, 100).await.remove(0);
    let plain = noise(100, 5);
    let other: SourceName = "other".parse().unwrap();
    let draft = w.draft(2, Some(first.slot()), &plain).await;
    let good = w.objects();

    let mut foreign = draft.clone();
    foreign.source = other.clone();
    foreign.facts.key = layout::facts(&other, &foreign.backup_id).to_string();
    let made = w.put(foreign, &plain);
    let (bytes, sig) = (w.bytes(&made.key()), w.bytes(&made.sig()));
    w.memory.tamper(layout::manifest(&w.name, 2).as_str(), bytes);
    w.memory.tamper(layout::manifest_sig(&w.name, 2, &made.digest).as_str(), sig);
    assert_eq!(judged(&w).await, (vec![(2, HIS)], Err(HIS)));

    w.with_objects(&good);
    let mut foreign = draft.clone();
    foreign.repo_id = "ffffffffffffffffffffffffffffffff".parse().unwrap();
    w.put(foreign, &plain);
    assert_eq!(judged(&w).await, (vec![(2, HIS)], Err(HIS)));

    // Such a manifest does not speak for this chain: what it lists as skipped is still missing.
    w.with_objects(&good);
    let mut foreign = draft.clone();
    foreign.repo_id = "ffffffffffffffffffffffffffffffff".parse().unwrap();
    (foreign.seq, foreign.prev_seq) = (3, Some(1));
    foreign.x.insert(chain::SKIPPED.into(), vec![2].into());
    w.put(foreign, &plain);
    assert_eq!(judged(&w).await, (vec![(2, HIS), (3, HIS)], Err(HIS)));

    w.with_objects(&good);
    w.put(draft, &plain);
    assert_eq!(judged(&w).await, (vec![], Ok(2)));
}

#[tokio::test]
async fn a_fork_is_a_violation() {
    let w = World::new();
    let chain = w.chain(2, 100).await;
    assert_eq!(w.verify(&Depth::default()).await.code(), Code::Done);
    let good = w.objects();
    let plain = noise(100, 9);
    // Two with one predecessor, in two slots.
    let twin = w.draft(3, Some(chain[0].slot()), &plain).await;
    w.put(twin, &plain);
    assert_eq!(judged(&w).await, (vec![(3, HIS)], Err(HIS)));
    // Another one in the same slot: only who saw the first can tell.
    w.with_objects(&good);
    let twin = w.draft(2, Some(chain[0].slot()), &plain).await;
    w.put(twin, &plain);
    assert_eq!(judged(&w).await, (vec![(2, HIS)], Err(HIS)));
    w.forget_witness();
    assert_eq!(judged(&w).await, (vec![], Ok(2)));
}

#[tokio::test]
async fn another_system_is_a_violation_unless_accepted() {
    let w = World::new();
    let chain = w.chain(1, 100).await;
    let plain = noise(100, 9);
    let mut m = w.draft(2, Some(chain[0].slot()), &plain).await;
    m.pg.system_identifier = "1".into();
    w.put(m.clone(), &plain);
    assert_eq!(judged(&w).await, (vec![(2, HIS)], Err(HIS)));
    // Another host: this one has seen the other manifest in this slot.
    w.forget_witness();
    m.x.insert(chain::NEW_SYSTEM.into(), true.into());
    w.put(m, &plain);
    assert_eq!(judged(&w).await, (vec![], Ok(2)));
}

#[tokio::test]
async fn junk_is_told_and_foreign_names_are_counted() {
    let junk = |w: &World, _: &[Made]| {
        for slot in 5..105 {
            w.memory.tamper(layout::manifest(&w.name, slot).as_str(), b"junk".to_vec());
        }
    };
    let all: Vec<(u64, Code)> = (5..105).map(|s| (s, BAD)).collect();
    cases(junk, &all, &all, [Err(BAD), Err(BAD)]).await;

    let w = World::new();
    w.chain(1, 100).await;
    let names = [
        "../../etc/passwd",
        "0000000002.json\n",
        "0000000000.json",
        "2.json",
        "\u{202e}x",
        "0000000002.x.sig",
        "\u{1b}[2J",
    ];
    for name in names {
        w.memory.tamper(&format!("s/shop/m/{name}"), b"x".to_vec());
        w.memory.tamper(&format!("s/shop/r/{name}"), b"x".to_vec());
    }
    let outcome = w.verify(&Depth::default()).await;
    assert_eq!((outcome.code(), outcome.foreign_objects), (Code::Done, names.len()));
    let (proofs, untrusted) = pgseal::catalog::proof::load(&w.reading, &w.name).await.unwrap();
    assert!(proofs.is_empty());
    // One of the names would be that of a report.
    assert_eq!(untrusted, names.len());
}

#[tokio::test]
async fn the_first_free_slot_is_found_and_far_junk_does_not_move_it() {
    let w = World::new();
    w.chain(2, 100).await;
    let far = 9_999_999_999u64;
    w.memory.tamper(layout::manifest(&w.name, far).as_str(), b"junk".to_vec());
    let catalog = Catalog::load(&w.reading, &w.name).await.unwrap();
    assert_eq!((catalog.free_slot(0), catalog.free_slot(2), catalog.free_slot(5)), (3, 3, 6));
    assert_eq!(catalog.last_slot(), far);
    w.memory.tamper(layout::manifest(&w.name, 3).as_str(), b"junk".to_vec());
    let catalog = Catalog::load(&w.reading, &w.name).await.unwrap();
    assert_eq!((catalog.free_slot(2), catalog.free_slot(3)), (4, 4));
    // The alarm is bounded, too.
    let outcome = w.verify(&Depth::default()).await;
    assert!(outcome.code() == BAD && outcome.problems.len() < 2000, "{}", outcome.problems.len());
}
