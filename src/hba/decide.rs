//! One connection, decided as the server does it: rule by rule.

use std::net::IpAddr;

use super::parse::Config;
use super::words::Transport;
use super::world::World;

/// A connection that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// How it arrives.
    pub transport: Transport,
    /// From where; ignored for the socket.
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
    /// The first rule that surely fits; `None`: refused.
    pub surely: Option<usize>,
}

/// Asks the rules one after the other.
pub fn decide(config: &Config, world: &World<'_>, attempt: &Attempt<'_>) -> Decision {
    let _ = (config, world, attempt);
    Decision::default()
}
