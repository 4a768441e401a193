//! EXP-FUNC-003: SQL that is put together from arguments.

use super::definers::LOCATOR;
use super::taint;
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-003",
        title: "no SECURITY DEFINER function seems to run its arguments as SQL",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[21],
        refs: &["SRG-APP-000251"],
        why: "EXECUTE of a text that an argument was pasted into runs whatever the caller wrote there, with the rights of \
              the function's owner. The application's own protection against injection does not reach into it.",
        inspects: "A hint, not a proof: in PL/pgSQL functions that are SECURITY DEFINER, EXECUTE of a text that an argument of \
                   a text type gets into by ||, concat, format with %s or as it is, directly or by variables, without \
                   quote_ident, quote_literal, %I, %L, a cast to a reg type or a number, or USING. Texts that come \
                   by SELECT INTO, from tables, or through other functions are not followed.",
        remedy: "EXECUTE format('… %I … $1', name) USING value; names by %I, values by USING.",
        false_positives: "Arguments that were checked against a list before. Waive the function after reading it.",
        source: "PostgreSQL manual, \"Executing Dynamic Commands\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Texts, and the arguments that can carry any text (types of category S).
const SQL: &str = "\
           left(p.prosrc, 200000), length(p.prosrc) > 200000, \
           ARRAY(SELECT coalesce(p.proargnames[a.n], '') FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) \
                 WITH ORDINALITY a(type, n) JOIN pg_type t ON t.oid = a.type \
                 WHERE (t.typcategory IN ('S', 'U', 'X', 'P') OR t.typelem <> 0) AND t.typname <> 'uuid' \
                   AND coalesce(p.proargmodes[a.n] IN ('i', 'b', 'v'), true)), \
           ARRAY(SELECT '$' || a.k FROM (SELECT row_number() OVER (ORDER BY n) AS k, type \
                 FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY b(type, n) \
                 WHERE coalesce(p.proargmodes[n] IN ('i', 'b', 'v'), true)) a JOIN pg_type t ON t.oid = a.type \
                 WHERE (t.typcategory IN ('S', 'U', 'X', 'P') OR t.typelem <> 0) AND t.typname <> 'uuid') \
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
    WHERE p.prosecdef AND l.lanname = 'plpgsql' AND p.oid >= 16384 \
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') \
    ORDER BY p.oid::regprocedure::text COLLATE \"C\"";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let sql = format!("SELECT {LOCATOR}, {SQL}");
    let rows = db.rows("the functions", &sql, &[]).await?;
    if rows.is_empty() {
        let why = format!("database {} has no SECURITY DEFINER function in PL/pgSQL", db.name);
        return Ok(Seen::not_applicable(why));
    }
    let mut seen = Seen::all_of(rows.len());
    for row in rows {
        let (locator, body, cut): (&str, &str, bool) = (row.get(0), row.get(1), row.get(2));
        let (names, numbers): (Vec<String>, Vec<String>) = (row.get(3), row.get(4));
        if cut {
            seen.examined -= 1;
            seen.open.push(format!("{} is longer than what is read of a function", db.object(locator)));
        }
        let arguments = names.into_iter().filter(|n| !n.is_empty()).chain(numbers).collect();
        let run = taint::run_as_sql(body, &arguments);
        if !run.is_empty() {
            let message = format!("possible SQL injection (a hint): EXECUTE runs a text that holds {}", few(&run));
            seen.add(Found::new(db.object(locator), message));
        }
    }
    Ok(seen)
}
