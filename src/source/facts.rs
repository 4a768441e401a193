//! Facts: what the source said of itself in the very snapshot that was dumped.
//!
//! Sealed beside the data and named by the signed manifest; a drill compares
//! the restored copy with them, never with the live server. Names in here are
//! chosen by database users: escape before showing.

mod roles;

use std::collections::{BTreeMap, BTreeSet};

pub use roles::{MembershipFacts, PasswordKind, RoleExtras, RoleFacts};
use serde::{Deserialize, Serialize};

use crate::types::{Digest, Lsn, PgVersion};

/// Everything that is sealed beside a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// `pgseal-facts`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// The server.
    pub server: ServerFacts,
    /// Databases of the set; of a physical backup all that accept connections.
    pub databases: Vec<DatabaseFacts>,
    /// Roles without password verifiers.
    pub roles: Vec<RoleFacts>,
    /// Who is a member of which role; absent in backups of older versions.
    #[serde(default)]
    pub memberships: Option<Vec<MembershipFacts>>,
    /// `ALTER ROLE ALL SET`, `name=value`; secrets may be in here, it is sealed. Absent in
    /// backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_of_all: Option<Vec<String>>,
    /// How the server could be entered, as far as the role could see; absent in
    /// backups of older versions.
    #[serde(default)]
    pub posture: Option<super::Posture>,
    /// What each stream of the manifest is, by its `ref`.
    pub streams: BTreeMap<String, StreamFacts>,
    /// Only for physical backups.
    pub physical: Option<PhysicalFacts>,
    /// Warnings that the run gave.
    pub warnings: Vec<String>,
    /// What is not in the backup, or not known of it; empty in backups of older
    /// versions, which failed instead or said nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<super::LeftOut>,
    /// Settings that were pinned while the rows were written as text, see
    /// [`super::pinned`]; empty in backups of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, String>,
}

impl Facts {
    /// Value of [`Facts::format`].
    pub const FORMAT: &str = "pgseal-facts";

    /// Whether a copy must be as the facts of this database say: of a dump, which has
    /// their snapshot, and of a base backup where nothing changed while it ran.
    pub fn is_steady(&self, database: &str) -> bool {
        let steady = |p: &PhysicalFacts| p.steady.as_ref().is_some_and(|s| s.databases.contains_key(database));
        self.physical.as_ref().is_none_or(steady)
    }

    /// The same of roles, memberships and what is set for all roles.
    pub fn roles_are_steady(&self) -> bool {
        self.physical.as_ref().is_none_or(|p| p.steady.as_ref().is_some_and(|s| s.roles))
    }

    /// `lc_monetary` of the text of money, where it is not the one of today's list:
    /// older backups wrote it as the database or the server had it set.
    pub fn monetary<'a>(&'a self, database: &'a DatabaseFacts) -> Option<&'a str> {
        let name = "lc_monetary";
        if self.pinned.contains_key(name) {
            return None;
        }
        let own = database.settings.iter().find_map(|s| s.strip_prefix(name)?.strip_prefix('='));
        own.or_else(|| self.server.settings.get(name).map(String::as_str))
    }
}

/// The server and the host that took the backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerFacts {
    /// `server_version_num`.
    pub version_num: PgVersion,
    /// The full `version()` text.
    pub version: String,
    /// From `pg_control_system()`; a string because it exceeds 2^53.
    pub system_identifier: String,
    /// Timeline at the start.
    pub timeline: u32,
    /// Whether the server was a standby.
    pub in_recovery: bool,
    /// Whether page checksums are on.
    pub data_checksums: bool,
    /// Name of the bootstrap superuser (oid 10).
    pub bootstrap_superuser: String,
    /// Non-default settings by name, without those that may hold secrets.
    pub settings: BTreeMap<String, String>,
    /// `shared_preload_libraries`, split.
    pub preload_libraries: Vec<String>,
    /// Host name of the machine that ran pgseal.
    pub host: String,
    /// Extensions, tables and the like were read by this role.
    pub role: String,
}

/// One database as it stood in its exported snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFacts {
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: String,
    /// Server encoding name, `UTF8`.
    pub encoding: String,
    /// `datcollate`.
    pub collate: String,
    /// `datctype`.
    pub ctype: String,
    /// `c` (libc), `i` (ICU) or `b` (builtin, 17+).
    pub locale_provider: String,
    /// ICU or builtin locale.
    pub locale: Option<String>,
    /// ICU rules (16+).
    pub icu_rules: Option<String>,
    /// Comment on the database.
    pub comment: Option<String>,
    /// `datacl` as `aclitem` texts; `None` is the default.
    pub acl: Option<Vec<String>>,
    /// `datconnlimit`.
    pub connection_limit: i32,
    /// `datistemplate`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub template: bool,
    /// `ALTER DATABASE … SET` for all roles, `name=value`.
    pub settings: Vec<String>,
    /// `ALTER ROLE … IN DATABASE … SET`: role and `name=value`.
    #[serde(default)]
    pub role_settings: Vec<(String, String)>,
    /// `pg_database_size` at backup time, bytes.
    pub size_bytes: u64,
    /// Extensions.
    pub extensions: Vec<ExtensionFacts>,
    /// Tables with rows, in (schema, name) order.
    pub tables: Vec<TableFacts>,
    /// Sequences, in (schema, name) order.
    pub sequences: Vec<SequenceFacts>,
    /// Number of large objects.
    pub large_objects: u64,
    /// Digest of their content, in any order (see [`super::large_objects`]);
    /// absent where the content was not read (physical).
    #[serde(default)]
    pub large_object_digest: Option<Digest>,
    /// Digest of their owners and privileges, in any order; absent in backups
    /// of older versions.
    #[serde(default)]
    pub large_object_rights: Option<Digest>,
    /// Indexes that were already invalid in the source, `schema.name`.
    pub invalid_indexes: Vec<ObjectName>,
    /// Materialized views, and whether each was populated.
    pub matviews: Vec<MatviewFacts>,
    /// Values that no dump holds, of relations up to the size to which rows are
    /// counted ([`super::computed`]); absent in backups of older versions and in
    /// physical ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Vec<ComputedFacts>>,
    /// Relations of which no such record could be made without running their owner's code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_unread: Vec<ObjectName>,
    /// What the dump says otherwise than it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misdumped: Vec<super::misdumped::Misdumped>,
    /// Number of user objects by kind (`view`, `function`, `policy`, …).
    pub object_counts: BTreeMap<String, u64>,
    /// Whether rows and digests were read off the dump stream (logical), or
    /// are absent (physical).
    pub contents_known: bool,
    /// Every object with its fingerprint, owner and privileges; absent in
    /// backups of older versions, and where it could not be read or was too large.
    #[serde(default)]
    pub inventory: Option<super::Inventory>,
}

