//! EXP-SECR-002: passwords of subscriptions.

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::Spotted;
use crate::exposure::{About, Blind, Collector, Database, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-002",
        title: "no subscription stores a password",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[10, 22, 25],
        refs: &["SRG-APP-000172"],
        why: "A subscription's connection string is stored as it was typed and is in every backup. Its password opens \
              the publisher, usually for a role that may replicate.",
        inspects: "subconninfo of the subscriptions of each database of the copy, as a URI or as keywords.",
        remedy: "Name a passfile that only the server's OS user can read: ALTER SUBSCRIPTION s CONNECTION \
                 'host=… user=… passfile=/etc/postgresql/s.pgpass'. Then change the password on the publisher.",
        false_positives: "A path (passfile, sslkey) is no secret and is not reported. Subscriptions of roles that are \
                          no superusers need a password in the string (16+, password_required): waive those.",
        source: "PostgreSQL manual, CREATE SUBSCRIPTION",
    },
    look: Look::Database(look),
};

const SQL: &str = "SELECT s.subname::text, s.subconninfo FROM pg_subscription s \
     JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database() ORDER BY 1";

fn look<'a>(db: &'a Database<'a>) -> Looking<'a> {
    Box::pin(see(db))
}

async fn see(db: &Database<'_>) -> Result<Seen, Blind> {
    if let Some(seen) = db.not_restored(db.lacks.subscriptions, "subscriptions") {
        return Ok(seen);
    }
    let rows = db.rows("subscriptions", SQL, &[]).await?;
    if rows.is_empty() {
        return Ok(Seen::not_applicable("there is no subscription"));
    }
    let mut seen = Seen::all_of(rows.len());
    for row in &rows {
        let object = db.object(&format!("subscription {}", row.get::<_, &str>(0)));
        let Ok(text) = row.try_get(1) else {
            seen.open.push(format!("{object}: its connection string is no text"));
            continue;
        };
        let spotted = Spotted::in_connection(text, db.collector.map(Collector::key));
        if !spotted.is_empty() {
            spotted.collect(&object, db.collector);
            let message = format!("its connection string holds a secret: {}", spotted.words());
            seen.add(Found::new(object, message).at(spotted.severity(Severity::High)));
        }
    }
    Ok(seen)
}
