use jiff::SignedDuration;

use super::*;

fn good() -> Signature {
    Signature::Good { signer: "SHA256:x".into() }
}

/// The sample of a slot, begun at an hour of its own.
fn sample(seq: u64, prev: Option<(u64, Digest)>) -> Manifest {
    dated(seq, prev, i64::try_from(seq).unwrap())
}

fn dated(seq: u64, prev: Option<(u64, Digest)>, hour: i64) -> Manifest {
    let mut m = crate::manifest::parse::tests::sample(seq, prev);
    m.started_at += SignedDuration::from_hours(hour);
    m.finished_at = m.started_at;
    m.backup_id = BackupId::new(m.started_at, [u8::try_from(seq).unwrap(); 8]);
    m.facts.key = crate::store::layout::facts(&m.source, &m.backup_id).to_string();
    m
}

fn link(m: Manifest) -> Link {
    let digest = Digest::of(&crate::manifest::parse::to_bytes(&m).unwrap());
    Link { seq: m.seq, digest, signature: good(), stored_at: m.finished_at, manifest: Some(m), unreadable: None }
}

fn chain(n: u64) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for seq in 1..=n {
        let prev = links.last().map(|l| (l.seq, l.digest));
        links.push(link(sample(seq, prev)));
    }
    links
}

fn judged(links: &[Link], seen: &[Seen]) -> Vec<Problem> {
    let m = sample(1, None);
    let now = m.started_at + SignedDuration::from_hours(1000);
    judge(&Against { repo: &m.repo_id, source: &m.source, seen, now }, links)
}

fn codes(links: &[Link], seen: Option<Seen>) -> Vec<(u64, Code)> {
    judged(links, seen.as_slice()).into_iter().map(|p| (p.seq, p.code)).collect()
}

fn faults(links: &[Link], seen: &[Seen]) -> Vec<(u64, Fault)> {
    judged(links, seen).into_iter().map(|p| (p.seq, p.fault)).collect()
}

fn seen(link: &Link) -> Seen {
    Seen { seq: link.seq, digest: link.digest }
}

#[test]
fn a_whole_chain_is_silent() {
    assert_eq!(codes(&chain(5), None), []);
    let c = chain(5);
    assert_eq!(codes(&c, Some(Seen { seq: 5, digest: c[4].digest })), []);
    assert_eq!(codes(&c, Some(Seen { seq: 3, digest: c[2].digest })), []);
    assert_eq!(codes(&[], None), []);
}

#[test]
fn rollback_gap_and_fork_are_seen() {
    let whole = chain(5);
    let seen = Some(Seen { seq: 5, digest: whole[4].digest });
    assert_eq!(codes(&whole[..2], seen), [(5, Code::History)]);
    assert_eq!(codes(&[], seen), [(5, Code::History)]);
    let mut gap = whole.clone();
    gap.remove(2);
    assert_eq!(codes(&gap, None), [(3, Code::History), (4, Code::History)]);
    let mut fork = whole.clone();
    let mut m = fork[4].manifest.clone().unwrap();
    m.prev_sha256 = Some(Digest::of(b"another"));
    fork[4] = link(m);
    assert_eq!(codes(&fork, None), [(5, Code::History)]);
    assert_eq!(codes(&fork, seen), [(5, Code::History), (5, Code::History)]);
    let mut headless = whole.clone();
    headless.remove(0);
    assert_eq!(codes(&headless, None), [(1, Code::History), (2, Code::History)]);
}

#[test]
fn foreign_and_untrusted_slots_are_seen() {
    let mut c = chain(3);
    c[2].signature = Signature::Bad { reason: "x".into() };
    assert_eq!(codes(&c, None), [(3, Code::Untrusted)]);
    c[2].signature = Signature::Unknown { signer: "k".into(), reason: "x".into(), line: None };
    assert_eq!(codes(&c, None), [(3, Code::Untrusted)]);
    let mut c = chain(2);
    if let Some(m) = &mut c[1].manifest {
        m.source = "other".parse().unwrap();
    }
    assert_eq!(codes(&c, None), [(2, Code::History)]);
    let mut c = chain(2);
    if let Some(m) = &mut c[1].manifest {
        m.pg.system_identifier = "1".into();
    }
    assert_eq!(codes(&c, None), [(2, Code::History)]);
}

