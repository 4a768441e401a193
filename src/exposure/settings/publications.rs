//! EXP-REPL-003: what is published is chosen.

use crate::exposure::database::Database;
use crate::exposure::{About, Check, Found, Look, Looking, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-REPL-003",
        title: "publications name what they publish",
        severity: Severity::Low,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[22],
        refs: &[],
        why: "FOR ALL TABLES publishes the next table, too, the day somebody makes it: with its card numbers, to every \
              subscriber there is.",
        inspects: "Publications with FOR ALL TABLES, or (15+) FOR TABLES IN SCHEMA.",
        remedy: "ALTER PUBLICATION … SET TABLE with the tables, and since 15 the columns, that subscribers need.",
        false_positives: "An upgrade by logical replication copies everything on purpose: waive it until it is done.",
        source: "PostgreSQL manual, \"CREATE PUBLICATION\"",
    },
    look: Look::Database(look),
};

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(async move {
        if let Some(seen) = db.not_restored(db.lacks.publications, "publications") {
            return Ok(seen);
        }
        let schemas = if db.major >= 15 {
            "EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid)"
        } else {
            "false"
        };
        let sql = format!("SELECT p.pubname::text, p.puballtables, {schemas} FROM pg_publication p ORDER BY 1");
        let rows = db.rows("the publications", &sql, &[]).await?;
        let mut seen = Seen::all_of(rows.len());
        for row in &rows {
            let (name, all, schemas): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
            let what = match (all, schemas) {
                (true, _) => "every table, and every new one",
                (_, true) => "whole schemas, and every new table in them",
                _ => continue,
            };
            seen.add(Found::new(db.object(&format!("publication {name}")), format!("it publishes {what}")));
        }
        Ok(seen)
    })
}
