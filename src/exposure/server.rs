//! A server, as the checks see it: what was gathered, and what follows from it.

use super::Plane;
use super::access::Evaluated;
use super::powers::Powers;
use crate::source::facts::{MembershipFacts, RoleFacts};
use crate::source::posture::{Posture, SettingFacts};
use crate::types::{Known, PgVersion};

/// One server: live, as sealed at backup time, or a copy of it.
#[derive(Debug)]
pub struct Server {
    /// Where its roles and settings were read.
    pub plane: Plane,
    /// Its version; of a copy the source's.
    pub version: PgVersion,
    /// The role that `initdb` made.
    pub bootstrap: String,
    /// The role that pgseal reads and backs up with.
    pub backup_role: Option<String>,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// All roles but those that PostgreSQL predefines (`pg_…`).
    pub roles: Vec<RoleFacts>,
    /// Who is a member of which role, predefined ones too.
    pub memberships: Vec<MembershipFacts>,
    /// What roles can become.
    pub powers: Powers,
    /// Settings, access rules, sessions.
    pub posture: Posture,
    /// What is known of stored passwords; only a copy tells.
    pub verifiers: Known<Vec<Verifier>>,
    /// See [`Server::access`].
    pub evaluated: Evaluated,
}

/// What is known of a role's stored password. Never the verifier itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// The role.
    pub role: String,
    /// How it is stored.
    pub kind: VerifierKind,
    /// HMAC of the verifier under this host's key: the same as long as the
    /// password was not set again, and nothing else can be told from it.
    pub tag: String,
    /// HMAC of a SCRAM salt: the same in two roles only where one was copied.
    pub salt_tag: Option<String>,
    /// Whether one of a few obvious passwords fits; absent where that was not tried.
    pub guessed: Option<bool>,
}

/// How a password is stored (PostgreSQL manual, "Password Authentication").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierKind {
    /// `md5…`: deprecated, and as good as the password itself to whoever has it.
    Md5,
    /// `SCRAM-SHA-256$…`, with its iterations.
    Scram {
        /// Iterations of PBKDF2.
        iterations: u32,
    },
    /// Something else.
    Unknown,
}

impl Server {
    /// A server of which only roles are known yet.
    pub fn new(plane: Plane, version: PgVersion, roles: Vec<RoleFacts>, memberships: Vec<MembershipFacts>) -> Self {
        let powers = Powers::of(&roles, &memberships);
        Self {
            plane,
            version,
            bootstrap: String::new(),
            backup_role: None,
            in_recovery: false,
            roles,
            memberships,
            powers,
            posture: Posture::default(),
            verifiers: Known::no("stored passwords are looked at in a restored copy only"),
            evaluated: Evaluated::default(),
        }
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&RoleFacts> {
        self.roles.iter().find(|r| r.name == name)
    }

    /// Roles that may log in.
    pub fn logins(&self) -> impl Iterator<Item = &RoleFacts> {
        self.roles.iter().filter(|r| r.login)
    }

    /// A setting by its name, or why it is not known.
    ///
    /// # Errors
    /// Why: settings were not read, there is none of that name, or its value is not kept.
    pub fn setting(&self, name: &str) -> Result<&SettingFacts, String> {
        let all = self.posture.settings.get().map_err(|why| format!("the settings are not known: {why}"))?;
        all.get(name).ok_or_else(|| format!("the server told of no setting {name}"))
    }

    /// A setting's value.
    ///
    /// # Errors
    /// As [`Server::setting`], and where the value is not kept.
    pub fn value(&self, name: &str) -> Result<&str, String> {
        let setting = self.setting(name)?;
        setting.value.as_deref().ok_or_else(|| {
            if setting.is_own() {
                format!("the session that asked had a {name} of its own (source: {})", setting.source)
            } else {
                format!("the value of {name} is not kept")
            }
        })
    }

    /// Whether a boolean setting is on.
    ///
    /// # Errors
    /// As [`Server::value`].
    pub fn is_on(&self, name: &str) -> Result<bool, String> {
        self.value(name).map(|v| v == "on")
    }
}