#[test]
fn who_replaced_what_was_seen_is_not_introduced() {
    let c = chain(3);
    let all = [seen(&c[2])];
    let line = Some("shop ssh-ed25519 A".to_owned());
    let by_stranger = |c: &mut Vec<Link>| {
        let signature = Signature::Unknown { signer: "k".into(), reason: "x".into(), line: line.clone() };
        for l in c {
            (l.signature, l.manifest) = (signature.clone(), None);
        }
    };
    let introduced = |c: &[Link], seen: &[Seen]| judged(c, seen).iter().filter(|p| p.stranger.is_some()).count();
    let mut same = c.clone();
    by_stranger(&mut same);
    assert_eq!((introduced(&same, &all), introduced(&same, &[])), (3, 3));
    // Other bytes in its place, or nothing.
    let mut other = same.clone();
    other[2].digest = Digest::of(b"other");
    assert_eq!((introduced(&other, &all), introduced(&same[..2], &all)), (0, 0));
}

#[test]
fn a_skipped_slot_with_nothing_in_it_is_unproven() {
    let mut c = chain(1);
    let junk = Link { signature: Signature::Bad { reason: "junk".into() }, manifest: None, seq: 2, ..c[0].clone() };
    let mut m = sample(5, Some((1, c[0].digest)));
    // Not of its own slot, nor of what is before its predecessor.
    m.x.insert(SKIPPED.into(), serde_json::json!([1, 2, 3, 4, 5]));
    c.extend([junk, link(m)]);
    let m = c[0].manifest.clone().unwrap();
    let against = Against { repo: &m.repo_id, source: &m.source, seen: &[], now: m.started_at };
    assert_eq!(against.unproven(&c).into_iter().collect::<Vec<_>>(), [3, 4]);
    assert_eq!(codes(&c, None), [], "whether they were there nobody knows");
    assert!(against.unproven(&chain(5)).is_empty());
}

#[test]
fn junk_that_a_later_manifest_skipped_is_tolerated() {
    let mut c = chain(1);
    let junk = Link { signature: Signature::Bad { reason: "junk".into() }, manifest: None, seq: 2, ..c[0].clone() };
    let mut m = sample(3, Some((1, c[0].digest)));
    m.x.insert(SKIPPED.into(), serde_json::json!([2]));
    c.push(junk);
    c.push(link(m.clone()));
    assert_eq!(codes(&c, None), []);
    // Not by a manifest that belongs elsewhere, nor of slots before its predecessor.
    m.seq = 4;
    c[2].manifest = Some(m);
    assert_eq!(codes(&c, None), [(2, Code::Untrusted), (3, Code::History)]);
    let mut c = chain(3);
    let mut m = sample(4, Some((3, c[2].digest)));
    m.x.insert(SKIPPED.into(), serde_json::json!([2]));
    c.push(link(m));
    c.remove(1);
    assert_eq!(codes(&c, None), [(2, Code::History), (3, Code::History)]);
}

#[test]
fn a_new_system_is_accepted_only_by_true() {
    for (value, expected) in [(serde_json::json!(true), vec![]), (serde_json::json!(false), vec![(2, Code::History)])] {
        let mut c = chain(1);
        let mut m = sample(2, Some((1, c[0].digest)));
        m.pg.system_identifier = "1".into();
        m.x.insert(NEW_SYSTEM.into(), value);
        c.push(link(m));
        assert_eq!(codes(&c, None), expected);
    }
}

