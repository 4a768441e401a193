//! What `pg_restore` said of a scratch restore, reduced to what may be shown.
//!
//! Its messages quote rows (`DETAIL:  Key (email)=(…)`, `CONTEXT:  COPY t, line
//! 2: …`), and a drill's report travels. So only the object and the class of
//! the failure get out, and a fault of the host is told from a bad backup.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::{Code, Error, Result, Stage};
use crate::process::Exit;

/// A class: how the server's primary message begins or ends, what it is
/// called, the next step. All of them are faults of the host.
struct Class {
    begins: &'static [&'static str],
    ends: &'static [&'static str],
    called: &'static str,
    hint: &'static str,
}

/// How the server's message begins where a shared library is not on this host.
pub const MISSING_LIBRARY: [&str; 2] = ["could not access file \"", "could not load library \""];

const HOSTS: &[Class] = &[
    Class {
        begins: &["could not open extension control file"],
        ends: &["\" is not available"],
        called: "an extension of the backup is not installed on this host",
        hint: "Install the extension's server package of the backup's major version on this host, and drill again.",
    },
    Class {
        begins: &MISSING_LIBRARY,
        ends: &[],
        called: "a shared library of the backup is not installed on this host",
        hint: "Install the extension's server package of the backup's major version on this host, and drill again.",
    },
    Class {
        // A symbol that the host's build of the library does not have (42883).
        begins: &["could not find function \""],
        ends: &[],
        called: "a shared library on this host is of another version than the source's",
        hint: "Install the same version of the extension's server package as on the source, and drill again.",
    },
    Class {
        begins: &["security label provider \""],
        ends: &[
            " be loaded via shared_preload_libraries",
            " be loaded via \"shared_preload_libraries\"",
            "\" must be preloaded",
        ],
        called: "an extension of the backup works only when its library is preloaded, and it is not",
        hint: PRELOAD,
    },
    Class {
        begins: &[
            "could not create locale",
            "invalid locale name",
            "invalid LC_",
            "could not open collator",
            // What initdb took from the locales of the source's host.
            "collation \"pg_catalog.",
        ],
        ends: &["ICU is not supported in this build"],
        called: "a locale of the backup is not installed on this host",
        hint: LOCALE,
    },
    Class {
        // postgres_fdw and dblink, in a function or the query of a materialized view.
        begins: &["could not connect to server \"", "could not establish connection"],
        ends: &[],
        called: "a restored object needs a foreign server, and a sealed server reaches none",
        hint: "This database cannot be drilled as it is: restore it by hand where the foreign server can be reached. \
               A materialized view over foreign tables that is stored WITH NO DATA stops no drill.",
    },
    Class {
        begins: &[
            "could not open file \"/",
            "could not open dictionary file \"",
            "could not open affix file \"",
            "could not open stop-word file \"",
            "could not open synonym file \"",
            "could not open thesaurus file \"",
        ],
        ends: &["No such file or directory"],
        called: "a file that the source's host has is not on this host",
        hint: "Copy the file (a dictionary of text search belongs into tsearch_data of the server's share directory) \
               to this host, and drill again.",
    },
    Class {
        begins: &["unsupported XML feature", "compression method "],
        ends: &[],
        called: "the PostgreSQL programs of this host were built without something that the backup uses",
        hint: "Install the same build of PostgreSQL as on the source (its packages), or set tools.pg_bindir.",
    },
    Class {
        begins: &[],
        ends: &["No space left on device", "Disk quota exceeded"],
        called: "out of space",
        hint: "Set scratch.dir to a file system with room for the restored data, and drill again.",
    },
    Class {
        begins: &["out of memory", "out of shared memory", "could not resize shared memory"],
        ends: &["Cannot allocate memory", "Resource temporarily unavailable", "sorry, too many clients already"],
        called: "the host lacks memory or connections",
        hint: "Raise scratch.max_memory or scratch.max_processes, or drill with fewer jobs.",
    },
    Class {
        begins: &[
            "connection to server",
            "terminating connection because of crash",
            "the database system is",
            "server closed the connection unexpectedly",
            "could not connect",
        ],
        ends: &["server closed the connection unexpectedly", "no connection to the server"],
        called: "the scratch server went away or let nobody in",
        hint: "Look for a lack of memory or space on the drill host.",
    },
];

const PRELOAD: &str = "Name its library, which this host's packages must have, in the configuration: \
                       [source.NAME.drill] preload = [\"LIBRARY\"].";

/// What to do about a locale.
pub(super) const LOCALE: &str = "Generate the source's locales on this host (locale-gen), and drill again.";

