//! The posture: what a server says of how it can be entered, and of itself.
//!
//! Read at every backup and sealed beside it, because a restored copy has it
//! not: Debian keeps `pg_hba.conf` and `postgresql.conf` outside the data
//! directory, a logical backup has no settings at all, and sessions are gone.
//! The same is read by a live audit. Whatever the role may not see is
//! [`Known::No`] with its reason; nothing here stops a backup.
//!
//! Values of settings that may hold a secret are not kept: what is kept of them is
//! what a detector said ([`SettingFacts::secret`]).
//!
//! | file | holds |
//! |---|---|
//! | [`read`](fn@read) | asks for all of it, in one transaction |
//! | [`settings`] | settings, those of roles and databases, who may change them |
//! | [`access`], [`rules`] | access rules: their files, or what the server's views tell of them |
//! | [`host`] | files of a server that runs on this very host |
//! | [`people`] | databases, sessions, replication, who holds what |
//!
//! What a text holds that should be secret is said by [`crate::detect`].

mod access;
mod host;
mod people;
mod read;
mod rules;
mod settings;

pub use read::read;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::hba::{Captured, Files};
use crate::types::Known;

/// What was seen of a server at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posture {
    /// When, by the server's clock where it told, else by ours; 1970 where nothing was read.
    pub taken_at: Timestamp,
    /// Every setting by its name (`pg_settings`).
    pub settings: Known<BTreeMap<String, SettingFacts>>,
    /// `pg_hba.conf` with what it includes.
    pub hba: Known<AccessFiles>,
    /// `pg_ident.conf` with what it includes.
    pub ident: Known<AccessFiles>,
    /// Whether the server runs with the rules that the file holds.
    pub hba_loaded: Known<LoadedRules>,
    /// `ALTER ROLE … SET`, `ALTER DATABASE … SET` and both together.
    pub role_settings: Known<Vec<RoleSetting>>,
    /// Who may change which setting (`pg_parameter_acl`, 15+).
    pub parameter_grants: Known<Vec<ParameterGrant>>,
    /// All databases, templates too.
    pub databases: Known<Vec<DatabaseEntry>>,
    /// Who was connected.
    pub sessions: Known<Vec<SessionFacts>>,
    /// Who was streaming, and replication slots.
    pub replication: Known<ReplicationFacts>,
    /// Extensions that the server's packages offer: name and default version.
    pub available_extensions: Known<BTreeMap<String, String>>,
    /// Login roles, and whether anything in the cluster is theirs.
    pub holdings: Known<Vec<Holding>>,
}

impl Posture {
    /// One of which nothing is known, and why.
    pub fn unread(why: &str) -> Self {
        Self {
            taken_at: Timestamp::default(),
            settings: Known::no(why),
            hba: Known::no(why),
            ident: Known::no(why),
            hba_loaded: Known::no(why),
            role_settings: Known::no(why),
            parameter_grants: Known::no(why),
            databases: Known::no(why),
            sessions: Known::no(why),
            replication: Known::no(why),
            available_extensions: Known::no(why),
            holdings: Known::no(why),
        }
    }

    /// What could not be read, and why.
    pub fn unknown(&self) -> Vec<(&'static str, &str)> {
        fn of<'a, T>(what: &'static str, part: &'a Known<T>) -> Option<(&'static str, &'a str)> {
            part.get().err().map(|why| (what, why))
        }
        let parts = [
            of("settings", &self.settings),
            of("pg_hba.conf", &self.hba),
            of("pg_ident.conf", &self.ident),
            of("loaded rules", &self.hba_loaded),
            of("settings of roles", &self.role_settings),
            of("privileges on settings", &self.parameter_grants),
            of("databases", &self.databases),
            of("sessions", &self.sessions),
            of("replication", &self.replication),
            of("available extensions", &self.available_extensions),
            of("holdings of roles", &self.holdings),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// One setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingFacts {
    /// Its value; absent where it may hold a secret, and where our own session
    /// has another one than the server gives to all ([`SettingFacts::is_own`]).
    pub value: Option<String>,
    /// `pg_settings.unit`.
    pub unit: Option<String>,
    /// `pg_settings.source`: `default`, `configuration file`, `command line`, …
    pub source: String,
    /// Whether it is what the program has without any configuration.
    pub is_default: bool,
    /// What a detector found in the value: the kind of secret, never its text.
    pub secret: Option<String>,
}

impl SettingFacts {
    /// Whether it was given for the session that asked: by its client, or for its
    /// role or database. What other sessions have is not known then.
    pub fn is_own(&self) -> bool {
        matches!(
            self.source.as_str(),
            "client" | "session" | "interactive" | "user" | "database" | "database user" | "global"
        )
    }
}

/// A configuration file and what it includes, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessFiles {
    /// How it was had.
    pub way: AccessWay,
    /// Path of the main file, as the server names it.
    pub path: String,
    /// Texts by path: the main file, and each file that was included and could be
    /// read. Values of options that are secrets (`ldapbindpasswd`, `radiussecrets`)
    /// are blanked.
    pub texts: BTreeMap<String, String>,
    /// Names in the directories that are included.
    pub directories: BTreeMap<String, Vec<String>>,
    /// What is included and does not exist.
    pub absent: BTreeSet<String>,
    /// Files that are included and could not be read, and why.
    pub missing: BTreeMap<String, String>,
    /// Options that hold a secret: file, line and the option's name.
    pub secrets: Vec<(String, u32, String)>,
}

