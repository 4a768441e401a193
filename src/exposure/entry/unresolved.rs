//! EXP-HBA-013: all that the access rules include was seen.

use super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-013",
        title: "everything that the access rules include was seen",
        severity: Severity::Info,
        planes: PLANES,
        guide: &[5],
        refs: &[],
        why: "Rules, roles and databases can stand in files that the main file includes. What was not seen may let in \
              anybody, so no answer about who can enter is whole without it.",
        inspects: "include, include_if_exists, include_dir (16+) and @file in pg_hba.conf whose files could not be read.",
        remedy: "Let the backup role read them: GRANT pg_read_server_files, or keep everything in one file.",
        false_positives: "None: it only says what the other checks could not know.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let access = match server.access() {
        Ok(access) => access,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(1 + access.config.unresolved.len());
    for gap in &access.config.unresolved {
        seen.add(Found::new(format!("file {}", gap.path), format!("it is included and was not seen: {}", gap.reason)));
    }
    seen
}
