//! What `pg_restore` says of the entries of an archive that a server refused.
//!
//! Without `--exit-on-error` it goes on, and names each such entry by its number
//! in the archive's table of contents: that number counts, not its words. A text
//! of the database within a message may look like such a line; it can add an
//! entry, and hide none.

use std::collections::BTreeSet;

/// How much of what it says is kept: enough for some 10,000 entries.
pub(super) const KEPT: usize = 8 * 1024 * 1024;

/// Entries that were refused.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Number in the archive, and the first words about it.
    pub entries: Vec<(i64, String)>,
    /// Words about no entry.
    pub others: Vec<String>,
    /// Those of the entries that are there, and only have another owner.
    pub unowned: BTreeSet<i64>,
}

impl Refused {
    /// From what it said, where it came to its end all the same: that it counts
    /// the errors says so. `None` where it broke off.
    pub(super) fn read(stderr: &str) -> Option<Self> {
        let last = stderr.lines().rev().find(|l| l.starts_with("pg_restore: "))?;
        last.strip_prefix("pg_restore: warning: errors ignored on restore: ")?;
        let mut out = Self::default();
        let mut seen = BTreeSet::new();
        let mut entry = None;
        let mut errors: Vec<(Option<i64>, Vec<&str>)> = Vec::new();
        for line in stderr.lines() {
            let Some(said) = line.strip_prefix("pg_restore: ") else {
                if let (Some(statement), Some((_, all))) = (line.strip_prefix("Command was: "), errors.last_mut()) {
                    all.push(statement);
                }
                continue;
            };
            if let Some(rest) = said.strip_prefix("from TOC entry ") {
                let number = rest.split(';').next().and_then(|n| n.parse().ok());
                // Parallel workers speak in between: a number counts though its words come later.
                if let Some(id) = number
                    && seen.insert(id)
                {
                    out.entries.push((id, String::new()));
                }
                entry = number;
            } else if said.starts_with("while ") && !said.starts_with("while PROCESSING") {
                entry = None;
            } else if let Some(words) = said.strip_prefix("error: ") {
                errors.push((entry, Vec::new()));
                match out.entries.iter_mut().find(|e| Some(e.0) == entry) {
                    Some((_, first)) if first.is_empty() => words.clone_into(first),
                    Some(_) => {}
                    None => out.others.push(words.to_owned()),
                }
            }
        }
        // A message, or a statement, of more lines may hold one that looks like a
        // statement: then there are two, and neither counts.
        let gives = |all: &[&str]| matches!(all, [one] if gives_owner(one));
        let of = |id: i64| errors.iter().filter(move |(entry, _)| *entry == Some(id));
        let unowned = |id: &i64| of(*id).count() > 0 && of(*id).all(|(_, all)| gives(all));
        out.unowned = out.ids().into_iter().filter(unowned).collect();
        if stderr.len() >= KEPT {
            out.others.push("more was refused than can be named: see the target server's log".to_owned());
        }
        Some(out)
    }

    /// Numbers of the entries.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.entries.iter().map(|e| e.0).collect()
    }

    /// Without those that are there.
    pub(super) fn not_made(&self) -> Vec<i64> {
        self.ids().into_iter().filter(|id| !self.unowned.contains(id)).collect()
    }

    /// Whether the server ended every one of them to end a deadlock.
    pub(super) fn is_deadlock(&self) -> bool {
        let fits = |words: &str| words.contains("ERROR:  deadlock detected");
        self.others.is_empty() && !self.entries.is_empty() && self.entries.iter().all(|e| fits(&e.1))
    }
}

