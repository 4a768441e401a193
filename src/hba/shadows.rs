//! Which rules are first nowhere, and what takes their place.

use super::evaluate::offered;
use super::fit::Fit;
use super::matrix::{Certainty, Dead, DeadRule};
use super::parse::Config;
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

    /// There are roles and databases that a rule fits.
    pub(super) fn meet(&mut self, rule: u32) {
        self.0[rule as usize].met = true;
    }

    /// A rule that surely fits takes all that another could.
    pub(super) fn cast(&mut self, rule: u32, by: u32) {
        if rule != by {
            note(&mut self.0[rule as usize].surely, by);
        }
    }

    /// A rule is first somewhere; `cloud` is one before it that may be instead.
    pub(super) fn hit(&mut self, rule: u32, cloud: Option<u32>) {
        let seen = &mut self.0[rule as usize];
        seen.hit = true;
        match cloud {
            Some(by) => note(&mut seen.maybe, by),
            None => seen.clear = true,
        }
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
