//! What a host saw is never forgiven, and times do not run backwards: attacks by who
//! holds the signing key, can delete, replays, or sets a clock.

use jiff::{SignedDuration, Timestamp};
use pgseal::Code;
use pgseal::catalog::{Catalog, Selector, proof};
use pgseal::keys::Namespace;
use pgseal::manifest::{Fault, Manifest, chain};
use pgseal::store::layout;
use pgseal::types::{BackupId, Digest};
use pgseal::verify::Depth;

use crate::tamper::world::{Made, World, noise, problems};

/// What every command sees: verify's code and problems, and what each name leads to.
async fn seen(w: &World) -> (Code, Vec<(u64, Code)>) {
    let outcome = w.verify(&Depth::default()).await;
    (outcome.code(), problems(&outcome))
}

async fn named(w: &World, name: &str) -> Result<u64, Code> {
    let catalog = Catalog::load(&w.reading, &w.name).await.unwrap();
    let (proofs, _) = proof::load(&w.reading, &w.name).await.unwrap();
    let selector: Selector = name.parse().unwrap();
    selector.find(&[catalog], &proofs).map(|e| e.manifest.seq).map_err(|e| e.code())
}

fn lose(w: &World, made: &[Made], manifests: bool) {
    for m in made {
        w.memory.lose(&m.sig());
        if manifests {
            w.memory.lose(&m.key());
        }
    }
}

#[tokio::test]
async fn a_signer_who_deletes_is_not_forgiven() {
    for manifests in [true, false] {
        let w = World::new();
        let made = w.chain(3, 100).await;
        let plain = noise(100, 9);
        // What a drill, a restore and a listing do; no verify.
        assert_eq!(named(&w, "shop@latest").await, Ok(3));
        lose(&w, &made, manifests);
        let mut m = w.draft(4, None, &plain).await;
        m.x.insert(chain::SKIPPED.into(), vec![1, 2, 3].into());
        let forged = w.put(m, &plain);
        for _ in 0..2 {
            let (code, found) = seen(&w).await;
            assert!(matches!(code, Code::History | Code::Untrusted), "{code:?}");
            assert!(found.contains(&(3, Code::History)), "{found:?}");
            let today = Timestamp::now().strftime("%F");
            for name in ["shop@latest", "shop@latest-proven", &format!("shop@{today}")] {
                assert_eq!(named(&w, name).await, Err(Code::History), "{name}");
            }
        }
        // On the worst day one can still be named.
        assert_eq!(named(&w, forged.manifest.backup_id.as_str()).await, Ok(4));
        assert_eq!(named(&w, "shop@#4").await, Ok(4));
        // Nothing of it was learnt: with all back as it was, all is well.
        lose(&w, std::slice::from_ref(&forged), true);
        for m in made {
            w.put(m.manifest, &m.plain);
        }
        assert_eq!(seen(&w).await, (Code::Done, vec![]));
    }
}

#[tokio::test]
async fn a_host_without_memory_is_told_what_skipped_slots_do_not_prove() {
    let w = World::new();
    let made = w.chain(3, 100).await;
    let plain = noise(100, 9);
    lose(&w, &made, true);
    let mut m = w.draft(4, None, &plain).await;
    m.x.insert(chain::SKIPPED.into(), vec![1, 2, 3].into());
    w.put(m, &plain);
    // Nothing lies there: each look says so, not only the first.
    for _ in 0..2 {
        let o = w.verify(&World::presence()).await;
        assert_eq!((o.code(), o.problems.len()), (Code::Warnings, 0), "{o:?}");
        assert!(o.doubts.iter().any(|d| d.contains("slots 1, 2, 3 as skipped")), "{:?}", o.doubts);
    }
    // What every slot that was rightly skipped has in it.
    for m in &made {
        w.memory.tamper(&m.key(), b"junk".to_vec());
    }
    let o = w.verify(&World::presence()).await;
    assert_eq!((o.code(), o.doubts), (Code::Done, vec![]));
}

