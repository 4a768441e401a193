//! EXP-EXT-002: extensions older than their packages.

use std::collections::BTreeMap;

use super::installed;
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::words::ident;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;
use crate::types::text::quote_ident;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-EXT-002",
        title: "extensions have the version that their packages ship",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[14, 15],
        refs: &["splinter 0022"],
        why: "Installing a new package replaces the library only. The SQL part of an extension, with its fixes to functions \
              and grants, stays as old as the day of CREATE EXTENSION until somebody updates it in each database.",
        inspects: "The version of each extension in the database beside the default version of the same server's packages, \
                   as that server told it. Of a copy it is the source that counts, from its posture: the \
                   scratch host's packages say nothing. A finding, too, where no package offers the extension any more.",
        remedy: "ALTER EXTENSION … UPDATE; in each database that has it, after reading its release notes.",
        false_positives: "A version that is held on purpose, until an application is ready: waive it with a date.",
        source: "PostgreSQL manual, \"ALTER EXTENSION\", \"pg_available_extensions\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let asked: BTreeMap<String, String>;
    let available = match db.server.posture.available_extensions.get() {
        Ok(known) => known,
        // A live server can be asked here and now; a copy runs on other packages.
        Err(_) if db.plane == Plane::Live => {
            let sql = "SELECT name::text, default_version FROM pg_available_extensions()";
            let rows = db.rows("the extensions that are available", sql, &[]).await?;
            asked = rows.iter().filter_map(|r| Some((r.get(0), r.get::<_, Option<String>>(1)?))).collect();
            &asked
        }
        Err(why) => return Ok(Seen::not_evaluated(format!("the source's packages are not known: {why}"))),
    };
    let installed = installed::read(db).await?;
    let mut seen = Seen::all_of(installed.len());
    for extension in &installed {
        let object = db.object(&format!("extension {}", ident(&extension.name)));
        let version = shown(&extension.version);
        match available.get(&extension.name) {
            Some(shipped) if *shipped == extension.version => (),
            Some(shipped) => {
                let mend = format!("ALTER EXTENSION {} UPDATE;", quote_ident(&extension.name));
                seen.add(
                    Found::new(object, format!("{version} is installed, {} is shipped", shown(shipped))).mend(mend),
                );
            }
            None => {
                let message = format!("{version} is installed, and no package of the server offers it");
                seen.add(Found::new(object, message));
            }
        }
    }
    Ok(seen)
}
