//! What a sequence of manifests must meet: the signed history.
//!
//! Pure: the catalog fetches, this judges.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::clock::{self, Times};
use super::problem::{Fault, Problem, Stranger};
use crate::error::Code;
use crate::keys::trust::Signature;
use crate::manifest::Manifest;
use crate::types::{BackupId, Digest, Lsn, RepoId, SourceName};

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

/// A backup that this host saw before, with a good signature. As each manifest
/// names the digest of its predecessor, it stands for all before it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Slot.
    pub seq: u64,
    /// Its digest.
    pub digest: Digest,
}

/// What one chain is judged against.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// The repository, as pinned.
    pub repo: &'a RepoId,
    /// The source.
    pub source: &'a SourceName,
    /// What this host saw before.
    pub seen: &'a [Seen],
    /// The store's time.
    pub now: Timestamp,
}

/// Judges `links` (sorted by slot) of one source.
///
/// * signatures: bad or unknown is 41;
/// * documents: of this repository, source and slot, else 42;
/// * links: each valid manifest names the valid one before it, else 42 (fork, gap);
/// * slots: none missing unless a later valid manifest lists it as skipped, else 42;
/// * `seen`: each is there, with the same bytes and a good signature, else 42;
/// * system identifier: does not change without notice, else 42;
/// * time: rises along the chain ([`clock`]), else 42 for the one that is out of line;
/// * ids: each is new, and of the time at which the backup was begun, else 42.
pub fn judge(against: &Against<'_>, links: &[Link]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let valid: HashMap<u64, &Link> = links.iter().filter(|l| against.valid(l).is_some()).map(|l| (l.seq, l)).collect();
    let skipped = against.skipped(links);
    let mut ids: HashMap<&BackupId, u64> = HashMap::new();
    let mut before: Option<(&Link, &Manifest)> = None;
    let mut next = 1u64;
    for link in links {
        for missing in (next..link.seq.min(next + 1000)).filter(|s| !skipped.contains(s)) {
            problems.push(Problem::new(missing, Fault::Gone, "the manifest of this slot is gone"));
        }
        next = link.seq + 1;
        let Some(m) = against.valid(link) else {
            problems.extend(invalid(link, skipped.contains(&link.seq)));
            continue;
        };
        let mut say = |fault: Fault, text: String| problems.push(Problem::new(link.seq, fault, text));
        if skipped.contains(&link.seq) {
            say(Fault::Fork, "a later manifest says that there is none here: one of the two is forged".into());
        }
        if let Some((fault, text)) = follows(link, m, before.map(|b| b.0), &valid) {
            say(fault, text);
        }
        if let Some((_, b)) = before
            && b.pg.system_identifier != m.pg.system_identifier
            && m.x.get(NEW_SYSTEM) != Some(&serde_json::Value::Bool(true))
        {
            say(Fault::System, "is of another database system than the backups before it".into());
        }
        if let Some(first) = ids.get(&m.backup_id) {
            say(Fault::Id, format!("has the id of backup #{first}"));
        } else {
            ids.insert(&m.backup_id, link.seq);
        }
        if !m.backup_id.is_of(m.started_at) {
            say(Fault::Id, format!("its id is not of the time at which it was begun, {}", m.started_at));
        }
        before = Some((link, m));
    }
    let times: Vec<Times> = links
        .iter()
        .filter_map(|l| Some((l, against.valid(l)?)))
        .map(|(l, m)| Times { seq: l.seq, started: m.started_at, finished: m.finished_at, stored: l.stored_at })
        .collect();
    let out_of_line = clock::judge(&times, against.now).into_iter();
    problems.extend(out_of_line.map(|(seq, text)| Problem::new(seq, Fault::Clock, text)));
    problems.extend(against.forgotten(links, &valid));
    // Whose bytes stand where this host saw others is nobody to be introduced to.
    if against.seen.iter().any(|s| links.iter().all(|l| (l.seq, l.digest) != (s.seq, s.digest))) {
        for p in &mut problems {
            p.stranger = None;
        }
    }
    problems
}

/// What is wrong with what a valid manifest says of the one before it.
fn follows(link: &Link, m: &Manifest, before: Option<&Link>, valid: &HashMap<u64, &Link>) -> Option<(Fault, String)> {
    if m.prev_seq == before.map(|b| b.seq) && m.prev_sha256 == before.map(|b| b.digest) {
        return None;
    }
    let gone = m.prev_seq.is_some_and(|p| p < link.seq && !valid.contains_key(&p));
    let fault = if gone { Fault::Orphan } else { Fault::Fork };
    Some(match before {
        Some(b) => (fault, format!("does not follow slot {}: the history was forked or rewritten", b.seq)),
        None => (fault, "its predecessor is gone".into()),
    })
}

