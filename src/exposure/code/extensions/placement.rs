//! EXP-EXT-003: where extensions are, whether they are expected and used.

use super::installed;
use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::code::functions::languages::declared;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::ident;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-EXT-003",
        title: "extensions are expected, needed, and out of the reach of others",
        severity: Severity::Low,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14],
        refs: &["SRG-APP-000141"],
        why: "Each extension is code of others in the server, with functions that everybody may call. In a schema where \
              everybody may create, better fitting functions can be planted beside its own, and the next call takes those.",
        inspects: "Each extension but plpgsql: whether PUBLIC may create in its schema; whether it is in [expect] extensions, \
                   where those are declared; and, where it is not declared, whether any object outside of it needs one of \
                   it (information only). Extensions that clients and monitoring use, as pg_stat_statements, are not \
                   asked for that.",
        remedy: "ALTER EXTENSION … SET SCHEMA a_schema_of_its_own; DROP EXTENSION … where nobody needs it (without CASCADE \
                 it refuses where an object does); or add it to [expect] extensions.",
        false_positives: "Functions that are called by SQL of clients or by bodies of functions only leave no trace in the \
                          catalogue: pgcrypto is used and seems unused. Declare it.",
        source: "PostgreSQL manual, \"Packaging Related Objects into an Extension\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Used by sessions, never by objects.
const BY_CLIENTS: [&str; 17] = [
    "amcheck",
    "old_snapshot",
    "pageinspect",
    "pg_buffercache",
    "pg_cron",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_kcache",
    "pg_stat_statements",
    "pg_surgery",
    "pg_visibility",
    "pg_wait_sampling",
    "pg_walinspect",
    "pgaudit",
    "pgrowlocks",
    "pgstattuple",
    "sslinfo",
];

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let mut installed = installed::read(db).await?;
    installed.retain(|e| e.name != "plpgsql");
    if installed.is_empty() {
        return Ok(Seen::not_applicable(format!("database {} has no extension but plpgsql", db.name)));
    }
    let place = db.place().await?;
    let mut seen = Seen::all_of(installed.len());
    for extension in &installed {
        let name = extension.name.as_str();
        let mut low = Vec::new();
        if let Some(schema) = place.schemas.get(&extension.schema)
            && schema.acl.public().has(Privileges::CREATE)
        {
            low.push(format!("it is in schema {}, where every role may create", shown(&schema.name)));
        }
        if db.policy.expect.extensions.is_some() && !declared(db, name) {
            low.push("it is not among the declared ones".to_owned());
        }
        let unused = !extension.used && !declared(db, name) && !BY_CLIENTS.contains(&name);
        let only_unused = low.is_empty();
        low.extend(unused.then(|| "no object depends on it".to_owned()));
        if !low.is_empty() {
            let found = Found::new(db.object(&format!("extension {}", ident(name))), low.join("; "));
            seen.add(if only_unused { found.at(Severity::Info) } else { found });
        }
    }
    Ok(seen)
}
