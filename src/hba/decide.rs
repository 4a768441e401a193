//! One connection, decided as the server does it: rule by rule.

use std::net::IpAddr;

use super::fit::{Asked, Fit};
use super::parse::Config;
use super::words::Transport;
use super::world::{Groups, World};

/// A connection that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// How it arrives. That the server offers it is taken as given.
    pub transport: Transport,
    /// From where; `None` for the socket.
    pub address: Option<IpAddr>,
    /// As whom, which need not be a role that exists.
    pub role: &'a str,
    /// The database; `None` for physical replication.
    pub database: Option<&'a str>,
}

/// Which rules decide it: places in `Config::rules`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Rules that come before `surely`, and fit it or not.
    pub maybe: Vec<usize>,
    /// A file that was not captured stands before `surely`, and may hold anything.
    pub unknown: bool,
    /// The first rule that surely fits; `None`: refused.
    pub surely: Option<usize>,
}

/// Asks the rules one after the other. [`super::evaluate()`] says the same of all connections at once.
pub fn decide(config: &Config, world: &World<'_>, attempt: &Attempt<'_>) -> Decision {
    let groups = Groups::of(world);
    let role = world.roles.iter().position(|r| r.name == attempt.role);
    let asked = Asked { attempt, role, groups: &groups };
    let mut decision = Decision::default();
    for (at, rule) in config.rules.iter().enumerate() {
        match asked.rule(rule) {
            Fit::No => {}
            Fit::Maybe => decision.maybe.push(at),
            Fit::Yes => {
                decision.surely = Some(at);
                break;
            }
        }
    }
    let reached = decision.surely.unwrap_or(config.rules.len());
    decision.unknown = config.first_gap().is_some_and(|gap| gap <= reached);
    decision
}
