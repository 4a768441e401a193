//! EXP-HBA-012: the file is what the server runs with.

use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-012",
        title: "the server runs with the access rules that the file holds",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[5],
        refs: &[],
        why: "A file with one bad line is not loaded at all: the server goes on with the rules it had, and after a restart \
              it does not come up. Everybody who reads the file is wrong about who may enter.",
        inspects: "Errors in pg_hba_file_rules, and whether the file is newer than the last load (pg_conf_load_time()).",
        remedy: "Mend the lines that pg_hba_file_rules names, then SELECT pg_reload_conf().",
        false_positives: "A file that was touched without a change: reload, and the finding is gone.",
        source: "PostgreSQL manual, \"pg_hba_file_rules\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let loaded = match server.posture.hba_loaded.get() {
        Ok(loaded) => loaded,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(1);
    for (file, line, message) in &loaded.errors {
        let file = file.as_deref().unwrap_or("pg_hba.conf");
        seen.add(Found::new(format!("file {file}"), format!("the server refuses line {line}: {message}")));
    }
    match (loaded.changed_at, loaded.loaded_at) {
        (Some(changed), Some(at)) if changed > at => {
            let message =
                format!("it was changed at {changed} and last loaded at {at}: the server runs with older rules");
            seen.add(Found::new("file pg_hba.conf", message));
        }
        (Some(_), Some(_)) => {}
        _ => seen.open.push("when the file was changed and loaded is not known".to_owned()),
    }
    seen
}
