//! What a backup does not hold, or does not know, and why. Sealed with the
//! facts, so that no drill takes a part for the whole.

use std::error::Error as _;

use serde::{Deserialize, Serialize};

use super::facts::ObjectName;
use crate::error::{Code, Error};

/// One thing that is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The database.
    pub database: String,
    /// What of it is missing.
    pub part: Part,
    /// Why.
    pub why: Why,
    /// Names, where only some of its objects are concerned, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectName>,
    /// Files and directories, named from the data directory, where those are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What of a database is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Database,
    /// What was known of it: the backup has its files, and nothing to compare them with.
    Facts,
    /// The content of some objects; their definitions are there.
    Content,
    /// Files of the data directory.
    Files,
}

/// Why it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A template; name it in `databases` to have it.
    Template,
    /// `ALTER DATABASE … ALLOW_CONNECTIONS false`.
    NoConnections,
    /// Its DROP DATABASE was interrupted; it cannot be read any more.
    Invalid,
    /// Unlogged: a base backup has none of its rows (PostgreSQL manual, "pg_basebackup").
    Unlogged,
    /// Unlogged, and the server is a standby, which has no content of it.
    UnloggedOnStandby,
    /// The role may not enter it.
    NotAllowed,
    /// It was dropped while the backup ran.
    Dropped,
    /// The server gave an error when it was read.
    Unreadable,
    /// A link where a file or directory should be, or a special file: pg_basebackup
    /// leaves it out.
    NotFollowed,
}

impl Why {
    /// Whether nothing is missing that a backup of this kind could hold.
    pub const fn is_by_design(self) -> bool {
        matches!(self, Self::Template | Self::NoConnections | Self::Invalid | Self::Unlogged | Self::UnloggedOnStandby)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Template => "it is a template (name it in databases to have it)",
            Self::NoConnections => "it accepts no connections",
            Self::Invalid => "its DROP DATABASE was interrupted",
            Self::Unlogged => "unlogged, and a base backup has no rows of such (kind = \"logical\" has)",
            Self::UnloggedOnStandby => "unlogged, and this server is a standby",
            Self::NotAllowed => "the role may not connect to it",
            Self::Dropped => "it was dropped while the backup ran",
            Self::Unreadable => "the server refused to tell about it",
            Self::NotFollowed => "a link or a special file, which pg_basebackup does not follow",
        }
    }

    /// Why a database could not be read, where that is what an error says. Nothing
    /// where the server as a whole is concerned.
    pub fn of(e: &Error) -> Option<Self> {
        // PostgreSQL manual, "PostgreSQL Error Codes".
        match sqlstate(e) {
            Some("3D000") => Some(Self::Dropped),
            Some("55000") if e.code() == Code::SourceUnreachable => Some(Self::NoConnections),
            Some("42501" | "28000" | "28P01") if e.code() == Code::SourceUnreachable => Some(Self::NotAllowed),
            Some(_) if e.code() == Code::SourceUnusable => Some(Self::Unreadable),
            _ => None,
        }
    }
}

/// The SQLSTATE of the server's answer that is the cause of an error.
pub fn sqlstate(e: &Error) -> Option<&str> {
    let mut cause = e.source();
    while let Some(c) = cause {
        if let Some(told) = c.downcast_ref::<tokio_postgres::Error>() {
            return told.code().map(tokio_postgres::error::SqlState::code);
        }
        cause = c.source();
    }
    None
}

impl LeftOut {
    /// A whole database.
    pub fn database(name: &str, why: Why) -> Self {
        Self { database: name.to_owned(), part: Part::Database, why, objects: Vec::new(), files: Vec::new() }
    }

    /// What was to be known of a database.
    pub fn facts(name: &str, why: Why) -> Self {
        Self { database: name.to_owned(), part: Part::Facts, why, objects: Vec::new(), files: Vec::new() }
    }

    /// A file or directory of the data directory; `database` where it holds all of one.
    pub fn file(name: String, database: Option<&str>) -> Self {
        let part = if database.is_some() { Part::Database } else { Part::Files };
        let database = database.unwrap_or_default().to_owned();
        Self { database, part, why: Why::NotFollowed, objects: Vec::new(), files: vec![name] }
    }

    /// The next step, where there is one.
    pub const fn next_step(&self) -> Option<&'static str> {
        match self.why {
            Why::NotFollowed => Some(
                "A server does not start, or not with everything, in a restored directory that lacks it: put the file or \
                 directory itself in the place of the link, or keep a copy of it and put that there after a restore.",
            ),
            _ => None,
        }
    }

    /// One sentence. The names in it were chosen by database users.
    pub fn text(&self) -> String {
        let (name, why) = (&self.database, self.why.words());
        match self.part {
            Part::Database => match self.files.first() {
                Some(file) => format!("database {name} is not in the backup: {file} is {why}"),
                None => format!("database {name} is not in the backup: {why}"),
            },
            Part::Files => format!("{} is not in the backup: {why}", self.files.join(", ")),
            Part::Facts => {
                format!("database {name} is in the backup, but nothing is known of it to compare a copy with: {why}")
            }
            Part::Content => {
                let first: Vec<String> = self.objects.iter().take(3).map(ObjectName::quoted).collect();
                let more = if self.objects.len() > first.len() { ", …" } else { "" };
                format!(
                    "database {name}: the content of {} relation(s) is not in the backup ({}{more}): {why}",
                    self.objects.len(),
                    first.join(", ")
                )
            }
        }
    }
}
