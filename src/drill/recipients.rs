//! Who can open the backup: each identity that is here is tried alone, and a
//! recipient whose identity nobody tried for long is told. The key in the safe
//! that nobody can find any more is otherwise found missing on the worst day.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::checks::{CheckResult, Rule, Severity};
use crate::error::{Error, Result};
use crate::keys::Identities;
use crate::manifest::parts;
use crate::pipeline::Reader;
use crate::report::model::RecipientProof;
use crate::restore::Opened;
use crate::store::SharedStore;

/// KEY-OPENS.
pub const OPENS: Rule =
    Rule { id: "KEY-OPENS", title: "each identity that is here opens the backup", severity: Severity::High };

/// KEY-PROVEN. A warning: the backup is good for whoever drilled it.
pub const PROVEN: Rule = Rule {
    id: "KEY-PROVEN",
    title: "no recipient is without proof for more than half a year",
    severity: Severity::Low,
};

/// How long a recipient may go unproven.
const TOO_LONG: SignedDuration = SignedDuration::from_hours(180 * 24);

/// What was tried, and what follows.
#[derive(Debug)]
pub struct Tried {
    /// A line for each recipient of the manifest.
    pub proofs: Vec<RecipientProof>,
    /// KEY-OPENS, KEY-PROVEN.
    pub checks: Vec<CheckResult>,
}

/// What is known of each recipient before the drill, by its short id.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// When the oldest backup that is sealed for it was made.
    pub since: BTreeMap<String, Timestamp>,
    /// When a signed report last told that its identity opened a backup.
    pub proven: BTreeMap<String, Timestamp>,
}

/// Opens the facts with each identity alone; with `all` also the first and the
/// last part of every stream, and every recipient must have its identity here.
pub(super) async fn prove(
    store: &SharedStore,
    opened: &Opened,
    identities: &Identities,
    all: bool,
    known: &Known,
    now: Timestamp,
) -> Result<Tried> {
    let mut here = BTreeMap::new();
    for (id, identity) in identities.each() {
        if opened.manifest.encryption.recipients.contains(&id) {
            here.insert(id, open(store, opened, identity, all).await);
        }
    }
    let mut out = judge(&opened.manifest.encryption.recipients, &here, all, known, now);
    // A store that cannot be asked says nothing about a key.
    for result in here.into_values() {
        match result {
            Err(e) if e.code().retryable() => return Err(e),
            _ => {}
        }
    }
    out.proofs.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    Ok(out)
}

async fn open(store: &SharedStore, opened: &Opened, identity: Identities, all: bool) -> Result<()> {
    let reader = Reader::start(Arc::clone(store), Arc::new(identity), 1, 1)?;
    let mut wanted = vec![parts::of_facts(&opened.manifest)];
    if all {
        for stream in &opened.manifest.streams {
            let parts = opened.parts(stream)?;
            wanted.extend(parts.first().cloned());
            wanted.extend(parts.last().cloned().filter(|_| parts.len() > 1));
        }
    }
    for (key, part) in wanted {
        reader.part(key, part).await?;
    }
    Ok(())
}