/// What is wrong with one that is not valid.
fn invalid(link: &Link, skipped: bool) -> Option<Problem> {
    let untrusted = |text: String| (!skipped).then(|| Problem::new(link.seq, Fault::Signature, text));
    match (&link.signature, &link.manifest) {
        (Signature::Unknown { signer, reason, line }, _) => {
            let stranger = line.clone().map(|line| Stranger { signer: signer.clone(), line });
            untrusted(format!("signed by {signer}, which is not trusted: {reason}")).map(|p| Problem { stranger, ..p })
        }
        (Signature::Bad { reason }, _) => untrusted(format!("bad signature: {reason}")),
        (Signature::Good { .. }, Some(m)) => {
            let text = format!("belongs to slot {} of source {} in repository {}", m.seq, m.source, m.repo_id);
            Some(Problem::new(link.seq, Fault::Foreign, text))
        }
        (Signature::Good { .. }, None) => {
            let (code, why) = link.unreadable.clone().unwrap_or((Code::Corrupt, "not readable".into()));
            Some(Problem { code, ..Problem::new(link.seq, Fault::Unreadable, why) })
        }
    }
}

impl Against<'_> {
    /// The document, where the signature is good and it lies where it belongs.
    pub fn valid<'l>(&self, link: &'l Link) -> Option<&'l Manifest> {
        let good = matches!(link.signature, Signature::Good { .. });
        let belongs = |m: &&Manifest| m.repo_id == *self.repo && m.source == *self.source && m.seq == link.seq;
        link.manifest.as_ref().filter(|_| good).filter(belongs)
    }

    /// Slots that valid manifests list as skipped because junk lay there. A manifest
    /// speaks only of slots between its predecessor and itself, and a new one never of
    /// what this host already saw: a signer who can delete would forgive himself.
    fn skipped(&self, links: &[Link]) -> HashSet<u64> {
        let newest_seen = self.seen.iter().map(|s| s.seq).max().unwrap_or(0);
        let mut skipped = HashSet::new();
        for m in links.iter().filter_map(|l| self.valid(l)) {
            let after = m.prev_seq.unwrap_or(0).max(if m.seq > newest_seen { newest_seen } else { 0 });
            let listed = m.x.get(SKIPPED).and_then(serde_json::Value::as_array).into_iter().flatten();
            skipped.extend(listed.filter_map(serde_json::Value::as_u64).filter(|s| *s > after && *s < m.seq));
        }
        skipped
    }

    /// Slots that are listed as skipped and in which nothing lies. A writer lists only
    /// what it found something in, and nothing of pgseal's takes that away: whoever
    /// wrote such a list, or somebody since, deleted what lay there.
    pub fn unproven(&self, links: &[Link]) -> BTreeSet<u64> {
        let there: HashSet<u64> = links.iter().map(|l| l.seq).collect();
        self.skipped(links).difference(&there).copied().collect()
    }

    /// What this host saw and is not there as it was.
    fn forgotten(&self, links: &[Link], valid: &HashMap<u64, &Link>) -> Vec<Problem> {
        let missing = |s: &&Seen| valid.get(&s.seq).is_none_or(|l| l.digest != s.digest);
        let say = |s: &Seen| {
            let text = match links.iter().find(|l| l.seq == s.seq) {
                Some(l) if l.digest == s.digest => "this host saw it with a good signature, which it has no more",
                Some(_) => "is not the manifest that this host saw before",
                None => "this host saw this slot before: the history was rolled back",
            };
            Problem::new(s.seq, Fault::Remembered, text)
        };
        self.seen.iter().filter(missing).map(say).collect()
    }

    /// The chain in pieces that are whole, as what a host remembers of it: the last of
    /// each piece stands for all of it. Not those that begin with a fork: to
    /// remember the forged side would call the true one a forgery once it is back.
    pub fn pieces(&self, links: &[Link], problems: &[Problem]) -> Vec<Vec<Seen>> {
        let forks: HashSet<u64> = problems.iter().filter(|p| p.fault == Fault::Fork).map(|p| p.seq).collect();
        let mut pieces: Vec<(bool, Vec<Seen>)> = Vec::new();
        for (link, m) in links.iter().filter_map(|l| Some((l, self.valid(l)?))) {
            let this = Seen { seq: link.seq, digest: link.digest };
            let forked = forks.contains(&link.seq);
            match pieces.last_mut() {
                Some((_, piece))
                    if !forked
                        && piece
                            .last()
                            .is_some_and(|l| m.prev_seq == Some(l.seq) && m.prev_sha256 == Some(l.digest)) =>
                {
                    piece.push(this);
                }
                _ => pieces.push((forked, vec![this])),
            }
        }
        pieces.into_iter().filter(|(forked, _)| !forked).map(|(_, piece)| piece).collect()
    }
}

/// Field of `x` that says where the server's write-ahead log was before the dump.
pub const POSITION: &str = "lsn";

/// Up to where a backup has what its server had written, at least.
pub fn position(m: &Manifest) -> Option<Lsn> {
    let noted = || m.x.get(POSITION)?.as_str()?.parse().ok();
    m.pg.stop_lsn.or_else(noted)
}

/// Field of `x` by which the operator accepted a new system identifier.
pub const NEW_SYSTEM: &str = "accepted_new_system";

#[cfg(test)]
mod tests;
