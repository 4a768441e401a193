//! Roles and their memberships, as facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A role, without its password verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, clippy::struct_excessive_bools)]
pub struct RoleFacts {
    pub name: String,
    pub superuser: bool,
    pub inherit: bool,
    pub create_role: bool,
    pub create_db: bool,
    pub login: bool,
    pub replication: bool,
    pub bypass_rls: bool,
    pub connection_limit: i32,
    pub valid_until: Option<String>,
    /// Roles this one is a direct member of.
    pub member_of: Vec<String>,
    /// `ALTER ROLE … SET`, `name=value`; secrets may be in here, it is sealed.
    pub settings: Vec<String>,
    /// Absent in backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<RoleExtras>,
}

/// What else `pg_dumpall` writes of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleExtras {
    /// What it can prove its name with; absent where only a superuser may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordKind>,
    /// Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Security labels by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How a role's password is kept, never the verifier itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordKind {
    /// There is none.
    None,
    /// `md5…`.
    Md5,
    /// `SCRAM-SHA-256$…`.
    Scram,
    /// Something else, with which nobody can log in.
    Other,
}

/// That a role is a member of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipFacts {
    /// The role whose rights are given.
    pub role: String,
    /// Who has them.
    pub member: String,
    /// `WITH ADMIN OPTION`.
    pub admin: bool,
    /// `WITH INHERIT` (16+).
    pub inherit: Option<bool>,
    /// `WITH SET` (16+).
    pub set: Option<bool>,
}
