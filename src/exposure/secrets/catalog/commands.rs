//! EXP-SECR-004: secrets in commands and connection strings of the server.

use crate::exposure::look::{Check, Look};
use crate::exposure::policy::Policy;
use crate::exposure::{About, Found, Plane, Seen, Server, Severity};

/// Settings that only superusers and `pg_read_all_settings` see: not among the settings,
/// they were not looked at.
const HIDDEN: [&str; 1] = ["primary_conninfo"];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-004",
        title: "no command or connection string in the configuration holds a secret",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Posture, Plane::Copy],
        guide: &[10, 25],
        refs: &[],
        why: "archive_command and restore_command are readable for every login that can run SHOW. An access key in \
              one of them gives every application, and whoever injects SQL into it, the archive with all its WAL.",
        inspects: "All settings without a dot in their name that hold text: archive_command, archive_library, \
                   restore_command, archive_cleanup_command, recovery_end_command, ssl_passphrase_command, \
                   primary_conninfo and the rest, for values with the shape of a credential, URLs with a password, \
                   password= keywords and curl's -u.",
        remedy: "Let the command read its credential from a file that only the server's OS user can read, or from an \
                 instance role; name a passfile in primary_conninfo. Reload, then rotate the secret: it is in the \
                 backups that exist.",
        false_positives: "None seen; a sample value is worth removing, too.",
        source: "PostgreSQL manual, \"Server Configuration\"; SHOW needs no privilege",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let all = match server.posture.settings.get() {
        Err(why) => return Seen::not_evaluated(format!("the settings are not known: {why}")),
        Ok(all) => all,
    };
    let mut seen = Seen::default();
    for (name, facts) in all.iter().filter(|(name, _)| !name.contains('.')) {
        seen.present += 1;
        seen.examined += 1;
        if let Some(kind) = &facts.secret {
            let readers = if HIDDEN.contains(&name.as_str()) {
                "superusers and pg_read_all_settings read it, and it is in every physical backup"
            } else {
                "every login can read it"
            };
            seen.add(Found::new(format!("setting {name}"), format!("it holds a secret ({kind}): {readers}")));
        }
    }
    for hidden in HIDDEN.iter().filter(|h| !all.contains_key(**h)) {
        seen.open.push(format!("{hidden} may not be read by the role that asked"));
    }
    seen
}
