//! The backup that was drilled before: what its sealed facts say.

use jiff::Timestamp;

use crate::exposure::Server;
use crate::source::Facts;
use crate::source::facts::DatabaseFacts;

/// A server as it was.
#[derive(Debug)]
pub struct Before {
    /// When the backup's snapshot was taken.
    pub at: Timestamp,
    /// The server.
    pub server: Server,
    /// Its databases, as far as they were in the backup.
    pub databases: Vec<DatabaseFacts>,
}

impl Before {
    /// From the facts that lie beside a backup.
    pub fn of(facts: Facts, at: Timestamp) -> Self {
        Self { at, server: Server::sealed(&facts), databases: facts.databases }
    }
}