#[test]
fn what_was_seen_is_never_forgiven() {
    let c = chain(3);
    let forgiving = |prev: Option<(u64, Digest)>, skipped: &[u64]| {
        let mut m = sample(4, prev);
        m.x.insert(SKIPPED.into(), serde_json::json!(skipped));
        link(m)
    };
    // All that was there is gone, and the new one says that it was junk.
    let forged = forgiving(None, &[1, 2, 3]);
    let alone = std::slice::from_ref(&forged);
    assert_eq!(faults(alone, &[]), []);
    let all = [(1, Fault::Gone), (2, Fault::Gone), (3, Fault::Gone)];
    assert_eq!(faults(alone, &[seen(&c[2])]), [&all[..], &[(3, Fault::Remembered)]].concat());
    assert_eq!(faults(alone, &[seen(&c[0])]), [(1, Fault::Gone), (1, Fault::Remembered)]);
    // The same with their signatures alone.
    let mut bare = c.clone();
    for l in &mut bare {
        l.signature = Signature::Bad { reason: "there is no signature for these bytes".into() };
        l.manifest = None;
    }
    bare.push(forged.clone());
    assert_eq!(faults(&bare, &[]), []);
    assert!(faults(&bare, &[seen(&c[2])]).contains(&(3, Fault::Remembered)));
    // Of what came behind what was seen it may speak.
    let after = forgiving(Some((2, c[1].digest)), &[3]);
    let junk = Link { signature: Signature::Bad { reason: "junk".into() }, manifest: None, ..c[2].clone() };
    let with = |third: &Link| [&c[..2], &[third.clone(), after.clone()]].concat();
    assert_eq!(faults(&with(&junk), &[seen(&c[1])]), []);
    assert_eq!(faults(&with(&junk), &[seen(&c[2])]), [(3, Fault::Signature), (3, Fault::Remembered)]);
    // A host that saw the newest knows by its digest what it may have skipped.
    assert_eq!(faults(&with(&junk), &[seen(&after)]), []);
    // And a good manifest is no junk.
    assert_eq!(faults(&with(&c[2]), &[]), [(3, Fault::Fork), (4, Fault::Fork)]);
}

#[test]
fn what_is_remembered_is_the_end_of_each_whole_piece() {
    let pieces = |links: &[Link]| -> Vec<u64> {
        let m = sample(1, None);
        let against = Against { repo: &m.repo_id, source: &m.source, seen: &[], now: m.started_at };
        let pieces = against.pieces(links, &judged(links, &[]));
        pieces.iter().map(|p| p.last().unwrap().seq).collect()
    };
    let whole = chain(5);
    assert_eq!(pieces(&[]), [0; 0]);
    assert_eq!(pieces(&whole), [5]);
    let mut hole = whole.clone();
    hole.remove(2);
    assert_eq!(pieces(&hole), [2, 5]);
    let mut forked = whole[..3].to_vec();
    forked.push(link(sample(4, Some((2, whole[1].digest)))));
    forked.push(link(sample(5, Some((4, forked[3].digest)))));
    assert_eq!(pieces(&forked), [3]);
}

#[test]
fn ids_are_unique_and_of_their_time() {
    let mut c = chain(2);
    let mut m = sample(3, Some((2, c[1].digest)));
    m.backup_id = c[0].manifest.as_ref().unwrap().backup_id.clone();
    c.push(link(m));
    assert_eq!(faults(&c, &[]), [(3, Fault::Id), (3, Fault::Id)]);
    let mut m = sample(3, Some((2, c[1].digest)));
    m.started_at -= SignedDuration::from_mins(1);
    c[2] = link(m);
    assert_eq!(faults(&c, &[]), [(3, Fault::Id)]);
}

#[test]
fn times_are_judged_along_the_whole_chain() {
    let mut c: Vec<Link> = Vec::new();
    for (seq, hour) in [(1, 1), (2, 2), (3, 500), (4, 4), (5, 5)] {
        let prev = c.last().map(|l| (l.seq, l.digest));
        c.push(link(dated(seq, prev, hour)));
    }
    assert_eq!(faults(&c, &[]), [(3, Fault::Clock)]);
    // Back-dated, long ago: received when it was made.
    let mut back = link(dated(6, Some((5, c[4].digest)), 2));
    back.stored_at += SignedDuration::from_hours(4);
    c.push(back);
    c.push(link(dated(7, Some((6, c[5].digest)), 7)));
    assert_eq!(faults(&c, &[]), [(3, Fault::Clock), (6, Fault::Clock)]);
}