#[tokio::test]
async fn every_reader_remembers_and_a_hole_does_not_end_it() {
    let w = World::new();
    let made = w.chain(5, 100).await;
    let good = w.objects();
    w.memory.lose(&made[1].key());
    // There is a hole, and what is behind it is seen all the same.
    assert_eq!(named(&w, "shop@latest").await, Ok(5));
    w.memory.lose(&made[4].key());
    assert_eq!(named(&w, "shop@latest").await, Err(Code::History));
    assert!(seen(&w).await.1.contains(&(5, Code::History)));
    // Brought back, nothing is held against it.
    w.with_objects(&good);
    assert_eq!(seen(&w).await, (Code::Done, vec![]));
    // An old state, whole in itself, replayed.
    let old: Vec<_> = good.iter().filter(|(k, _)| !k.contains("0000000005")).cloned().collect();
    w.with_objects(&old);
    assert_eq!(named(&w, "shop@latest").await, Err(Code::History));
}

#[tokio::test]
async fn signed_reports_are_witnesses_of_hosts_without_memory() {
    let w = World::new();
    let made = w.chain(3, 100).await;
    let good = w.objects();
    let report = |of: &Made, source: &str, seq: u64, digest: &Digest| {
        serde_json::to_vec(&serde_json::json!({
            "format": "pgseal-drill-report", "version": 1, "backup_id": of.manifest.backup_id, "source": source,
            "seq": seq, "manifest_sha256": digest, "verdict": "passed", "proof_level": "data",
        }))
        .unwrap()
    };
    let put = |seq: u64, run: &str, bytes: &[u8]| {
        let sig = w.signer.sign(Namespace::Report, bytes).unwrap();
        w.memory.tamper(layout::report(&w.name, seq, run).as_str(), bytes.to_vec());
        w.memory.tamper(layout::report_sig(&w.name, seq, run).as_str(), sig.into_bytes());
    };
    let third = report(&made[2], "shop", 3, &made[2].digest);
    put(3, "r1", &third);
    assert_eq!(seen(&w).await, (Code::Done, vec![]));
    assert_eq!(named(&w, "shop@latest-proven").await, Ok(3));
    lose(&w, &made[2..], true);
    w.forget_witness();
    assert_eq!(named(&w, "shop@latest").await, Err(Code::History));
    assert_eq!(seen(&w).await, (Code::History, vec![(3, Code::History)]));
    assert_eq!(named(&w, made[1].manifest.backup_id.as_str()).await, Ok(2));
    // Another one in its place, which the same key signed.
    w.with_objects(&good);
    let plain = noise(100, 9);
    let forged = w.draft(3, Some(made[1].slot()), &plain).await;
    w.memory.lose(&made[2].sig());
    w.put(forged, &plain);
    put(3, "r1", &third);
    w.forget_witness();
    assert_eq!(seen(&w).await, (Code::History, vec![(3, Code::History)]));
    // A copy under another name, of another source, without a signature: no alarm.
    w.with_objects(&good);
    w.forget_witness();
    put(3, "r1", &third);
    put(9, "copied", &third);
    put(9, "other", &report(&made[2], "crm", 9, &made[2].digest));
    w.memory.tamper(layout::report(&w.name, 8, "bare").as_str(), report(&made[2], "shop", 8, &made[2].digest));
    assert_eq!(seen(&w).await, (Code::Done, vec![]));
}

/// Gives a manifest another time, hours from now.
fn dated(m: Manifest, hours: i64) -> Manifest {
    minutes(m, hours * 60)
}

fn minutes(mut m: Manifest, minutes: i64) -> Manifest {
    m.started_at = Timestamp::now() + SignedDuration::from_mins(minutes);
    m.finished_at = m.started_at;
    m.backup_id = BackupId::new(m.started_at, pgseal::types::ids::random_bytes().unwrap());
    m.facts.key = layout::facts(&m.source, &m.backup_id).to_string();
    m
}

