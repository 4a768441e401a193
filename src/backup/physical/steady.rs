//! What did not change while a base backup ran.
//!
//! Its facts are read before it begins, and its files are as they were when it ended.
//! What is read once more afterwards, and is the same, is so in the files, too: a
//! drill then need not put a difference down to what users did meanwhile.

use std::collections::BTreeMap;

use super::super::Ready;
use super::super::streams::Taken;
use super::{Known, known};
use crate::error::{Error, Result};
use crate::source::facts::{SequenceFacts, Steady};
use crate::source::snapshot::Objects;
use crate::source::{Session, probe};

/// Reads the facts again, notes which are the same, and how far sequences came. What
/// cannot be read again is not known to be steady.
pub(super) async fn note(
    ready: &Ready,
    taken: &mut Taken,
    first: &BTreeMap<String, (Objects, i64)>,
    session: &Session,
) -> Steady {
    let mut steady = Steady { databases: BTreeMap::new(), roles: roles(taken, session).await.unwrap_or_default() };
    for before in &mut taken.databases {
        if before.inventory.is_none() {
            continue;
        }
        let after = match known(ready, &before.name).await {
            Ok(after) => after,
            Err(e) => {
                tracing::debug!(error = %e, database = before.name, "the facts could not be read again");
                continue;
            }
        };
        let Known { facts: mut after, objects, .. } = after;
        let sequences = std::mem::replace(&mut after.sequences, before.sequences.clone());
        let names = |all: &[SequenceFacts]| all.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        // What changes without a statement of definition: sizes, and values of sequences.
        after.size_bytes = before.size_bytes;
        // Another object of the same name is another one.
        if let Some((first, horizon)) = first.get(&before.name)
            && *first == objects
            && names(&sequences) == names(&before.sequences)
            && *before == after
        {
            steady.databases.insert(before.name.clone(), *horizon);
        }
        let values: BTreeMap<_, _> = sequences.into_iter().map(|s| (s.name, (s.last_value, s.is_called))).collect();
        for sequence in &mut before.sequences {
            sequence.until = values.get(&sequence.name).copied();
        }
    }
    steady
}

async fn roles(taken: &Taken, session: &Session) -> Result<bool> {
    Ok::<_, Error>(
        probe::roles(session).await? == taken.roles
            && probe::memberships(session).await? == taken.memberships
            && probe::settings_of_all(session).await? == taken.settings_of_all,
    )
}
