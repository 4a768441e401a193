//! The backup that was drilled before: what its sealed facts and posture say.

use jiff::Timestamp;

use crate::exposure::{Plane, Server};
use crate::source::Facts;
use crate::source::facts::{DatabaseFacts, MembershipFacts};
use crate::source::posture::Posture;
use crate::types::Known;

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
    /// From the facts and the posture that lie beside a backup.
    pub fn of(facts: Facts, posture: Known<Posture>, at: Timestamp) -> Self {
        let Facts { server, databases, roles, memberships, .. } = facts;
        // Backups of older versions say who is a member, and not how.
        let plain = |member: &str, role: &String| MembershipFacts {
            role: role.clone(),
            member: member.to_owned(),
            admin: false,
            inherit: None,
            set: None,
        };
        let memberships = memberships
            .unwrap_or_else(|| roles.iter().flat_map(|r| r.member_of.iter().map(|m| plain(&r.name, m))).collect());
        let posture = match posture {
            Known::Yes(posture) => posture,
            Known::No(why) => Posture { taken_at: at, ..Posture::unread(&why) },
        };
        let server = Server {
            bootstrap: server.bootstrap_superuser,
            backup_role: Some(server.role),
            in_recovery: server.in_recovery,
            posture,
            ..Server::new(Plane::Posture, server.version_num, roles, memberships)
        };
        Self { at, server, databases }
    }
}