fn judge(
    recipients: &[String],
    here: &BTreeMap<String, Result<()>>,
    all: bool,
    known: &Known,
    now: Timestamp,
) -> Tried {
    let proofs: Vec<RecipientProof> = recipients
        .iter()
        .map(|id| {
            let opened = here.get(id).map(Result::is_ok);
            let before = known.proven.get(id).copied();
            RecipientProof {
                recipient: id.clone(),
                opened,
                last_proven_at: if opened == Some(true) { Some(now) } else { before },
            }
        })
        .collect();
    let closed = here.iter().filter_map(|(id, result)| result.as_ref().err().map(|e: &Error| (id, e)));
    let closed = closed.map(|(id, e)| {
        OPENS.finding(id.clone(), format!("its identity does not open the backup: {e}"), "Do not count on this key.")
    });
    let present = if all { recipients.len() } else { here.len() } as u64;
    let mut opens = OPENS.judged(present, here.len() as u64, closed.collect());
    if all && here.len() < recipients.len() {
        let without: Vec<&str> = recipients.iter().filter(|r| !here.contains_key(*r)).map(String::as_str).collect();
        opens.reason = Some(format!("no identity is here for {}", without.join(", ")));
    }
    let stale = proofs.iter().filter_map(|p| {
        let since = p.last_proven_at.or_else(|| known.since.get(&p.recipient).copied()).unwrap_or(now);
        let late = now.duration_since(since) > TOO_LONG;
        late.then(|| {
            let what = match p.last_proven_at {
                Some(at) => format!("last proven to open a backup at {at}"),
                None => format!("backups are sealed for it since {since}, and nothing has proven it"),
            };
            let remedy = "Bring its identity to the drill host and run `pgseal drill SOURCE --all-recipients`.";
            PROVEN.finding(p.recipient.clone(), what, remedy)
        })
    });
    let mut proven = PROVEN.judged(recipients.len() as u64, recipients.len() as u64, stale.collect());
    let never: Vec<&str> = proofs.iter().filter(|p| p.last_proven_at.is_none()).map(|p| p.recipient.as_str()).collect();
    if !never.is_empty() {
        // Young enough to pass, and no pass may look like a proof.
        proven.reason = Some(format!("nothing has proven {} yet", never.join(", ")));
    }
    Tried { proofs, checks: vec![opens, proven] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::error::{Code, Stage};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tried(here: &[(&str, bool)], all: bool, proven: &[(&str, &str)]) -> Tried {
        let result = |good: bool| if good { Ok(()) } else { Err(Error::new(Code::Corrupt, Stage::Fetch, "no")) };
        let here = here.iter().map(|(id, good)| ((*id).to_owned(), result(*good))).collect();
        let known = Known {
            since: ["a", "b"].map(|id| (id.to_owned(), at("2026-01-01T00:00:00Z"))).into(),
            proven: proven.iter().map(|(id, t)| ((*id).to_owned(), at(t))).collect(),
        };
        judge(&["a".to_owned(), "b".to_owned()], &here, all, &known, at("2026-11-23T00:00:00Z"))
    }

    #[test]
    fn what_was_not_tried_is_no_proof() {
        let t = tried(&[("a", true)], false, &[("b", "2026-10-01T00:00:00Z")]);
        assert_eq!((t.checks[0].outcome, t.checks[1].outcome), (Outcome::Pass, Outcome::Pass));
        assert_eq!(t.proofs[0].opened, Some(true));
        assert_eq!((t.proofs[1].opened, t.proofs[1].last_proven_at), (None, Some(at("2026-10-01T00:00:00Z"))));
        assert_eq!(t.checks[1].reason, None);
        // All were asked for, and one could not be tried.
        let t = tried(&[("a", true)], true, &[]);
        assert_eq!(t.checks[0].outcome, Outcome::NotEvaluated);
        assert_eq!(t.checks[0].reason.as_deref(), Some("no identity is here for b"));
        let t = tried(&[("a", true), ("b", true)], true, &[]);
        assert_eq!((t.checks[0].outcome, t.checks[1].outcome), (Outcome::Pass, Outcome::Pass));
    }

    #[test]
    fn a_key_that_does_not_open_and_one_that_nobody_tried_are_told() {
        let t = tried(&[("a", true), ("b", false)], false, &[]);
        assert_eq!((t.checks[0].outcome, t.checks[0].findings[0].object.as_str()), (Outcome::Finding, "b"));
        assert_eq!(t.proofs[1].opened, Some(false));
        let t = tried(&[("a", true)], false, &[("b", "2026-05-01T00:00:00Z")]);
        assert_eq!(t.checks[1].findings[0].message, "last proven to open a backup at 2026-05-01T00:00:00Z");
        let t = tried(&[("a", true)], false, &[]);
        assert!(t.checks[1].findings[0].message.contains("nothing has proven it"));
        assert_eq!(t.checks[1].reason.as_deref(), Some("nothing has proven b yet"));
    }
}