/// Nothing where it ended well; 53 for a fault of the host, else 50.
pub(super) fn ended(exit: Exit) -> Result<()> {
    match exit.code() {
        Some(0) => Ok(()),
        // Killed from outside: that says nothing about the backup. A program that
        // put up walls around it tells it as 128 and the signal's number.
        None | Some(128..) => exit.success(Code::CouldNotRun, Stage::Restore).map(drop).map_err(|e| {
            let how = e.text().split(": ").next().unwrap_or_default().to_owned();
            Error::new(Code::CouldNotRun, Stage::Restore, how).on("pg_restore").hint("Drill again.")
        }),
        Some(_) => Err(of(&exit.stderr().text())),
    }
}

fn error(stderr: &str) -> Option<&str> {
    stderr.lines().find_map(|l| l.strip_prefix("pg_restore: error: "))
}

/// The server's words in such a line.
fn words(line: &str) -> &str {
    line.split_once("ERROR:  ").or_else(|| line.split_once("FATAL:  ")).map_or(line, |p| p.1)
}

/// The server's words for what it refused. They quote rows: they serve to find the
/// SQLSTATE in its log, and are not shown.
#[derive(Default)]
pub struct Said(Mutex<Option<String>>);

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said(****)")
    }
}

impl Said {
    pub(super) fn keep(&self, exit: &Exit) {
        let text = exit.stderr().text();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error(&text).map(|line| words(line).to_owned());
    }

