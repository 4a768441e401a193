//! What a restore could not bring back, and which of it a restore without owners
//! leaves out.

use serde::Serialize;

use super::selection;
use crate::error::{Code, Error, Stage};
use crate::source::archive_list::Listed;

/// Something of the backup that the server refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Kind and name, as the archive has them: `TABLE DATA public.orders`.
    pub object: String,
    /// The server's words.
    pub why: String,
}

impl Lost {
    /// An entry of an archive.
    pub(super) fn entry(entry: &Listed, why: &str, encoding: &str) -> Self {
        let text = |bytes: &[u8]| {
            selection::text(bytes, encoding).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
        };
        let dot = if entry.schema.is_empty() { "" } else { "." };
        let object = format!("{} {}{dot}{}", entry.desc, text(&entry.schema), text(&entry.tag));
        let why = if why.is_empty() { "the server refused it" } else { why };
        Self { object, why: why.to_owned() }
    }

    /// The owner of an entry that is there.
    pub(super) fn owner(entry: &Listed, why: &str, encoding: &str) -> Self {
        let Self { object, why } = Self::entry(entry, why, encoding);
        Self { object: format!("OWNER of {object}"), why }
    }

    /// Whether the server ran out of space or went away: what comes after that was not tried.
    fn is_the_servers_end(&self) -> bool {
        ["No space left on device", "no connection to the server", "server closed the connection"]
            .iter()
            .any(|end| self.why.contains(end))
    }
}

/// The error for these, unless they may be lost.
pub(super) fn fatal(lost: &[Lost], keep_going: bool) -> Option<Error> {
    let first = if keep_going { lost.iter().find(|l| l.is_the_servers_end())? } else { lost.first()? };
    let mut text = format!("{}: {}", first.object, first.why);
    if lost.len() > 1 {
        text.push_str(&format!(" (and {} more statements were refused)", lost.len() - 1));
    }
    let e = super::logical::explain(Error::new(Code::RestoreFailed, Stage::Restore, text).on("pg_restore"));
    let hopeless = keep_going || e.code() == Code::NoSpace;
    Some(if hopeless { e } else { e.and_hint("To keep what can be restored, restore with --keep-going.") })
}

/// Kinds that name roles, which a restore without owners does not expect to be there.
const OF_ROLES: [&str; 2] = ["POLICY", "USER MAPPING"];

/// Kinds that only superusers may create, or whose comments are theirs.
const OF_SUPERUSERS: [&str; 13] = [
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "SUBSCRIPTION",
    "PUBLICATION",
    "PROCEDURAL LANGUAGE",
    "TRANSFORM",
    "ACCESS METHOD",
    "SECURITY LABEL",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "COMMENT",
];

/// Whether a restore without owners goes on without such an entry.
pub(super) fn is_left_out(kind: &str, superuser: bool) -> bool {
    OF_ROLES.contains(&kind) || (!superuser && OF_SUPERUSERS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(object: &str, why: &str) -> Lost {
        Lost { object: object.into(), why: why.into() }
    }

    #[test]
    fn what_was_refused_is_an_error_or_a_loss() {
        assert!(fatal(&[], false).is_none() && fatal(&[], true).is_none());
        let all = [lost("TABLE DATA a.b", "x"), lost("INDEX i", "role \"r\" does not exist")];
        let e = fatal(&all, false).unwrap();
        assert_eq!((e.code(), e.object()), (Code::RestoreFailed, Some("pg_restore")));
        assert_eq!(e.text(), "TABLE DATA a.b: x (and 1 more statements were refused)");
        assert!(e.next_step().unwrap().contains("--keep-going"));
        assert!(fatal(&all, true).is_none());
        let full = [lost("INDEX i", "could not extend file \"x\": No space left on device")];
        for keep_going in [false, true] {
            let e = fatal(&full, keep_going).unwrap();
            assert_eq!(e.code(), Code::NoSpace);
            assert!(!e.next_step().unwrap().contains("--keep-going"));
        }
    }

    #[test]
    fn superusers_leave_out_what_names_roles_only() {
        assert!(is_left_out("POLICY", true) && is_left_out("EVENT TRIGGER", false));
        assert!(!is_left_out("EVENT TRIGGER", true) && !is_left_out("TABLE DATA", false));
    }
}
