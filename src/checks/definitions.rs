//! Definitions with expressions: the backup's texts beside the copy's.
//!
//! Where the texts are equal there is nothing to ask. Where they are not, the copy's
//! parser reads both ([`super::reparsed`]). The answer goes into the fingerprints that
//! [`super::schema`] and [`super::row_security`] compare, so that each names it as
//! one part of an object among others.

use super::reparsed::{Meaning, Reparser};
use crate::error::Result;
use crate::scratch::Instance;
use crate::source::Inventory;
use crate::source::inventory::Reading;
use crate::types::Digest;

/// Which check compares a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// INT-SCHEMA.
    Schema,
    /// INT-RLS.
    RowSecurity,
}

/// An object with a part of which it cannot be told whether it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// The object's name in the inventory.
    pub object: String,
    /// The part.
    pub part: String,
    /// Where it is compared.
    pub place: Place,
}

/// Gives parts that mean what they meant the backup's fingerprints, and those that
/// mean something else another. What cannot be told is listed, unless it differs in
/// more than casts, too.
pub(super) async fn settle(
    instance: &Instance,
    database: &str,
    was: &Inventory,
    is: &mut Reading,
) -> Result<Vec<Unread>> {
    let (Some(before), Some(now)) = (&was.definitions, &is.inventory.definitions) else { return Ok(Vec::new()) };
    let mut differing = Vec::new();
    for (object, parts) in before {
        for (part, one) in parts {
            match now.get(object).and_then(|parts| parts.get(part)) {
                Some(other) if !one.same(other) => differing.push((object, part, one.text(), other.text())),
                _ => {}
            }
        }
    }
    if differing.is_empty() {
        return Ok(Vec::new());
    }
    let session = instance.connect_writable(database).await?;
    let reparser = Reparser::begin(&session).await?;
    let mut settled = Vec::new();
    for (object, part, one, other) in differing {
        let meaning = match (is.addresses.get(object), one, other) {
            (Some(address), Some(one), Some(other)) => reparser.compare(*address, part, one, other).await?,
            _ => Meaning::Unknown,
        };
        settled.push((object.clone(), part.clone(), meaning));
    }
    reparser.end().await?;

    let mut unread = Vec::new();
    for (object, part, meaning) in settled {
        let old = was.objects.get(&object).and_then(|o| o.parts.get(&part));
        let old = old.or_else(|| was.row_security.get(&object)?.get(&part)).cloned();
        let of_object = is.inventory.objects.get_mut(&object).and_then(|o| o.parts.get_mut(&part));
        let of_policy = is.inventory.row_security.get_mut(&object).and_then(|parts| parts.get_mut(&part));
        let (place, new) = match (of_object, of_policy) {
            (Some(new), _) => (Place::Schema, new),
            (None, Some(new)) => (Place::RowSecurity, new),
            (None, None) => continue,
        };
        match (meaning, old) {
            (Meaning::Same, Some(old)) => *new = old,
            (Meaning::Other, Some(old)) => *new = Digest::of(format!("differs from {old}").as_bytes()).short(),
            (Meaning::Unknown, Some(old)) if *new == old => unread.push(Unread { object, part, place }),
            (_, _) => {}
        }
    }
    Ok(unread)
}
