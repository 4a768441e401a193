//! What the checks of objects share: the backup's inventory and the copy's.

use std::collections::{BTreeMap, BTreeSet};

use super::definitions::{self, Place, Unread};
use super::subject::{Blame, Tally};
use super::{CheckResult, Outcome, Rule, Subject, guarded};
use crate::error::{Error, Result};
use crate::source::facts::DatabaseFacts;
use crate::source::misdumped::Misdumped;
use crate::source::{Facts, Inventory, inventory};
use crate::types::shown;

/// The inventories of one database, the backup's and the copy's.
#[derive(Debug)]
pub struct Pair<'a> {
    /// The database's name.
    pub database: &'a str,
    /// Whether the copy was restored from a dump.
    pub logical: bool,
    /// Whether the copy must be as the facts say, see [`crate::source::Facts::is_steady`].
    pub steady: bool,
    /// What the dump says otherwise than it is at the source.
    pub misdumped: &'a [Misdumped],
    /// What was sealed.
    pub was: &'a Inventory,
    /// What there is; parts that mean the same have the same fingerprints.
    pub is: Inventory,
    /// Parts of which the copy cannot tell what they mean.
    pub(super) unread: Vec<Unread>,
}

/// What could be read of the databases, once for all checks that compare it.
#[derive(Debug)]
pub struct Inventories<'a> {
    facts: &'a Facts,
    pairs: Vec<Pair<'a>>,
    /// Databases that are not there, or whose catalogue is damaged.
    broken: Vec<(&'a str, Blame)>,
    /// A backup without inventories.
    absent: u64,
    /// The reading failed.
    error: Option<Error>,
}

impl<'a> Inventories<'a> {
    /// Reads the copy's. A few dozen queries a database, however large it is.
    pub async fn read(subject: &Subject<'a>) -> Self {
        let mut all = Self { facts: subject.facts, pairs: Vec::new(), broken: Vec::new(), absent: 0, error: None };
        for facts in &subject.facts.databases {
            let Some(was) = &facts.inventory else {
                all.absent += 1;
                continue;
            };
            match guarded(pair(subject, facts, was)).await {
                Ok(pair) => all.pairs.push(pair),
                Err(e) => match Blame::of(&e) {
                    Some(blame) => all.broken.push((&facts.name, blame)),
                    None => all.error = Some(e.on(shown(&facts.name).into_owned())),
                },
            }
        }
        all
    }

    /// The databases that could be read.
    pub(super) fn pairs(&self) -> &[Pair<'a>] {
        &self.pairs
    }

    /// Runs `look` on every pair.
    ///
    /// A backup that holds no inventory of a database was not examined: that is no pass.
    pub(super) fn compare(&self, rule: Rule, mut look: impl FnMut(&Pair<'_>) -> Tally) -> CheckResult {
        let mut all = Tally::default();
        for (database, blame) in &self.broken {
            all.add(blame.clone().tally(rule, self.facts, database));
        }
        for pair in &self.pairs {
            all.add(look(pair).if_steady(pair.steady));
        }
        if let Some(e) = &self.error {
            return rule.error(all.present, all.examined, e);
        }
        all.present += self.absent;
        if self.absent == 0 || !all.findings.is_empty() || !all.moved.is_empty() {
            return rule.of(all);
        }
        let mut result = rule.not_evaluated(
            all.present,
            format!("the backup holds no inventory of the objects of {} databases", self.absent),
        );
        result.examined = all.examined;
        result
    }

    /// Adds to a result about definitions what could not be said of expressions.
    pub(super) fn with_casts(&self, mut result: CheckResult, place: Place) -> CheckResult {
        let mut said = Vec::new();
        for pair in &self.pairs {
            let unread = pair.unread.iter().filter(|u| u.place == place);
            said.extend(unread.map(|u| (pair.object(&u.object), u.part.as_str())));
        }
        let why = if !said.is_empty() && result.outcome == Outcome::NotEvaluated {
            let mut all: Vec<String> = said.iter().take(8).map(|(o, p)| format!("{} ({p})", shown(o))).collect();
            if said.len() > 8 {
                all.push(format!("and {} more", said.len() - 8));
            }
            Some(format!("definitions that the copy cannot read again, and that differ: {}", all.join(", ")))
        } else if self.pairs.iter().any(|p| p.was.definitions.is_none()) {
            Some(
                "the backup is of an older version: a change of nothing but a cast in an expression is not seen"
                    .to_owned(),
            )
        } else {
            None
        };
        if let Some(why) = why {
            result.add_reason(why);
        }
        result
    }
}

/// Reads the copy's inventory, and settles which definitions mean the same.
async fn pair<'a>(subject: &Subject<'a>, facts: &'a DatabaseFacts, was: &'a Inventory) -> Result<Pair<'a>> {
    let database = facts.name.as_str();
    let session = subject.instance.connect(database).await?;
    let mut is = inventory::addressed(&session, was.version).await?;
    drop(session);
    let unread = definitions::settle(subject.instance, database, was, &mut is).await?;
    let logical = subject.facts.physical.is_none();
    let steady = subject.facts.is_steady(database);
    Ok(Pair { database, logical, steady, misdumped: &facts.misdumped, was, is: is.inventory, unread })
}

impl Pair<'_> {
    /// How many objects have parts that the copy cannot read.
    pub(super) fn unread(&self, place: Place) -> u64 {
        let of_place = self.unread.iter().filter(|u| u.place == place);
        let names: BTreeSet<&str> = of_place.map(|u| u.object.as_str()).collect();
        names.len() as u64
    }

    /// The name of an object for a finding.
    pub(super) fn object(&self, name: &str) -> String {
        format!("{}: {name}", self.database)
    }
}

/// Names of the keys whose values differ or are only on one side, with the word for it.
pub(super) fn differences<'m, V: PartialEq>(
    was: &'m BTreeMap<String, V>,
    is: &'m BTreeMap<String, V>,
) -> Vec<(&'m str, &'static str)> {
    let lost = was.iter().filter_map(|(k, v)| match is.get(k) {
        None => Some((k.as_str(), "missing")),
        Some(now) if now != v => Some((k.as_str(), "changed")),
        Some(_) => None,
    });
    let new = is.keys().filter(|k| !was.contains_key(*k)).map(|k| (k.as_str(), "new"));
    lost.chain(new).collect()
}

/// `body changed, settings missing`, at most eight.
pub(super) fn listed(differences: &[(&str, &'static str)]) -> String {
    let mut all: Vec<String> = differences.iter().take(8).map(|(what, how)| format!("{what} {how}")).collect();
    if differences.len() > 8 {
        all.push(format!("and {} more", differences.len() - 8));
    }
    all.join(", ")
}