/// How access rules were had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessWay {
    /// The server read its files to us.
    #[default]
    Server,
    /// Read from the disk of this host, which is the server's.
    Host,
    /// Written anew from what the server's view of the file tells: the text is ours.
    /// The view does not tell a quoted name from a keyword (a role called `all`).
    View,
}

impl AccessFiles {
    /// For the reader of such files.
    pub fn files(&self) -> Files {
        let main = match (self.texts.get(&self.path), self.missing.get(&self.path)) {
            (Some(text), _) => Captured::Text(text.clone()),
            (None, Some(why)) => Captured::Unread(why.clone()),
            (None, None) => Captured::Absent,
        };
        let mut files = Files::new(&self.path, main);
        for (path, text) in self.texts.iter().filter(|t| *t.0 != self.path) {
            files = files.with(path, Captured::Text(text.clone()));
        }
        for (path, names) in &self.directories {
            files = files.with(path, Captured::Names(names.clone()));
        }
        for path in &self.absent {
            files = files.with(path, Captured::Absent);
        }
        for (path, why) in self.missing.iter().filter(|m| *m.0 != self.path) {
            files = files.with(path, Captured::Unread(why.clone()));
        }
        files
    }
}

/// What `pg_hba_file_rules` says of the file, and when it was last loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadedRules {
    /// Lines that the server refuses: file where known, line, message.
    pub errors: Vec<(Option<String>, u32, String)>,
    /// `pg_conf_load_time()`.
    pub loaded_at: Option<Timestamp>,
    /// When the newest of the files was last changed, where that could be read.
    pub changed_at: Option<Timestamp>,
}

/// One entry of `pg_db_role_setting`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSetting {
    /// Role; all where absent.
    pub role: Option<String>,
    /// Database; all where absent.
    pub database: Option<String>,
    /// Name of the setting.
    pub name: String,
    /// Its value; absent where it may hold a secret.
    pub value: Option<String>,
    /// What a detector found in it.
    pub secret: Option<String>,
}

/// A privilege on a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGrant {
    /// The setting.
    pub parameter: String,
    /// Who has it; `PUBLIC` where absent.
    pub role: Option<String>,
    /// `SET` or `ALTER SYSTEM`.
    pub privilege: String,
    /// `WITH GRANT OPTION`.
    pub grantable: bool,
}

/// One database of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseEntry {
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: String,
    /// `datistemplate`.
    pub template: bool,
    /// `datallowconn`.
    pub connectable: bool,
    /// Privileges, those of birth too: role (`PUBLIC` where absent) and privilege.
    pub grants: Vec<(Option<String>, String)>,
}

/// Sessions that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionFacts {
    /// Role.
    pub role: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// `client_addr`; absent over a socket.
    pub address: Option<std::net::IpAddr>,
    /// `application_name`, as the client calls itself.
    pub application: String,
    /// `backend_type`.
    pub backend: String,
    /// Whether it is encrypted by TLS; absent where that may not be seen.
    pub tls: Option<bool>,
    /// Whether it is encrypted by GSSAPI.
    pub gss: Option<bool>,
    /// How many there are.
    pub count: u64,
}

/// Replication, as the sender sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationFacts {
    /// Standbys and other receivers (`pg_stat_replication`).
    pub senders: Vec<SessionFacts>,
    /// Slots: name, type, whether one is connected.
    pub slots: Vec<(String, String, bool)>,
}

/// What belongs to a login role, anywhere in the cluster (`pg_shdepend`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// The role.
    pub role: String,
    /// Whether it owns something.
    pub owns: bool,
    /// Whether a privilege or a policy names it.
    pub granted: bool,
}
