//! Databases then and now.

use std::collections::BTreeMap;

use super::History;
use crate::exposure::{Found, Seen};
use crate::source::facts::DatabaseFacts;
use crate::source::{Inventory, deparsed};

/// A database that is in both backups.
pub(super) struct Pair<'a> {
    pub(super) name: &'a str,
    pub(super) then: &'a DatabaseFacts,
    pub(super) now: &'a DatabaseFacts,
}

/// Every database that is in both backups; or why they cannot be compared.
pub(super) fn pairs<'a>(history: &'a History<'_>) -> Result<Vec<Pair<'a>>, String> {
    let before = history.before.get().map_err(|why| format!("there is nothing to compare with: {why}"))?;
    let now = history.databases.get().map_err(|why| format!("the databases are not known: {why}"))?;
    let then: BTreeMap<&str, &DatabaseFacts> = before.databases.iter().map(|d| (d.name.as_str(), d)).collect();
    let both = now.iter().filter_map(|d| then.get(d.name.as_str()).map(|t| Pair { name: &d.name, then: t, now: d }));
    Ok(both.collect())
}

impl Pair<'_> {
    /// Both inventories, or why not.
    pub(super) fn inventories(&self) -> Result<(&Inventory, &Inventory), String> {
        let of = |d: &'_ DatabaseFacts, when: &str| {
            format!("database {}: the objects of the backup {when} are not known", d.name)
        };
        let then = self.then.inventory.as_ref().ok_or_else(|| of(self.then, "before"))?;
        let now = self.now.inventory.as_ref().ok_or_else(|| of(self.now, "of now"))?;
        if then.version != now.version {
            return Err(format!(
                "database {}: the backup before was taken by another version of pgseal, which read other things; the next \
                 comparison can be made",
                self.name
            ));
        }
        Ok((then, now))
    }

    /// `database shop: table public.orders`, of an inventory's `table: public.orders`.
    pub(super) fn object(&self, key: &str) -> String {
        format!("database {}: {}", self.name, key.replacen(": ", " ", 1))
    }
}

/// Whether a part's fingerprint is that of this plain value.
pub(super) fn is(print: Option<&String>, value: &str) -> bool {
    print.is_some_and(|p| *p == deparsed::fingerprint(value, false))
}

/// What is said of each object; one finding an object.
#[derive(Default)]
pub(super) struct Said(BTreeMap<String, Vec<String>>);

impl Said {
    pub(super) fn add(&mut self, object: String, what: impl Into<String>) {
        self.0.entry(object).or_default().push(what.into());
    }

    pub(super) fn into(self, seen: &mut Seen) {
        for (object, what) in self.0 {
            seen.add(Found::new(object, what.join("; ")));
        }
    }
}
