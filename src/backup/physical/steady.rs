//! What did not change while a base backup ran.
//!
//! Its facts are read before it begins, and its files are as they were when it ended.
//! What is read once more afterwards, and is the same, is so in the files, too: a
//! drill then need not put a difference down to what users did meanwhile.

use std::collections::BTreeMap;

use super::super::Ready;
use super::super::streams::Taken;
use super::known;
use crate::error::{Error, Result};
use crate::source::facts::{DatabaseFacts, Steady};
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
        // Another object of the same name is another one.
        if let Some((objects, horizon)) = first.get(&before.name)
            && *objects == after.objects
            && same(before, &after.facts)
        {
            steady.databases.insert(before.name.clone(), *horizon);
        }
        let values: BTreeMap<_, _> =
            after.facts.sequences.into_iter().map(|s| (s.name, (s.last_value, s.is_called))).collect();
        for sequence in &mut before.sequences {
            sequence.until = values.get(&sequence.name).copied();
        }
    }
    steady
}

/// Whether all is the same but what changes without a statement of definition: sizes,
/// and values of sequences.
fn same(before: &DatabaseFacts, after: &DatabaseFacts) -> bool {
    let fixed = |of: &DatabaseFacts| {
        let names: Vec<_> = of.sequences.iter().map(|s| &s.name).cloned().collect();
        let plain = DatabaseFacts { size_bytes: 0, sequences: Vec::new(), ..of.clone() };
        serde_json::to_vec(&plain).map(|text| (names, text))
    };
    matches!((fixed(before), fixed(after)), (Ok(one), Ok(other)) if one == other)
}

async fn roles(taken: &Taken, session: &Session) -> Result<bool> {
    Ok::<_, Error>(
        probe::roles(session).await? == taken.roles
            && probe::memberships(session).await? == taken.memberships
            && probe::settings_of_all(session).await? == taken.settings_of_all,
    )
}
