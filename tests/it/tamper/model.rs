//! Generated histories: whatever a signer, a deleter, a replayer and an honest writer do to
//! a store, what a host saw is there, or the host says so.

use std::collections::{BTreeMap, HashSet};

use jiff::SignedDuration;
use pgseal::Code;
use pgseal::catalog::witness::Witness;
use pgseal::keys::Signature;
use pgseal::manifest::chain::{Against, Link, SKIPPED, judge};
use pgseal::manifest::{Manifest, parse};
use pgseal::types::{BackupId, Digest};

use crate::tamper::world::{World, noise};

type Store = BTreeMap<u64, Link>;

fn link(m: Manifest) -> Link {
    Link {
        seq: m.seq,
        digest: Digest::of(&parse::to_bytes(&m).unwrap()),
        signature: Signature::Good { signer: "SHA256:x".into() },
        stored_at: m.finished_at,
        manifest: Some(m),
        unreadable: None,
    }
}

/// A store, a host with its memory, an honest writer and an attacker who signs, deletes,
/// replays and fills: whatever comes of it, what the host saw in a whole history is there
/// as it was, or the host says so.
#[tokio::test]
async fn whatever_is_done_what_was_seen_is_there_or_missed() {
    let w = World::new();
    let base = w.draft(1, None, &noise(10, 1)).await;
    let sample = |seq: u64, prev: Option<(u64, Digest)>| {
        let mut m = base.clone();
        m.started_at += SignedDuration::from_hours(i64::try_from(seq).unwrap());
        m.finished_at = m.started_at;
        m.backup_id = BackupId::new(m.started_at, [u8::try_from(seq).unwrap(); 8]);
        (m.seq, m.prev_seq, m.prev_sha256) = (seq, prev.map(|p| p.0), prev.map(|p| p.1));
        m
    };
    let (repo, source) = (base.repo_id.clone(), base.source.clone());
    let mut rng = fastrand::Rng::with_seed(42);
    let (mut alarms, mut silent) = (0, 0);
    for round in 0..400 {
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::new(dir.path(), &repo, &source);
        let mut store = Store::new();
        let mut old: Vec<Store> = Vec::new();
        let mut known: HashSet<(u64, Digest)> = HashSet::new();
        let mut honest = true;
        for _ in 0..rng.usize(5..20) {
            let links: Vec<Link> = store.values().cloned().collect();
            let valid: Vec<&Link> = links.iter().filter(|l| l.manifest.is_some()).collect();
            let head = valid.last().map(|l| (l.seq, l.digest));
            let next = links.last().map_or(1, |l| l.seq + 1);
            let write = |store: &mut Store, seq: u64, prev: Option<(u64, Digest)>, skip: Vec<u64>, mark: u8| {
                let mut m = sample(seq, prev.filter(|p| p.0 < seq));
                m.label = Some(format!("{mark}"));
                m.x.insert(SKIPPED.into(), skip.into());
                store.insert(seq, link(m));
            };
            let attack = round % 4 != 0;
            match rng.u8(0..if attack { 10 } else { 5 }) {
                0..=3 => {
                    let skip: Vec<u64> =
                        (head.map_or(1, |h| h.0 + 1)..next).filter(|s| store.contains_key(s)).collect();
                    // An honest writer's host remembers, too: it skips nothing that was a backup.
                    let skip = skip.into_iter().filter(|s| !known.iter().any(|k| k.0 == *s)).collect();
                    write(&mut store, next, head, skip, 0);
                }
                // Junk from outside.
                4 => {
                    let signature = Signature::Bad { reason: "junk".into() };
                    let digest = Digest::of(&[rng.u8(..)]);
                    let junk = Link { signature, manifest: None, ..link(sample(next, None)) };
                    store.insert(next, Link { digest, ..junk });
                }
                5 => drop(store.remove(&rng.u64(1..=next))),
                6 => {
                    if let Some(l) = store.get_mut(&rng.u64(1..=next)) {
                        l.signature = Signature::Bad { reason: "gone".into() };
                        l.manifest = None;
                    }
                }
                7 | 8 => {
                    let prev = (!valid.is_empty()).then(|| valid[rng.usize(..valid.len())]).map(|l| (l.seq, l.digest));
                    let prev = prev.filter(|_| rng.bool());
                    let seq = if rng.bool() { next } else { rng.u64(1..=next) };
                    write(&mut store, seq, prev, (1..seq).collect(), rng.u8(1..));
                }
                _ => {
                    if !old.is_empty() {
                        store = old[rng.usize(..old.len())].clone();
                    }
                }
            }
            honest &= !attack;
            old.push(store.clone());
            // A look, sometimes.
            if rng.bool() {
                continue;
            }
            let links: Vec<Link> = store.values().cloned().collect();
            let seen = witness.read().unwrap();
            let now = sample(1, None).started_at + SignedDuration::from_hours(1000);
            let against = Against { repo: &repo, source: &source, seen: &seen, now };
            let problems = judge(&against, &links);
            let there: HashSet<(u64, Digest)> =
                links.iter().filter(|l| against.valid(l).is_some()).map(|l| (l.seq, l.digest)).collect();
            if !known.is_subset(&there) {
                assert!(problems.iter().any(|p| p.code == Code::History), "round {round}: {problems:?}");
                alarms += 1;
            }
            if honest {
                let foul = problems.iter().filter(|p| head_of(&links) > p.seq).count();
                assert_eq!(foul, 0, "round {round}: {problems:?}");
            }
            if !problems.iter().any(|p| p.fault.hides()) {
                witness.advance(&against.pieces(&links, &problems), now).unwrap();
            }
            if problems.is_empty() {
                known.extend(there);
                silent += 1;
            }
        }
    }
    assert!(alarms > 100 && silent > 300, "{alarms} alarms, {silent} whole histories");
}

/// The newest valid number: junk behind it is told until a backup goes behind it.
fn head_of(links: &[Link]) -> u64 {
    links.iter().filter(|l| l.manifest.is_some()).map(|l| l.seq).max().unwrap_or(0)
}
