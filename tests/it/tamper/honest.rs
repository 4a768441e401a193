//! Verify says what it looked at, and never more.

use std::sync::Arc;

use pgseal::Code;
use pgseal::store::fault::{Calls, Fault, Faulty, Kind, Op, Rule, When};
use pgseal::store::layout;
use pgseal::verify::Depth;

use crate::tamper::world::{World, named};

fn counts(o: &pgseal::verify::SourceOutcome) -> [u64; 4] {
    o.backups.iter().fold([0; 4], |a, b| [a[0] + b.objects, a[1] + b.present, a[2] + b.hashed, a[3] + b.opened])
}

#[tokio::test]
async fn counts_are_of_what_was_done() {
    let mut w = World::new();
    w.part_bytes = 100;
    let made = w.chain(2, 950).await;
    assert_eq!(counts(&w.verify(&World::presence()).await), [22, 22, 0, 0]);
    assert_eq!(counts(&w.verify(&World::deep()).await), [22, 22, 22, 0]);
    assert_eq!(counts(&w.verify(&w.open_depth()).await), [22, 22, 22, 22]);

    // A share of each backup, rounded up, and at least one object.
    for (percent, each) in [(100.0, 11), (50.0, 6), (10.0, 2), (9.0, 1), (0.001, 1)] {
        let deep = Depth { sample_percent: Some(percent), ..World::deep() };
        assert_eq!(counts(&w.verify(&deep).await), [22, 22, 2 * each, 0], "{percent}");
        let open = Depth { sample_percent: Some(percent), ..w.open_depth() };
        let found = counts(&w.verify(&open).await);
        // The facts are always opened; they may or may not be in the sample.
        assert!((2 * each..=2 * each + 2).contains(&found[2]) && found[2] == found[3], "{percent}: {found:?}");
    }

    // What is there is looked at even where something is missing, and counted right.
    w.memory.lose(&made[0].part(3));
    let mut flipped = w.bytes(&made[1].part(4));
    flipped[300] ^= 1;
    w.memory.tamper(&made[1].part(4), flipped);
    let outcome = w.verify(&w.open_depth()).await;
    assert_eq!((counts(&outcome), outcome.code()), ([22, 21, 20, 20], Code::Corrupt));
    assert_eq!(named(&outcome), [(made[0].part(3), Code::Corrupt), (made[1].part(4), Code::Corrupt)]);
    // Without the facts nothing can be opened; the rest is at least hashed.
    w.memory.lose(&made[0].facts());
    let outcome = w.verify(&w.open_depth()).await;
    assert_eq!(counts(&outcome), [22, 20, 9 + 10, 10]);
}