/// A schema-qualified name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
}

impl ObjectName {
    /// Quoted for SQL.
    pub fn quoted(&self) -> String {
        format!("{}.{}", crate::types::text::quote_ident(&self.schema), crate::types::text::quote_ident(&self.name))
    }
}

/// An installed extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionFacts {
    /// Name.
    pub name: String,
    /// Installed version.
    pub version: String,
    /// Schema.
    pub schema: String,
}

/// One table whose rows are in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Name.
    #[serde(flatten)]
    pub name: ObjectName,
    /// Columns in the order they were copied (generated columns are not).
    pub columns: Vec<String>,
    /// Rows in the snapshot; `None` where they were not counted (physical).
    pub rows: Option<u64>,
    /// Bytes of the COPY text.
    pub bytes: Option<u64>,
    /// Digest of the rows of the table's `COPY … TO STDOUT` text, independent of
    /// their order (see [`crate::types::RowsHasher`]), under TimeZone UTC, DateStyle
    /// ISO, IntervalStyle postgres, extra_float_digits 3 and lc_monetary C, in the database's encoding.
    pub digest: Option<Digest>,
    /// Who counted the rows beside the dump; absent in backups of older versions
    /// and in physical ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// The partitioned table through which a restore loads the rows, and may put them
    /// into another partition (see [`super::catalog::CatalogTable::loaded_through`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_through: Option<ObjectName>,
}

/// Who says, beside the dump itself, that the dump has all rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The server counted as many rows in the dump's snapshot.
    Server,
    /// The table was too large to count: this many rows of its beginning, as the snapshot
    /// has it, are all in the dump.
    Sample(u64),
    /// Nobody: the SQLSTATE of the reason, `connection` or `rewritten`.
    Nobody(String),
}

/// A sequence's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceFacts {
    /// Name.
    #[serde(flatten)]
    pub name: ObjectName,
    /// `last_value`.
    pub last_value: i64,
    /// `is_called`.
    pub is_called: bool,
    /// Both, once the base backup had ended; absent in logical backups and those of
    /// older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<(i64, bool)>,
}

/// A materialized view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatviewFacts {
    /// Name.
    #[serde(flatten)]
    pub name: ObjectName,
    /// `relispopulated`.
    pub populated: bool,
}

/// What the computed values of a relation were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputedFacts {
    /// Name.
    #[serde(flatten)]
    pub name: ObjectName,
    /// Whether it is a materialized view; else a table.
    pub matview: bool,
    /// The extension that the table belongs to; else it has generated columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// The columns that were read, in this order.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Digest of the rows of `COPY (SELECT columns …) TO STDOUT`, made as
    /// [`TableFacts::digest`] is.
    pub digest: Digest,
}

/// One stream of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamFacts {
    /// Database it was taken from; `None` for globals and base backups.
    pub database: Option<String>,
    /// Program and arguments of the child; names are passed by environment.
    pub argv: Vec<String>,
    /// Tables whose rows are in this stream.
    pub tables: Vec<ObjectName>,
}

/// What is known of a base backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhysicalFacts {
    /// SHA-256 of `backup_manifest`.
    pub backup_manifest_sha256: Digest,
    /// `START WAL LOCATION` of `backup_label`.
    pub start_lsn: Lsn,
    /// End of the WAL range in `backup_manifest`.
    pub stop_lsn: Lsn,
    /// Timeline of the WAL range.
    pub timeline: u32,
    /// Number of files in the tar.
    pub files: u64,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
    /// Which of the files that a server is configured by are in it (see [`CONFIGURED_BY`]);
    /// absent in backups of older versions.
    #[serde(default)]
    pub configured_by: Option<BTreeSet<String>>,
    /// What was the same before and after: a copy has it exactly so. The rest may have
    /// changed before the copy ended. Absent in backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady: Option<Steady>,
}

/// Whose facts were the same before and after a base backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steady {
    /// Databases: their settings and objects, without the values of sequences; with the
    /// first transaction (its epoch in the upper half) that the first reading did not see.
    pub databases: BTreeMap<String, i64>,
    /// Roles, memberships and the settings of all roles.
    pub roles: bool,
}

/// Without these in its data directory a server does not start, unless it is told
/// where they are (PostgreSQL manual, "File Locations").
pub const CONFIGURED_BY: [&str; 2] = ["postgresql.conf", "pg_hba.conf"];
