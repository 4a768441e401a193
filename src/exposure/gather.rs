//! Gathers a server: live, from what a backup holds, or from its restored copy.

use super::roles::passwords::verifier::{self, Guessing};
use super::{Plane, Server};
use crate::error::Result;
use crate::source::facts::{Facts, MembershipFacts, RoleFacts};
use crate::source::{Ask, Posture, posture, probe};

impl Server {
    /// The server that the session is connected to, as far as its role may see it.
    ///
    /// # Errors
    /// The source's (20, 22) where not even its roles can be read.
    pub async fn live(session: &impl Ask) -> Result<Self> {
        let version = probe::version(session).await?;
        let standing = probe::standing(session).await?;
        let (roles, memberships) = (probe::roles(session).await?, probe::memberships(session).await?);
        let posture = posture::read(session).await;
        Ok(Self {
            bootstrap: standing.bootstrap_superuser,
            backup_role: Some(standing.role),
            in_recovery: standing.in_recovery,
            posture,
            ..Self::new(Plane::Live, version, roles, memberships)
        })
    }

    /// The server as it was when the backup was made.
    pub fn sealed(facts: &Facts) -> Self {
        let memberships = facts.memberships.clone().unwrap_or_else(|| direct(&facts.roles));
        Self::from(facts, Plane::Posture, facts.roles.clone(), memberships)
    }

    /// The server as its restored copy shows it: roles and stored passwords from
    /// the copy, all else as it was when the backup was made.
    ///
    /// Stored passwords are told apart by HMACs under `key`; they themselves stay
    /// in this function.
    ///
    /// # Errors
    /// The copy's, where its roles cannot be read.
    pub async fn copy(facts: &Facts, session: &impl Ask, key: &[u8; 32], guessing: Guessing) -> Result<Self> {
        let (roles, memberships) = (probe::roles(session).await?, probe::memberships(session).await?);
        let verifiers = verifier::read(facts, session, key, guessing).await;
        Ok(Self { verifiers, ..Self::from(facts, Plane::Copy, roles, memberships) })
    }

    fn from(facts: &Facts, plane: Plane, roles: Vec<RoleFacts>, memberships: Vec<MembershipFacts>) -> Self {
        Self {
            bootstrap: facts.server.bootstrap_superuser.clone(),
            backup_role: Some(facts.server.role.clone()),
            in_recovery: facts.server.in_recovery,
            posture: facts
                .posture
                .clone()
                .unwrap_or_else(|| Posture::unread("the backup is of a version that kept no posture")),
            ..Self::new(plane, facts.server.version_num, roles, memberships)
        }
    }
}

/// Memberships of a backup that tells no more of them than who is in which role.
/// Their options are not known; what could be is taken as given.
fn direct(roles: &[RoleFacts]) -> Vec<MembershipFacts> {
    let of = |r: &RoleFacts| {
        let member = r.name.clone();
        let one = move |role: &String| MembershipFacts {
            role: role.clone(),
            member: member.clone(),
            admin: false,
            inherit: None,
            set: None,
        };
        r.member_of.iter().map(one).collect::<Vec<_>>()
    };
    roles.iter().flat_map(of).collect()
}
