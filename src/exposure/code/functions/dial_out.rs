//! EXP-FUNC-006: what reaches out of the database by itself.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::relations::view_reads;
use crate::exposure::sql_text::{Token, tokens};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-006",
        title: "no trigger, rule, default or materialized view reaches out of the database",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14, 23],
        refs: &[],
        why: "Code that hangs on a table runs without anyone calling it: at an INSERT, at REFRESH, and at every restore, \
              where materialized views, indexes and constraints are built anew by a superuser. One that dials out \
              carries rows away, or reaches production from a copy.",
        inspects: "Triggers, rules, defaults, generated columns, constraints, index expressions, policies, domains and \
                   materialized views (by views, too) that depend on a function that dials out or touches files: those \
                   of dblink, http, pg_net, plsh; lo_export, pg_read_file and their like; functions in plsh; user \
                   functions whose text calls one of them or has COPY … PROGRAM, three calls deep. Materialized \
                   views over foreign tables. Functions that put such a call together at run time are not seen.",
        remedy: "DROP the trigger or default, and let a job outside of the database send what must be sent, from a queue \
                 table. Materialized views over foreign data: REFRESH by that job into a plain table.",
        false_positives: "A replica of another database's table, refreshed on purpose: waive the view, and restore into \
                          sealed servers only.",
        source: "PostgreSQL manual, \"REFRESH MATERIALIZED VIEW\", \"dblink\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Functions that dial out or touch files: of extensions, of the system, in plsh.
const BASE: &str = "\
    SELECT p.oid, p.proname::text FROM pg_proc p \
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
    JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass \
    WHERE e.extname IN ('dblink', 'http', 'pg_net', 'plsh', 'aws_s3', 'aws_lambda', 'pgsql_http', 'adminpack') \
      AND p.proname !~ '_(handler|validator)$' \
    UNION SELECT p.oid, p.proname::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'plsh' \
    UNION SELECT p.oid, p.proname::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace \
      AND p.proname IN ('lo_export', 'lo_import', 'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file')";

/// Functions of users whose text has one of these words, or starts programs.
const CALLERS: &str = "\
    SELECT p.oid, p.proname::text, left(p.prosrc, 200000) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
    WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') \
      AND (EXISTS (SELECT FROM unnest($1::text[]) w WHERE strpos(lower(p.prosrc), lower(w)) > 0) OR p.prosrc ~* '\\mprogram\\M')";

/// What depends on these functions and runs by itself. The rule of a view does
/// not: that is its query. Functions of the system have no dependencies, so
/// expressions are searched for their numbers.
const USERS: &str = "\
    WITH texts(class, object, sub, tree) AS (\
        SELECT 'pg_rewrite'::regclass, oid, 0, concat(ev_qual::text, ev_action::text) FROM pg_rewrite WHERE oid >= 16384 \
        UNION ALL SELECT 'pg_attrdef'::regclass, oid, 0, adbin::text FROM pg_attrdef \
        UNION ALL SELECT 'pg_constraint'::regclass, oid, 0, conbin::text FROM pg_constraint WHERE conbin IS NOT NULL AND oid >= 16384 \
        UNION ALL SELECT 'pg_class'::regclass, indexrelid, 0, concat(indexprs::text, indpred::text) FROM pg_index \
                  WHERE (indexprs IS NOT NULL OR indpred IS NOT NULL) AND indexrelid >= 16384 \
        UNION ALL SELECT 'pg_policy'::regclass, oid, 0, concat(polqual::text, polwithcheck::text) FROM pg_policy \
        UNION ALL SELECT 'pg_trigger'::regclass, oid, 0, tgqual::text FROM pg_trigger WHERE tgqual IS NOT NULL), \
    used(class, object, sub, func) AS (\
        SELECT d.classid, d.objid, d.objsubid, d.refobjid FROM pg_depend d \
        WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = ANY ($1) AND d.classid IN ('pg_rewrite'::regclass, \
              'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_policy'::regclass, \
              'pg_trigger'::regclass, 'pg_type'::regclass) \
        UNION SELECT t.class, t.object, t.sub, m.m[1]::oid FROM texts t, \
              LATERAL regexp_matches(t.tree, ':(?:funcid|opfuncid) (' || $2 || ') ', 'g') AS m(m)) \
    SELECT i.type, i.identity, p.proname::text, w.ev_class, \
           w.rulename IS NOT NULL AND w.ev_type = '1' \
    FROM used u JOIN pg_proc p ON p.oid = u.func LEFT JOIN pg_rewrite w ON u.class = 'pg_rewrite'::regclass AND w.oid = u.object, \
         LATERAL pg_identify_object(u.class, u.object, u.sub) i WHERE i.identity IS NOT NULL";

/// Relations by their kind: what a materialized view may read, and its name.
const RELATIONS: &str = "\
    SELECT c.oid, c.relkind::text, format('%I.%I', n.nspname, c.relname) FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('m', 'f')";