#[tokio::test]
async fn samples_come_round_to_every_part() {
    let mut w = World::new();
    w.part_bytes = 100;
    let made = w.chain(1, 500).await.remove(0);
    let mut flipped = w.bytes(&made.part(2));
    flipped[250] ^= 1;
    w.memory.tamper(&made.part(2), flipped);
    let deep = Depth { sample_percent: Some(30.0), ..World::deep() };
    let (mut found, mut missed) = (0, 0);
    for _ in 0..200 {
        match w.verify(&deep).await.code() {
            Code::Corrupt => found += 1,
            Code::Done => missed += 1,
            other => panic!("{other:?}"),
        }
    }
    // Two of six each time: a third of the looks finds it.
    assert!(found > 20 && missed > 60, "{found} found, {missed} missed");
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_says_nothing_about_backups() {
    let mut w = World::new();
    w.chain(2, 300).await;
    let depths = [World::presence(), World::deep(), w.open_depth()];
    for (kind, code) in [
        (Kind::Transient, Code::StoreUnavailable),
        (Kind::Other, Code::StoreUnavailable),
        (Kind::Denied, Code::StoreDenied),
        (Kind::NoRepository, Code::RepositoryMissing),
    ] {
        for depth in &depths {
            // Every operation of the run fails in its turn, once; until one run passes untouched.
            for n in 1.. {
                let faulty = Arc::new(Faulty::new(Arc::clone(&w.memory)));
                faulty.add(Rule::new(Calls::Any, When::Nth(n), Fault::Fail(kind)));
                w.reading.store = Arc::clone(&faulty) as pgseal::store::SharedStore;
                let outcome = w.try_verify(depth).await;
                if faulty.fired() == 0 {
                    assert_eq!(outcome.unwrap().code(), Code::Done);
                    assert!(n > 6, "only {n} operations");
                    break;
                }
                match outcome {
                    Err(e) => assert_eq!(e.code(), code, "{kind:?} at {n}"),
                    // Without the store's time nothing is fresh; a host that only writes may not read reports.
                    Ok(o) if kind == Kind::Other => {
                        assert_eq!((o.code(), o.doubts.len()), (Code::Warnings, 1), "at {n}");
                    }
                    Ok(o) => assert!(kind == Kind::Denied && o.reports_unread.is_some(), "{kind:?} at {n}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn an_object_that_is_listed_but_gone_does_not_hide_the_others() {
    let mut w = World::new();
    let made = w.chain(3, 300).await;
    for (key, what) in [(made[1].key(), "listed but cannot be read"), (made[1].sig(), "signature cannot be read")] {
        let faulty = Faulty::new(Arc::clone(&w.memory));
        faulty.add(Rule::new(Calls::On(Op::Get, key), When::Always, Fault::Fail(Kind::NotFound)));
        w.reading.store = Arc::new(faulty);
        let outcome = w.verify(&World::deep()).await;
        assert!(outcome.problems[0].text.contains(what), "{:?}", outcome.problems);
        assert_eq!((outcome.code(), outcome.backups.len()), (Code::Untrusted, 2));
    }
    // A listing that hides a part, or a signature, is no reason for trust either.
    for (hidden, code) in
        [(made[1].part(1), Code::Corrupt), (made[1].sig(), Code::Untrusted), (made[1].key(), Code::History)]
    {
        let faulty = Faulty::new(Arc::clone(&w.memory));
        faulty.add(Rule::new(Calls::Of(Op::List), When::Always, Fault::HideFromListing(hidden.clone())));
        w.reading.store = Arc::new(faulty);
        assert_eq!(w.verify(&World::presence()).await.code(), code, "{hidden}");
    }
    // Another object's bytes in the place of a manifest.
    let other = layout::manifest(&w.name, 1);
    let faulty = Faulty::new(Arc::clone(&w.memory));
    faulty.add(Rule::new(Calls::On(Op::Get, made[1].key()), When::Always, Fault::OtherObject(other)));
    w.reading.store = Arc::new(faulty);
    assert_eq!(w.verify(&World::presence()).await.code(), Code::Untrusted);
}

#[tokio::test]
async fn an_identity_that_does_not_fit_is_told_as_such() {
    let w = World::new();
    let made = w.chain(1, 300).await.remove(0);
    let other = World::new();
    let outcome = w.verify(&other.open_depth()).await;
    assert_eq!((outcome.code(), named(&outcome)), (Code::NoIdentity, vec![(made.facts(), Code::NoIdentity)]));
    assert_eq!(counts(&outcome), [2, 2, 0, 0]);
    // A restore says so before it fetches anything.
    let entry = w.latest().await.unwrap();
    let before = w.memory.keys();
    for key in before.iter().filter(|k| k.contains("/d/")) {
        w.memory.lose(key);
    }
    let error = pgseal::restore::Opened::open(&w.reading.store, &entry, &other.identities, 1).await.unwrap_err();
    assert_eq!(error.code(), Code::NoIdentity);
    let (has, fits) = (other.identities.short_ids().remove(0), w.identities.short_ids().remove(0));
    assert!(error.text().contains(&has) && error.text().contains(&fits), "{error}");
}
