//! EXP-SECR-005: secrets in functions, views, comments, defaults, checks, triggers and jobs.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use crate::exposure::database::FIRST_USER_OID;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::Spotted;
use crate::exposure::{About, Blind, Collector, Database, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-005",
        title: "no function, view, comment or default holds a secret",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[10, 25],
        refs: &[],
        why: "The source of functions and views, comments and defaults are readable for every login, whatever it may \
              run or select. They are in every dump and in every developer's copy of the schema.",
        inspects: "Bodies of functions, definitions of views and rules, comments, column defaults, check constraints, \
                   arguments of triggers and commands of pg_cron: private keys, tokens of known services, URLs with a \
                   password, connection strings, PASSWORD '…', and values of names like api_key. What only a name \
                   makes a secret is of medium severity, a stored hash low, a sample of documentation a note.",
        remedy: "Move the secret into a table that only the function's owner can read, or out of the database, and \
                 CREATE OR REPLACE the object without it; COMMENT ON … IS NULL for comments. Then rotate the secret: it \
                 is in the backups that exist.",
        false_positives: "A default password of a test fixture; a constant that is named like a key. Waive the object.",
        source: "PostgreSQL manual, pg_proc, pg_description (readable by everybody)",
    },
    look: Look::Database(look),
};

/// Texts that are read with one query.
const BATCH: i64 = 500;
/// How much of one text is read, characters; more is told as not looked at.
const LONGEST: i32 = 1_000_000;

/// Texts of objects of users: catalogue, object, part, text; `$1` is the last object
/// of the batch before, `$2` the batch, `$3` the longest text. In order of their numbers.
const SOURCES: &[(&str, &str)] = &[
    (
        "functions",
        "SELECT 'pg_proc'::regclass::oid, p.oid, 0, left(p.prosrc {BODY}, $3) FROM pg_proc p \
         WHERE p.oid >= {FIRST} AND p.oid > $1 ORDER BY p.oid LIMIT $2",
    ),
    (
        "views and rules",
        "SELECT 'pg_class'::regclass::oid, w.ev_class, 0, left(pg_get_ruledef(w.oid), $3), w.oid FROM pg_rewrite w \
         WHERE w.oid >= {FIRST} AND w.oid > $1 ORDER BY w.oid LIMIT $2",
    ),
    (
        "defaults",
        "SELECT 'pg_attrdef'::regclass::oid, d.oid, 0, left(pg_get_expr(d.adbin, d.adrelid), $3) FROM pg_attrdef d \
         WHERE d.oid >= {FIRST} AND d.oid > $1 ORDER BY d.oid LIMIT $2",
    ),
    (
        "check constraints",
        "SELECT 'pg_constraint'::regclass::oid, c.oid, 0, left(pg_get_constraintdef(c.oid), $3) FROM pg_constraint c \
         WHERE c.contype = 'c' AND c.oid >= {FIRST} AND c.oid > $1 ORDER BY c.oid LIMIT $2",
    ),
    (
        "triggers",
        "SELECT 'pg_trigger'::regclass::oid, t.oid, 0, left(encode(t.tgargs, 'escape'), $3) FROM pg_trigger t \
         WHERE NOT t.tgisinternal AND t.oid >= {FIRST} AND t.oid > $1 ORDER BY t.oid LIMIT $2",
    ),
    (
        "comments",
        "SELECT c.classoid, c.objoid, c.objsubid, left(c.description, $3), c.n FROM \
         (SELECT *, row_number() OVER (ORDER BY classoid, objoid, objsubid) AS n FROM pg_description \
          WHERE objoid >= {FIRST}) c WHERE c.n > $1::oid::bigint ORDER BY c.n LIMIT $2",
    ),
];

/// Comments on databases, roles and tablespaces.
const SHARED: &str = "SELECT c.classoid, c.objoid, 0, left(c.description, $3), c.n FROM \
     (SELECT *, row_number() OVER (ORDER BY classoid, objoid) AS n FROM pg_shdescription) c \
     WHERE c.n > $1::oid::bigint ORDER BY c.n LIMIT $2";

