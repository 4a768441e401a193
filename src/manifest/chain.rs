//! What a sequence of manifests must meet: the signed history.
//!
//! Pure: the catalog fetches, this judges.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::error::Code;
use crate::keys::trust::Signature;
use crate::manifest::Manifest;
use crate::types::{Digest, RepoId, SourceName};

/// How far clocks may be apart before it counts as a lie.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// Where skipped slots are named: a field of `x`, an array of numbers.
pub const SKIPPED: &str = "skipped";

/// One slot of the chain as it was found in the store.
#[derive(Debug, Clone)]
pub struct Link {
    /// Slot, from the key.
    pub seq: u64,
    /// SHA-256 of the stored manifest bytes.
    pub digest: Digest,
    /// What the signature is worth.
    pub signature: Signature,
    /// The document; only parsed when the signature is good.
    pub manifest: Option<Manifest>,
    /// Why a well-signed document could not be read.
    pub unreadable: Option<(Code, String)>,
    /// When the store says it was written.
    pub stored_at: Timestamp,
}

/// Something wrong with the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Slot.
    pub seq: u64,
    /// 41, 42, 40 or 44.
    #[serde(serialize_with = "as_number")]
    pub code: Code,
    /// What is the matter.
    pub text: String,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn as_number<S: serde::Serializer>(code: &Code, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u8(code.number())
}

/// What this host saw of the chain before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Highest slot.
    pub seq: u64,
    /// Its digest.
    pub digest: Digest,
}

/// Judges `links` (sorted by slot) of one source.
///
/// * signatures: bad or unknown is 41;
/// * documents: of this repository, source and slot, else 42;
/// * links: each valid manifest names the valid one before it, else 42 (fork, gap);
/// * slots: none missing unless a later valid manifest lists it as skipped, else 42;
/// * `seen`: the chain reaches at least as far as before, with the same bytes, else 42;
/// * system identifier: does not change without notice, else 42;
/// * time: the newest was not finished long before its predecessor was begun, nor
///   begun long after the store received it, else 42.
pub fn judge(repo: &RepoId, source: &SourceName, links: &[Link], seen: Option<Seen>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |seq: u64, code: Code, text: String| problems.push(Problem { seq, code, text });
    let skipped = skipped_slots(repo, source, links);
    let mut before: Option<&Link> = None;
    let mut next = 1u64;
    for link in links {
        for missing in next..link.seq.min(next + 1000) {
            if !skipped.contains(&missing) {
                say(missing, Code::History, "the manifest of this slot is gone".into());
            }
        }
        next = link.seq + 1;
        match &link.signature {
            Signature::Good { .. } => {}
            _ if skipped.contains(&link.seq) => continue,
            Signature::Unknown { signer, reason } => {
                say(link.seq, Code::Untrusted, format!("signed by {signer}, which is not trusted: {reason}"));
                continue;
            }
            Signature::Bad { reason } => {
                say(link.seq, Code::Untrusted, format!("bad signature: {reason}"));
                continue;
            }
        }
        let Some(m) = &link.manifest else {
            let (code, why) = link.unreadable.clone().unwrap_or((Code::Corrupt, "not readable".into()));
            say(link.seq, code, why);
            continue;
        };
        if !belongs(m, repo, source, link.seq) {
            say(
                link.seq,
                Code::History,
                format!("belongs to slot {} of source {} in repository {}", m.seq, m.source, m.repo_id),
            );
            continue;
        }
        match before {
            Some(b) if m.prev_seq != Some(b.seq) || m.prev_sha256 != Some(b.digest) => {
                say(
                    link.seq,
                    Code::History,
                    format!("does not follow slot {}: the history was forked or rewritten", b.seq),
                );
            }
            None if m.prev_seq.is_some() => {
                say(link.seq, Code::History, "its predecessor is gone".into());
            }
            _ => {}
        }
        if let Some(b) = before.and_then(|b| b.manifest.as_ref())
            && b.pg.system_identifier != m.pg.system_identifier
            && m.x.get(NEW_SYSTEM) != Some(&serde_json::Value::Bool(true))
        {
            say(link.seq, Code::History, "is of another database system than the backups before it".into());
        }
        // Only of the newest: a clock that was wrong once is no alarm for ever.
        if links.last().is_some_and(|last| last.seq == link.seq)
            && let Some(text) = clock(m, before.and_then(|b| b.manifest.as_ref()), link.stored_at)
        {
            say(link.seq, Code::History, text);
        }
        before = Some(link);
    }
    if let Some(seen) = seen {
        match links.iter().find(|l| l.seq == seen.seq) {
            Some(l) if l.digest == seen.digest => {}
            Some(_) => say(seen.seq, Code::History, "is not the manifest that this host saw before".into()),
            None if links.last().is_none_or(|l| l.seq < seen.seq) => {
                say(seen.seq, Code::History, "this host saw this slot before: the history was rolled back".into());
            }
            // A hole in the middle was already told above.
            None => {}
        }
    }
    problems
}

