//! What a sequence of manifests must meet: the signed history.
//!
//! Pure: the catalog fetches, this judges.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Code;
use crate::keys::trust::Signature;
use crate::manifest::Manifest;
use crate::types::{Digest, RepoId, SourceName};

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

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
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
/// * system identifier: does not change without notice, else 42.
pub fn judge(repo: &RepoId, source: &SourceName, links: &[Link], seen: Option<Seen>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |seq: u64, code: Code, text: String| problems.push(Problem { seq, code, text });
    let skipped = skipped_slots(links);
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
        if m.repo_id != *repo || m.source != *source || m.seq != link.seq {
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
            && !m.x.contains_key(NEW_SYSTEM)
        {
            say(link.seq, Code::History, "is of another database system than the backups before it".into());
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

/// Slots that valid manifests list as skipped because junk lay there.
fn skipped_slots(links: &[Link]) -> std::collections::HashSet<u64> {
    links
        .iter()
        .filter_map(|l| l.manifest.as_ref())
        .filter_map(|m| m.x.get(SKIPPED)?.as_array().cloned())
        .flatten()
        .filter_map(|v| v.as_u64())
        .collect()
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
        Link {
            seq: m.seq,
            digest,
            signature: good(),
            manifest: Some(m),
            unreadable: None,
            stored_at: Timestamp::UNIX_EPOCH,
        }
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
        c.push(link(m));
        assert_eq!(codes(&c, None), []);
    }
}