/// Which object a text belongs to: catalogue, object, part.
type Address = (u32, u32, i32);

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    let (mut seen, mut comments, mut others) = (Seen::default(), BTreeMap::new(), BTreeMap::new());
    let body = if db.major >= 14 { "|| coalesce(pg_get_function_sqlbody(p.oid), '')" } else { "" };
    for (what, sql) in SOURCES {
        let sql = sql.replace("{FIRST}", &FIRST_USER_OID.to_string()).replace("{BODY}", body);
        let into = if *what == "comments" { &mut comments } else { &mut others };
        texts(db, what, &sql, &mut seen, into).await?;
    }
    if db.collector.is_none_or(|c| c.first("shared comments")) {
        texts(db, "comments", SHARED, &mut seen, &mut comments).await?;
    }
    add(db, "", others, &mut seen).await?;
    add(db, "comment on ", comments, &mut seen).await?;
    jobs(db, &mut seen).await?;
    Ok(seen)
}

/// Reads all texts of a kind, and keeps what was seen in them.
async fn texts(
    db: &Database<'_>,
    what: &str,
    sql: &str,
    seen: &mut Seen,
    found: &mut BTreeMap<Address, Spotted>,
) -> Result<(), Blind> {
    let mut last = 0u32;
    loop {
        let rows = db.rows(what, sql, &[&last, &BATCH, &LONGEST]).await?;
        for row in &rows {
            let address: Address = (row.get(0), row.get(1), row.get(2));
            last = order(row, address);
            seen.present += 1;
            let Ok(text) = row.try_get::<_, Option<String>>(3) else {
                seen.open.push(format!("{what}: one is in an encoding that cannot be read"));
                continue;
            };
            let text = text.unwrap_or_default();
            if text.chars().count() >= LONGEST as usize {
                seen.open.push(format!("{what}: one is longer than {LONGEST} characters and was not read to its end"));
            }
            seen.examined += 1;
            let spotted = Spotted::in_text(&text, db.collector.map(Collector::key));
            if !spotted.is_empty() {
                found.entry(address).or_default().merge(spotted);
            }
        }
        if i64::try_from(rows.len()).is_ok_and(|n| n < BATCH) {
            return Ok(());
        }
    }
}

/// What the next batch begins behind: the fifth column where there is one, else the object.
fn order(row: &Row, address: Address) -> u32 {
    if row.len() < 5 {
        return address.1;
    }
    row.try_get::<_, u32>(4).unwrap_or_else(|_| row.try_get::<_, i64>(4).map_or(u32::MAX, |n| n as u32))
}

/// Names the objects in which something was seen, all with one query.
async fn add(db: &Database<'_>, before: &str, found: BTreeMap<Address, Spotted>, seen: &mut Seen) -> Result<(), Blind> {
    let (mut classes, mut objects, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (class, object, part) in found.keys() {
        classes.push(*class);
        objects.push(*object);
        parts.push(*part);
    }
    let sql = "SELECT a.c, a.o, a.p, i.type, i.identity FROM unnest($1::oid[], $2::oid[], $3::int4[]) AS a(c, o, p), \
               LATERAL pg_identify_object(a.c, a.o, a.p) i";
    for row in db.rows("names of objects", sql, &[&classes, &objects, &parts]).await? {
        let Some(spotted) = found.get(&(row.get(0), row.get(1), row.get(2))) else { continue };
        let name = |i| row.get::<_, Option<String>>(i).unwrap_or_else(|| "without a name".to_owned());
        let object = db.object(&format!("{before}{} {}", name(3), name(4)));
        tell(db, object, spotted, seen);
    }
    Ok(())
}

fn tell(db: &Database<'_>, object: String, spotted: &Spotted, seen: &mut Seen) {
    spotted.collect(&object, db.collector);
    let message = format!("every login can read a secret in its text: {}", spotted.words());
    seen.add(Found::new(object, message).at(spotted.severity(Severity::High)));
}

/// Commands of pg_cron, where that is installed.
async fn jobs(db: &Database<'_>, seen: &mut Seen) -> Result<(), Blind> {
    let there = db.rows("pg_cron", "SELECT to_regclass('cron.job') IS NOT NULL", &[]).await?;
    if !there.first().is_some_and(|r| r.get(0)) {
        return Ok(());
    }
    let sql = "SELECT j.jobid, left(j.command, $1) FROM cron.job j ORDER BY 1 LIMIT 10000";
    for row in db.rows("commands of pg_cron", sql, &[&LONGEST]).await? {
        seen.present += 1;
        seen.examined += 1;
        let Ok(text) = row.try_get::<_, &str>(1) else {
            seen.open.push("a command of pg_cron is in an encoding that cannot be read".to_owned());
            continue;
        };
        let spotted = Spotted::in_text(text, db.collector.map(Collector::key));
        if !spotted.is_empty() {
            tell(db, db.object(&format!("job {}", row.get::<_, i64>(0))), &spotted, seen);
        }
    }
    Ok(())
}
