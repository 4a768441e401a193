//! EXP-SECR-003: secrets in settings that every login can read.

use crate::exposure::look::{Check, Look};
use crate::exposure::policy::Policy;
use crate::exposure::{About, Found, Plane, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-003",
        title: "no custom setting, and no setting of a role or database, holds a secret",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Posture, Plane::Copy],
        guide: &[10, 25],
        refs: &[],
        why: "ALTER DATABASE … SET app.jwt_secret is a convenient place for a key, but pg_db_role_setting is readable \
              for every login, current_setting() for every session, and both travel in every dump.",
        inspects: "Settings with a dot in their name (pg_settings) and everything that ALTER ROLE … SET and \
                   ALTER DATABASE … SET left (pg_db_role_setting): names that speak of a secret, and values that have \
                   the shape of one.",
        remedy: "ALTER DATABASE shop RESET app.jwt_secret, keep the key in a secret manager and let the application \
                 hand it over per transaction (SET LOCAL), or check tokens outside the database. Rotate the key.",
        false_positives: "A value that is only named like a secret. Samples of documentation are not kept apart here: \
                          waive them.",
        source: "PostgreSQL manual, pg_db_role_setting (readable by everybody)",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut seen = Seen::default();
    match server.posture.settings.get() {
        Err(why) => seen.open.push(format!("the settings are not known: {why}")),
        Ok(all) => {
            for (name, facts) in all.iter().filter(|(name, _)| name.contains('.')) {
                seen.present += 1;
                seen.examined += 1;
                if let Some(kind) = &facts.secret {
                    let message = format!("it holds a secret ({kind}) that every session can read");
                    seen.add(Found::new(format!("setting {name}"), message));
                }
            }
        }
    }
    match server.posture.role_settings.get() {
        Err(why) => seen.open.push(format!("settings of roles and databases are not known: {why}")),
        Ok(all) => {
            // There being none is something that was looked at.
            seen.present += 1;
            seen.examined += 1;
            for entry in all {
                seen.present += 1;
                seen.examined += 1;
                if let Some(kind) = &entry.secret {
                    let whose = match (&entry.role, &entry.database) {
                        (Some(role), Some(database)) => format!("role {role} in database {database}"),
                        (Some(role), None) => format!("role {role}"),
                        (None, Some(database)) => format!("database {database}"),
                        (None, None) => "all roles".to_owned(),
                    };
                    let message = format!("it holds a secret ({kind}) that every login can read in pg_db_role_setting");
                    seen.add(Found::new(format!("setting {} of {whose}", entry.name), message));
                }
            }
        }
    }
    seen
}