/// Field of `x` by which the operator accepted a new system identifier.
pub const NEW_SYSTEM: &str = "accepted_new_system";

/// Whether a manifest lies where it says it belongs.
fn belongs(m: &Manifest, repo: &RepoId, source: &SourceName, seq: u64) -> bool {
    m.repo_id == *repo && m.source == *source && m.seq == seq
}

/// What is wrong with the times of `m`, written after `before` and received at `stored_at`.
fn clock(m: &Manifest, before: Option<&Manifest>, stored_at: Timestamp) -> Option<String> {
    let later = |a: Timestamp, b: Timestamp| a.duration_since(b) > SKEW;
    if later(m.started_at, stored_at) {
        return Some(format!("was begun at {}, but the store received it at {stored_at}", m.started_at));
    }
    let b = before.filter(|b| later(b.started_at, m.finished_at))?;
    Some(format!("time ran backwards: finished at {}, its predecessor was begun at {}", m.finished_at, b.started_at))
}

/// Slots that valid manifests list as skipped because junk lay there. A manifest
/// speaks only for its own chain, and only of slots between its predecessor and itself.
fn skipped_slots(repo: &RepoId, source: &SourceName, links: &[Link]) -> std::collections::HashSet<u64> {
    let mut skipped = std::collections::HashSet::new();
    for link in links {
        let Some(m) = link.manifest.as_ref().filter(|m| belongs(m, repo, source, link.seq)) else { continue };
        let listed = m.x.get(SKIPPED).and_then(serde_json::Value::as_array).into_iter().flatten();
        let between = |s: &u64| *s > m.prev_seq.unwrap_or(0) && *s < m.seq;
        skipped.extend(listed.filter_map(serde_json::Value::as_u64).filter(between));
    }
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse::tests::sample;

    fn good() -> Signature {
        Signature::Good { signer: "SHA256:x".into() }
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

    fn codes(links: &[Link], seen: Option<Seen>) -> Vec<(u64, Code)> {
        let m = sample(1, None);
        judge(&m.repo_id, &m.source, links, seen).into_iter().map(|p| (p.seq, p.code)).collect()
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
        c[2].signature = Signature::Unknown { signer: "k".into(), reason: "x".into() };
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
        for (value, expected) in
            [(serde_json::json!(true), vec![]), (serde_json::json!(false), vec![(2, Code::History)])]
        {
            let mut c = chain(1);
            let mut m = sample(2, Some((1, c[0].digest)));
            m.pg.system_identifier = "1".into();
            m.x.insert(NEW_SYSTEM.into(), value);
            c.push(link(m));
            assert_eq!(codes(&c, None), expected);
        }
    }

    #[test]
    fn time_that_runs_backwards_is_seen_at_the_newest_only() {
        let dated = |seq: u64, prev: Option<&Link>, hours: i64| {
            let mut m = sample(seq, prev.map(|l| (l.seq, l.digest)));
            m.started_at += SignedDuration::from_hours(hours);
            m.finished_at = m.started_at;
            link(m)
        };
        let first = dated(1, None, 5);
        let second = dated(2, Some(&first), 3);
        assert_eq!(codes(&[first.clone(), second.clone()], None), [(2, Code::History)]);
        let third = dated(3, Some(&second), 6);
        assert_eq!(codes(&[first.clone(), second, third], None), []);
        let close = dated(2, Some(&first), 4);
        assert_eq!(codes(&[first.clone(), close], None), []);
        // Begun after the store had it.
        let mut early = dated(2, Some(&first), 6);
        early.stored_at -= SignedDuration::from_hours(2);
        assert_eq!(codes(&[first, early], None), [(2, Code::History)]);
    }
}
