//! How the server is run: what it logs, dangerous settings, replication, versions.
//!
//! | file | checks |
//! |---|---|
//! | [`logins`] | LOG-001: logins and logouts |
//! | [`statements`] | LOG-002, 003: enough is logged, and not too much |
//! | [`lines`] | LOG-004: lines say when, who and where |
//! | [`replication_log`] | LOG-005: copies leave a trace |
//! | [`dangerous`] | CONF-001: nothing that damages or opens |
//! | [`files`] | CONF-002: socket and data directory |
//! | [`standbys`] | REPL-001, 002: who streams, and how |
//! | [`publications`] | REPL-003: what is published |
//! | [`versions`] | VER-001, 002: the server's own version |
//!
//! LOG-006 reads log files and stands in [`super::secrets`]; VER-003 and VER-004 are of
//! our own house.

use super::look::Check;
use super::{Found, Plane, Seen, Server};

pub mod dangerous;
pub mod files;
pub mod lines;
pub mod logins;
pub mod publications;
pub mod replication_log;
pub mod standbys;
pub mod statements;
pub mod versions;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    logins::CHECK,
    statements::ENOUGH,
    statements::TOO_MUCH,
    lines::CHECK,
    replication_log::CHECK,
    dangerous::CHECK,
    files::CHECK,
    standbys::STREAMS,
    standbys::LINK,
    publications::CHECK,
    versions::SUPPORTED,
    versions::CURRENT,
];

/// Where settings can be judged: a restored copy runs with ours, so a drill
/// judges those that were sealed with the backup.
const PLANES: &[Plane] = &[Plane::Live, Plane::Posture, Plane::Copy];

/// What several settings together look like.
struct Look<'a> {
    server: &'a Server,
    seen: Seen,
}

impl<'a> Look<'a> {
    fn at(server: &'a Server) -> Self {
        Self { server, seen: Seen::default() }
    }

    /// Judges one setting; `wrong` says what is wrong with its value.
    fn setting(&mut self, name: &str, wrong: impl FnOnce(&str) -> Option<Found>) {
        match self.server.value(name) {
            Ok(value) => self.seen.merge(Seen::one(wrong(value))),
            Err(why) => self.seen.open.push(why),
        }
    }

    /// The same, of one that not every version or build has.
    fn if_there(&mut self, name: &str, wrong: impl FnOnce(&str) -> Option<Found>) {
        let absent = self.server.posture.settings.ok().is_some_and(|all| !all.contains_key(name));
        if !absent {
            self.setting(name, wrong);
        }
    }
}

/// A finding about a setting.
fn of(name: &str, message: impl Into<String>) -> Found {
    Found::new(format!("setting {name}"), message)
}