async fn history(w: &World, hours: &[i64]) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for (hours, seq) in hours.iter().zip(1..) {
        let plain = noise(10, seq);
        let m = dated(w.draft(seq, made.last().map(Made::slot), &plain).await, *hours);
        made.push(w.put(m, &plain));
    }
    made
}

async fn faults(w: &World) -> Vec<(u64, Fault)> {
    let catalog = Catalog::load(&w.reading, &w.name).await.unwrap();
    catalog.problems.iter().map(|p| (p.seq, p.fault)).collect()
}

#[tokio::test]
async fn a_back_dated_backup_is_of_no_day_and_out_of_line() {
    let w = World::new();
    let day = |hours: i64| (Timestamp::now() + SignedDuration::from_hours(hours)).strftime("%F").to_string();
    history(&w, &[-96, -72, -48, -24, -84]).await;
    assert_eq!(faults(&w).await, [(5, Fault::Clock)]);
    assert_eq!(seen(&w).await.0, Code::History);
    assert_eq!(named(&w, &format!("shop@{}", day(-72))).await, Ok(2));
    assert_eq!(named(&w, &format!("shop@{}", day(-48))).await, Ok(3));
    assert_eq!(named(&w, "shop@latest").await, Err(Code::History));
    // The same id twice: the honest one stays what its id names.
    let w = World::new();
    let made = history(&w, &[-72, -48]).await;
    let plain = noise(10, 9);
    let mut m = w.draft(3, Some(made[1].slot()), &plain).await;
    (m.backup_id, m.facts.key) = (made[0].manifest.backup_id.clone(), made[0].manifest.facts.key.clone());
    w.put(m, &plain);
    assert_eq!(faults(&w).await, [(3, Fault::Id), (3, Fault::Id)]);
    assert_eq!(named(&w, made[0].manifest.backup_id.as_str()).await, Ok(1));
}

#[tokio::test]
async fn a_clock_that_was_ahead_once_leaves_the_next_backup_usable() {
    let w = World::new();
    history(&w, &[-72, -48, 90]).await;
    assert_eq!(faults(&w).await, [(3, Fault::Clock)]);
    assert_eq!(named(&w, "shop@latest").await, Err(Code::History));
    let w = World::new();
    let made = history(&w, &[-72, 90, 0]).await;
    assert_eq!(faults(&w).await, [(2, Fault::Clock)]);
    assert_eq!(named(&w, "shop@latest").await, Ok(3));
    assert_eq!(named(&w, made[1].manifest.backup_id.as_str()).await, Ok(2));
    // Two hosts that are some minutes apart are no fault.
    let w = World::new();
    let mut before = None;
    for (offset, seq) in [(-30, 1), (-40, 2), (-20, 3)] {
        let plain = noise(10, seq);
        before = Some(w.put(minutes(w.draft(seq, before, &plain).await, offset), &plain).slot());
    }
    assert_eq!(faults(&w).await, []);
}

#[tokio::test]
async fn a_manifest_of_the_future_is_never_fresh() {
    let w = World::new();
    let plain = noise(10, 1);
    let mut m = w.draft(1, None, &plain).await;
    m.next_due = Some(Timestamp::now() + SignedDuration::from_hours(24));
    w.put(m.clone(), &plain);
    let outcome = w.verify(&Depth::default()).await;
    assert_eq!((outcome.code(), outcome.doubts), (Code::Done, vec![]));
    // Half an hour ahead: not out of line, and not to be believed.
    let w = World::new();
    w.put(minutes(w.draft(1, None, &plain).await, 30), &plain);
    let outcome = w.verify(&Depth::default()).await;
    assert_eq!(problems(&outcome), []);
    assert!(outcome.doubts.iter().any(|d| d.contains("backup #1 is of")), "{:?}", outcome.doubts);
}