/// What runs by itself.
const THINGS: &str = "\
    SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) \
         + (SELECT count(*) FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class \
            WHERE w.oid >= 16384 AND (w.ev_type <> '1' OR c.relkind = 'm')) \
         + (SELECT count(*) FROM pg_attrdef) + (SELECT count(*) FROM pg_policy) \
         + (SELECT count(*) FROM pg_constraint WHERE conbin IS NOT NULL AND oid >= 16384) \
         + (SELECT count(*) FROM pg_index WHERE (indexprs IS NOT NULL OR indpred IS NOT NULL) AND indexrelid >= 16384)";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let things = db.rows("what runs by itself", THINGS, &[]).await?;
    let count = things.first().map_or(0, |r| r.get::<_, i64>(0).unsigned_abs());
    if count == 0 {
        let why = format!(
            "database {} has nothing that runs by itself: no trigger, rule, default or index expression",
            db.name
        );
        return Ok(Seen::not_applicable(why));
    }
    let functions = functions(db).await?;
    let numbers: Vec<u32> = functions.keys().copied().collect();
    let system: Vec<String> = numbers.iter().filter(|n| **n < 16_384).map(u32::to_string).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // Relations that dial out when they are read.
    let mut dialing: BTreeMap<u32, String> = BTreeMap::new();
    for row in db.rows("what calls functions", USERS, &[&numbers, &system.join("|")]).await? {
        let (kind, identity, function): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let (relation, query): (Option<u32>, bool) = (row.get(3), row.get(4));
        match relation {
            Some(relation) if query => {
                dialing.insert(relation, function.to_owned());
            }
            _ => {
                found.entry(format!("{kind} {identity}")).or_default().insert(function.to_owned());
            }
        }
    }
    let mut materialized: BTreeMap<u32, String> = BTreeMap::new();
    for row in db.rows("the foreign tables", RELATIONS, &[]).await? {
        if row.get::<_, &str>(1) == "f" {
            dialing.insert(row.get(0), "a foreign table".to_owned());
        } else {
            materialized.insert(row.get(0), row.get(2));
        }
    }
    for (view, name) in materialized {
        found.entry(format!("materialized view {name}")).or_default().extend(dialing.get(&view).cloned());
    }
    spread(db, &dialing, &mut found).await?;
    let mut seen = Seen { present: count, examined: count, ..Seen::default() };
    for (object, calls) in found.into_iter().filter(|f| !f.1.is_empty()) {
        let calls: Vec<String> = calls.into_iter().collect();
        seen.add(Found::new(db.object(&object), format!("it reaches out of the database by {}", few(&calls))));
    }
    Ok(seen)
}

/// Materialized views that read, by views, what dials out.
async fn spread(
    db: &Database<'_>,
    dialing: &BTreeMap<u32, String>,
    found: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<(), Blind> {
    if dialing.is_empty() {
        return Ok(());
    }
    let mut above: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (view, reads) in view_reads(db).await? {
        for read in reads {
            above.entry(read).or_default().push(view);
        }
    }
    let names: BTreeMap<u32, String> = db
        .rows("the materialized views", RELATIONS, &[])
        .await?
        .iter()
        .filter(|r| r.get::<_, &str>(1) == "m")
        .map(|r| (r.get(0), r.get(2)))
        .collect();
    let mut done: HashSet<u32> = HashSet::new();
    let mut todo: VecDeque<(u32, &String)> = dialing.iter().map(|(oid, how)| (*oid, how)).collect();
    while let Some((oid, how)) = todo.pop_front() {
        for view in above.get(&oid).into_iter().flatten() {
            if let Some(name) = names.get(view) {
                // What it holds was read at its refresh: who reads it does not dial.
                found.entry(format!("materialized view {name}")).or_default().insert(how.clone());
            } else if done.insert(*view) {
                todo.push_back((*view, how));
            }
        }
    }
    Ok(())
}

/// Functions that dial out, by their numbers: known ones, and those that call them.
async fn functions(db: &Database<'_>) -> Result<BTreeMap<u32, String>, Blind> {
    let mut all: BTreeMap<u32, String> =
        db.rows("the functions", BASE, &[]).await?.iter().map(|r| (r.get(0), r.get(1))).collect();
    // `dblink` and its like are looked for even where the extension is not installed now.
    let mut words: BTreeSet<String> = all.values().map(|n| n.to_lowercase()).collect();
    words.extend(["dblink", "http_get", "http_post"].map(str::to_owned));
    for _ in 0..3 {
        let wanted: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut next = BTreeSet::new();
        for row in db.rows("the functions' texts", CALLERS, &[&wanted]).await? {
            let (oid, name): (u32, &str) = (row.get(0), row.get(1));
            if !all.contains_key(&oid) && calls(row.get(2), &words) {
                all.insert(oid, name.to_owned());
                next.insert(name.to_lowercase());
            }
        }
        if next.is_empty() {
            break;
        }
        words = next;
    }
    Ok(all)
}

/// Whether a text calls one of these functions, or has `COPY … PROGRAM '…'`.
fn calls(body: &str, names: &BTreeSet<String>) -> bool {
    let t = tokens(body);
    let called = t.windows(2).any(|w| {
        w[1].is_sign("(") && w[0].name().is_some_and(|n| names.contains(n) || names.contains(&n.to_lowercase()))
    });
    let program = t.windows(2).any(|w| w[0].is("program") && matches!(w[1], Token::Text(_)));
    called || (program && t.iter().any(|t| t.is("copy")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_and_mentions_are_not() {
        let names = BTreeSet::from(["dblink".to_owned()]);
        for yes in
            ["PERFORM public.dblink('x', 'y')", "PERFORM DBLink ('x')", "COPY t TO PROGRAM 'curl'", "\"dblink\"('x')"]
        {
            assert!(calls(yes, &names), "{yes}");
        }
        for no in ["-- dblink('x')", "RAISE 'dblink('", "SELECT dblink FROM t", "SELECT program 'x'", "my_dblink('x')"]
        {
            assert!(!calls(no, &names), "{no}");
        }
    }
}
