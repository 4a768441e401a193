//! EXP-FUNC-004: languages and libraries that can do everything.

use super::definers::LOCATOR;
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::{count, ident};
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-004",
        title: "no language or library runs unbounded code in the server",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14],
        refs: &["SRG-APP-000141"],
        why: "A function in an untrusted language or in C does whatever the server's user can: read every file, start \
              programs, open connections. Nothing in SQL holds it back, and it runs at a restore, too, where a \
              view or an index calls it.",
        inspects: "Languages that are not trusted, other than internal and c; critical where one whose name says that it is \
                   untrusted (plpython3u, plperlu, …) was marked trusted by hand, so that every role can write functions \
                   in it. Functions in c or internal that belong to no extension. Extensions that [expect] \
                   extensions names are left out.",
        remedy: "DROP EXTENSION plpython3u (it refuses while functions need it: see \\df+). Move the code out of the \
                 database, or to a trusted language. A language marked trusted: UPDATE pg_language SET lanpltrusted = \
                 false WHERE lanname = '…', and look who made functions in it.",
        false_positives: "Code that you wrote and reviewed: declare its extension in [expect], or waive the function.",
        source: "PostgreSQL manual, \"Procedural Languages\", \"CREATE LANGUAGE\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

const LANGUAGES: &str = "\
    SELECT l.lanname::text, l.lanpltrusted, (SELECT count(*) FROM pg_proc p WHERE p.prolang = l.oid AND p.oid >= 16384), \
           (SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
            WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.refclassid = 'pg_extension'::regclass \
              AND d.deptype = 'e' LIMIT 1) \
    FROM pg_language l WHERE l.lanname NOT IN ('internal', 'c') ORDER BY l.lanname";

const FUNCTIONS: &str = "\
    l.lanname::text, coalesce(p.probin, '') FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
    WHERE l.lanname IN ('internal', 'c') AND p.oid >= 16384 AND p.prokind <> 'a' \
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i')) \
    ORDER BY p.oid::regprocedure::text COLLATE \"C\"";

/// Languages that nobody but a superuser must be able to write functions in.
const UNTRUSTED: [&str; 9] =
    ["plpythonu", "plpython2u", "plpython3u", "plperlu", "pltclu", "plsh", "plrustu", "pljavau", "plr"];

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let languages = db.rows("the languages", LANGUAGES, &[]).await?;
    let sql = format!("SELECT {LOCATOR}, {FUNCTIONS}");
    let functions = db.rows("the functions", &sql, &[]).await?;
    let mut seen = Seen::all_of(languages.len() + functions.len());
    for row in languages {
        let (name, trusted, functions): (&str, bool, i64) = (row.get(0), row.get(1), row.get(2));
        let extension: Option<&str> = row.get(3);
        let object = db.object(&format!("language {}", ident(name)));
        let functions = count(usize::try_from(functions).unwrap_or_default(), "function");
        if trusted && UNTRUSTED.contains(&name) {
            let message =
                format!("it is marked as trusted and is not: every role may write functions in it; {functions}");
            seen.add(Found::new(object, message).at(Severity::Critical));
        } else if !trusted && !extension.is_some_and(|e| declared(db, e)) {
            seen.add(Found::new(object, format!("it is not trusted, and runs {functions}")));
        }
    }
    for row in functions {
        let (locator, language, library): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let from = if language == "c" { format!("library {}", shown(library)) } else { "the server itself".to_owned() };
        seen.add(Found::new(
            db.object(locator),
            format!("it runs machine code of {from}, and belongs to no extension"),
        ));
    }
    Ok(seen)
}

/// Whether the operator expects this extension.
pub(in crate::exposure::code) fn declared(db: &Database<'_>, extension: &str) -> bool {
    db.policy.expect.extensions.as_ref().is_some_and(|all| all.iter().any(|e| e == extension))
}