/// Whether a statement does nothing but `ALTER … OWNER TO role;`.
fn gives_owner(statement: &str) -> bool {
    let Some((_, role)) = statement.strip_prefix("ALTER ").and_then(|s| s.rsplit_once(" OWNER TO ")) else {
        return false;
    };
    let Some(role) = role.strip_suffix(';') else { return false };
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
    let quoted = |name: &str| {
        let inner = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
        inner.is_some_and(|n| !n.is_empty() && !n.replace("\"\"", "").contains('"'))
    };
    // A name that goes on in the next line leaves its quote open.
    statement.matches('"').count().is_multiple_of(2) && (plain(role) || quoted(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "pg_restore: while PROCESSING TOC:\n\
        pg_restore: from TOC entry 3374; 0 16455 TABLE DATA a_data postgres\n\
        pg_restore: error: COPY failed for table \"a_data\": ERROR:  new row violates\n\
        DETAIL:  Failing row contains (a).\n\
        pg_restore: from TOC entry 12; 1255 16390 FUNCTION f() postgres\n\
        pg_restore: error: could not execute query: ERROR:  no\n\
        Command was: CREATE FUNCTION f();\n\
        pg_restore: error: could not execute query: ERROR:  again\n\
        pg_restore: warning: errors ignored on restore: 3\n";

    #[test]
    fn entries_are_known_by_their_numbers() {
        let refused = Refused::read(SAID).unwrap();
        assert_eq!(refused.ids(), [3374, 12]);
        assert!(refused.entries[1].1.ends_with("ERROR:  no") && refused.others.is_empty(), "{refused:?}");
        assert!(!refused.is_deadlock());
        let first = "pg_restore: while INITIALIZING:\npg_restore: error: could not execute query: ERROR:  x\n";
        assert_eq!(Refused::read(&(first.to_owned() + SAID)).unwrap().others.len(), 1);
    }

    #[test]
    fn who_broke_off_has_not_tried_the_rest() {
        for said in ["", "pg_restore: error: x\n", &SAID[..SAID.len() - 45]] {
            assert_eq!(Refused::read(said), None, "{said}");
        }
        // A row that says it is none of its words.
        let row = "pg_restore: error: broke\nDETAIL: \npg_restore: warning: errors ignored on restore: 1\npg_restore: error: gone\n";
        assert_eq!(Refused::read(row), None);
    }

    #[test]
    fn only_an_owner_is_only_an_owner() {
        for yes in ["ALTER TABLE public.t OWNER TO app;", "ALTER FUNCTION a.f(x int) OWNER TO \"A \"\"b\";"] {
            assert!(gives_owner(yes), "{yes}");
        }
        for no in [
            "CREATE TABLE t (a int);",
            "ALTER TABLE t ADD CONSTRAINT c CHECK ((a <> ' OWNER TO y;'::text));",
            "ALTER TABLE t CLUSTER ON \" OWNER TO y\";",
            "ALTER TABLE t CLUSTER ON \"a OWNER TO \"\"y\";",
            "ALTER TABLE public.\"x OWNER TO y;",
            "ALTER TABLE t OWNER TO ;",
        ] {
            assert!(!gives_owner(no), "{no}");
        }
        let owner = "pg_restore: error: could not execute query: ERROR:  role \"app\" does not exist\n\
                     Command was: ALTER TABLE public.t OWNER TO app;\n\n";
        let table = "pg_restore: error: could not execute query: ERROR:  type \"x\" does not exist\n\
                     Command was: CREATE TABLE public.t (a x);\n\n\n";
        let faked = table.replace("type \"x", "type \"x\nCommand was: ALTER TABLE public.t OWNER TO app;\n");
        let end = "pg_restore: warning: errors ignored on restore: 1\n";
        for (said, only) in
            [(owner, true), (table, false), (faked.as_str(), false), (&format!("{table}{owner}"), false)]
        {
            let refused =
                Refused::read(&format!("pg_restore: from TOC entry 5; 1 1 TABLE t app\n{said}{end}")).unwrap();
            assert_eq!((refused.ids(), refused.unowned.len()), (vec![5], usize::from(only)), "{said}");
        }
    }

    #[test]
    fn only_deadlocks_are_deadlocks() {
        let one = "pg_restore: from TOC entry 1; 1 1 INDEX i o\npg_restore: error: could not execute query: ERROR:  deadlock detected\n";
        let end = "pg_restore: warning: errors ignored on restore: 1\n";
        assert!(Refused::read(&format!("{one}{end}")).unwrap().is_deadlock());
        let other = one.replace("entry 1", "entry 2").replace("deadlock detected", "x");
        assert!(!Refused::read(&format!("{one}{other}{end}")).unwrap().is_deadlock());
    }
}
