//! Which rules are first nowhere, and what takes their place.

use super::classes::{Class, Databases};
use super::evaluate::offered;
use super::fit::Fit;
use super::matrix::{Certainty, Dead, DeadRule};
use super::networks::Networks;
use super::parse::Config;
use super::sweep::Entry;
use super::words::Transport;
use super::world::World;

/// Rules that are named as the ones that shadow another.
const MOST_NAMED: usize = 16;

/// What was seen of one rule.
#[derive(Clone, Default)]
struct Seen {
    /// There are roles and databases that it fits.
    met: bool,
    /// It is first somewhere.
    hit: bool,
    /// There it stands in no maybe's shadow.
    clear: bool,
    surely: Vec<u32>,
    maybe: Vec<u32>,
}

/// What was seen of all rules.
pub(super) struct Shadows(Vec<Seen>);

impl Shadows {
    pub(super) fn new(rules: usize) -> Self {
        Self(vec![Seen::default(); rules])
    }

    /// Notes which rules fit roles of a class and some database.
    pub(super) fn meet(&mut self, class: &Class, databases: &[Databases], world: &World<'_>) {
        for (rule, _) in &class.rules {
            let says = &databases[*rule as usize];
            let seen = &mut self.0[*rule as usize];
            seen.met = seen.met
                || (says.every > Fit::No && !world.databases.is_empty())
                || (says.replication > Fit::No && class.replicates)
                || says.names_any(class);
        }
    }

    /// A rule that surely fits takes all that another could.
    pub(super) fn cast(&mut self, rule: u32, by: u32) {
        note(&mut self.0[rule as usize].surely, by);
    }

    /// A rule that is a maybe could take all that another does.
    pub(super) fn cloud(&mut self, rule: u32, by: u32) {
        note(&mut self.0[rule as usize].maybe, by);
    }

    /// Several rules together take all that one could.
    pub(super) fn cover(&mut self, entry: &Entry, before: &[Entry], nets: &Networks) {
        let Some((from, to)) = entry.net.map(|n| nets.range(n)) else { return };
        for other in before.iter().filter(|e| !e.maybe) {
            let (a, b) = other.net.map_or((1, 0), |n| nets.range(n));
            if a <= to && from <= b {
                self.cast(entry.rule, other.rule);
            }
        }
    }

    /// A rule is first somewhere.
    pub(super) fn hit(&mut self, entry: &Entry) {
        let seen = &mut self.0[entry.rule as usize];
        seen.hit = true;
        seen.clear |= !entry.overcast;
    }

    /// The rules that are first nowhere, or perhaps nowhere.
    pub(super) fn dead(&self, config: &Config, world: &World<'_>) -> Vec<DeadRule> {
        let nobody = world.databases.is_empty() || !world.roles.iter().any(|r| r.login);
        let mut dead = Vec::new();
        for (rule, seen) in self.0.iter().enumerate() {
            let conn = config.rules[rule].transport;
            let shadowed = |by: &[u32]| {
                let mut by: Vec<usize> = by.iter().map(|r| *r as usize).collect();
                by.sort_unstable();
                Dead::Shadowed(by)
            };
            let (certainty, why) = if !Transport::ALL.iter().any(|t| conn.covers(*t) && offered(*t, world) > Fit::No) {
                (Certainty::Surely, Dead::NoTransport)
            } else if seen.hit && !seen.clear {
                (Certainty::Possibly, shadowed(&seen.maybe))
            } else if seen.hit || nobody {
                continue;
            } else if seen.met {
                (Certainty::Surely, shadowed(&seen.surely))
            } else {
                (Certainty::Surely, Dead::NobodyThere)
            };
            dead.push(DeadRule { rule, certainty, why });
        }
        dead
    }
}

fn note(all: &mut Vec<u32>, by: u32) {
    if all.len() < MOST_NAMED && !all.contains(&by) {
        all.push(by);
    }
}