    /// The primary message.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The error that `stderr` tells of.
fn of(stderr: &str) -> Error {
    // Parallel jobs are cancelled after the first failure, and say so: the first line counts.
    let Some(line) = error(stderr) else {
        // It always gives a reason. Without one it was not started, or had no
        // memory left to speak with.
        return Error::new(Code::CouldNotRun, Stage::Restore, "it ended without giving a reason")
            .on("pg_restore")
            .hint(
                "Nothing was learned about the backup: see whether pg_restore runs on this host and has enough memory.",
            );
    };
    let said = words(line);
    let object = object(stderr, line);
    let fits = |c: &&Class| c.begins.iter().any(|b| said.starts_with(b)) || c.ends.iter().any(|e| said.ends_with(e));
    let extension = extension(stderr).filter(|_| !of_the_copy(said));
    let (code, called, hint) = match (HOSTS.iter().find(fits), &extension) {
        (Some(c), _) => (Code::CouldNotRun, c.called, c.hint),
        // A backup holds the name of an extension, nothing else: what its script
        // meets is the host's.
        (None, Some(_)) => {
            (Code::CouldNotRun, "an extension of the backup cannot be created in the sealed server", PRELOAD)
        }
        (None, None) => (
            Code::RestoreFailed,
            "the server refused what pg_restore sent",
            "Restore this backup by hand to see the server's message, and drill an older one.",
        ),
    };
    let named = if code == Code::CouldNotRun { extension.or_else(|| name_in(said)) } else { None };
    let message = named.map_or_else(|| called.to_owned(), |n| format!("{called}: {n}"));
    Error::new(code, Stage::Restore, message).on(object).hint(hint)
}

/// The extension that was being created.
fn extension(stderr: &str) -> Option<String> {
    let statement = stderr.lines().find_map(|l| l.strip_prefix("Command was: "))?;
    let name = statement.strip_prefix("CREATE EXTENSION IF NOT EXISTS ")?;
    let name = name.split_once(" WITH SCHEMA ").map_or(name.trim_end_matches(';'), |(name, _)| name);
    plain_name(name.trim_matches('"'))
}

/// Whether what stopped an extension is the copy, which pg_dump's order of things
/// should have made ready: its schema is missing, another extension, or it exists.
fn of_the_copy(said: &str) -> bool {
    ["schema \"", "required extension \""].iter().any(|b| said.starts_with(b)) || said.ends_with("already exists")
}

/// What was being restored: the table, or the beginning of the statement up to
/// its first literal.
fn object(stderr: &str, line: &str) -> String {
    if let Some(rest) = line.strip_prefix("COPY failed for table \"")
        && let Some((table, _)) = rest.split_once("\": ")
    {
        return format!("table {table}");
    }
    let statement = stderr.lines().find_map(|l| l.strip_prefix("Command was: ")).unwrap_or("pg_restore");
    let end = statement.find(['\'', '$']).unwrap_or(statement.len());
    statement[..end].chars().take(160).collect::<String>().trim_end().to_owned()
}

/// The quoted name in a message of the host's: of an extension or library,
/// which hold only such characters.
fn name_in(said: &str) -> Option<String> {
    let name = said.split('"').nth(1)?;
    plain_name(name.rsplit('/').next()?.trim_end_matches(".control"))
}

fn plain_name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@');
    (!name.is_empty() && name.len() <= 63 && name.chars().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_do_not_get_out() {
        let e = of("pg_restore: error: COPY failed for table \"people\": ERROR:  duplicate key value violates unique \
                    constraint \"k\"\nDETAIL:  Key (email)=(a@b.c) already exists.\nCONTEXT:  COPY people, line 2: \"a@b.c\"\n");
        assert_eq!((e.code(), e.object()), (Code::RestoreFailed, Some("table people")));
        assert!(!format!("{e:?}").contains("a@b.c"));
        let e = of(
            "pg_restore: error: could not execute query: ERROR:  a@b.c is bad\nCommand was: COMMENT ON TABLE t IS 'a@b.c';\n",
        );
        assert_eq!((e.code(), e.object()), (Code::RestoreFailed, Some("COMMENT ON TABLE t IS")));
        assert!(!format!("{e:?}").contains("a@b.c"));
    }

    #[test]
    fn what_the_host_lacks_is_named_and_is_not_the_backups_fault() {
        let command = "\nCommand was: CREATE FUNCTION f() RETURNS int\n LANGUAGE c\n AS 'x';\n\n\n";
        for (said, names) in [
            ("could not execute query: ERROR:  extension \"hstore\" is not available", "host: hstore"),
            (
                "could not execute query: ERROR:  could not open extension control file \"/usr/x/postgis.control\": No such file or directory",
                "host: postgis",
            ),
            (
                "could not execute query: ERROR:  could not access file \"$libdir/postgis-3\": No such file or directory",
                "host: postgis-3",
            ),
            (
                "could not execute query: ERROR:  extension \"timescaledb\" must be loaded via shared_preload_libraries",
                "it is not: timescaledb",
            ),
            (
                "could not execute query: ERROR:  pg_stat_statements must be loaded via \"shared_preload_libraries\"",
                "preloaded",
            ),
            (
                "could not execute query: ERROR:  collation \"pg_catalog.fr_FR.utf8\" for encoding \"UTF8\" does not exist",
                "locale of the backup is not installed on this host: pg_catalog.fr_FR.utf8",
            ),
            ("could not execute query: ERROR:  could not connect to server \"erp\"", "reaches none: erp"),
            (
                "could not execute query: ERROR:  could not open stop-word file \"/usr/share/x/tsearch_data/de.stop\": No such file or directory",
                "not on this host: de.stop",
            ),
            (
                "COPY failed for table \"t\": ERROR:  could not extend file \"base/1/2\": No space left on device",
                "out of space",
            ),
            ("could not execute query: ERROR:  could not create locale \"xx_XX\": No such file or directory", "locale"),
            (
                "connection to server on socket \"/x/.s.PGSQL.1\" failed: FATAL:  sorry, too many clients already",
                "connections",
            ),
            ("could not execute query: server closed the connection unexpectedly", "went away"),
            ("COPY failed for table \"t\": server closed the connection unexpectedly", "went away"),
        ] {
            let e = of(&format!("pg_restore: error: {said}{command}"));
            assert_eq!(e.code(), Code::CouldNotRun, "{said}: {e:?}");
            assert!(e.text().contains(names), "{said}: {e:?}");
        }
    }

    #[test]
    fn who_never_ran_has_no_word_against_the_backup() {
        for said in ["", "out of memory\n", "bwrap: Can't find source path /x: No such file or directory\n"] {
            let e = of(said);
            assert!(e.code() == Code::CouldNotRun && e.next_step().is_some(), "{said}: {e:?}");
        }
    }

    #[tokio::test]
    async fn a_kill_is_no_word_against_the_backup_either() {
        for how in ["kill -KILL $$", "exit 137"] {
            let sh = crate::process::Tool::new("/bin/sh").arg("-c").arg(how);
            let e = ended(sh.spawn().await.unwrap().wait().await.unwrap()).unwrap_err();
            assert_eq!((e.code(), e.object()), (Code::CouldNotRun, Some("pg_restore")), "{how}: {e:?}");
        }
    }

    #[test]
    fn a_row_that_speaks_of_the_host_blames_nobody_else() {
        for said in [
            "could not execute query: ERROR:  extension \"x\" already exists",
            "COPY failed for table \"is not available\": ERROR:  duplicate key",
            "COPY failed for table \"t\": ERROR:  duplicate key\nDETAIL:  Key (a)=(No space left on device",
        ] {
            assert_eq!(of(&format!("pg_restore: error: {said}\n")).code(), Code::RestoreFailed, "{said}");
        }
    }
}
