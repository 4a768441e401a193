//! EXP-FUNC-002: who may call a SECURITY DEFINER function.

use super::definers::{self, none};
use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-FUNC-002",
        title: "PUBLIC may call no SECURITY DEFINER function",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[8, 14],
        refs: &["CIS 4.5", "splinter 0028"],
        why: "PostgreSQL lets everybody call every new function. For one that runs as its owner that means: every login \
              has this piece of the owner's power, though nobody ever granted it.",
        inspects: "EXECUTE of PUBLIC on SECURITY DEFINER functions that are no extension's, the default of birth included. Low \
                   for functions that only a trigger can call: PUBLIC can put them on tables of its own.",
        remedy: "REVOKE EXECUTE ON FUNCTION … FROM PUBLIC; GRANT EXECUTE ON FUNCTION … TO the roles that call it; and \
                 ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC.",
        false_positives: "Functions that are the database's public interface, made for every role: waive them by name.",
        source: "PostgreSQL manual, \"Privileges\", table of default privileges",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let definers = definers::read(db).await?;
    if definers.is_empty() {
        return Ok(none(db));
    }
    let place = db.place().await?;
    let mut seen = Seen::all_of(definers.len());
    for definer in definers.iter().filter(|d| d.acl.public().has(Privileges::EXECUTE)) {
        let who = if place.is_open(definer.schema) { "every role" } else { "every role with USAGE on its schema" };
        let found = Found::new(db.object(&definer.locator), format!("{who} may run it as {}", shown(&definer.owner)));
        seen.add(if definer.trigger { found.at(Severity::Low) } else { found });
    }
    Ok(seen)
}
