//! EXP-AUTH-003: no password will be stored as md5.

use super::super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::source::posture::RoleSetting;

const SETTING: &str = "password_encryption";

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-003",
        title: "new passwords are stored as SCRAM",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[4],
        refs: &["pgdsat 5.12", "SRG-APP-000171"],
        why: "password_encryption decides how the next password is stored. Where it is md5, every change of a password, \
              the one after an incident too, makes another verifier that is as good as the password.",
        inspects: "password_encryption of the server, and where ALTER ROLE or ALTER DATABASE set it to md5.",
        remedy: "ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf(); and ALTER ROLE x RESET \
                 password_encryption;",
        false_positives: "Clients older than libpq 10, until they are updated.",
        source: "PostgreSQL manual, \"password_encryption\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut seen = Seen { present: 1, ..Seen::default() };
    match server.value(SETTING) {
        Ok(value) => {
            seen.examined = 1;
            if value.eq_ignore_ascii_case("md5") {
                seen.add(Found::new("setting password_encryption", "new passwords are stored as md5"));
            }
        }
        Err(why) => seen.open.push(why),
    }
    match server.posture.role_settings.get() {
        Ok(all) => {
            for setting in all.iter().filter(|s| s.name.eq_ignore_ascii_case(SETTING)) {
                seen.present += 1;
                seen.examined += 1;
                if setting.value.as_deref().is_some_and(|v| v.eq_ignore_ascii_case("md5")) {
                    let whose = whose(setting);
                    let message = format!("passwords that {whose} sets are stored as md5");
                    seen.add(Found::new(format!("{whose}: setting password_encryption"), message));
                }
            }
        }
        Err(why) => seen.open.push(format!("the settings of roles and databases: {why}")),
    }
    seen
}

fn whose(setting: &RoleSetting) -> String {
    match (&setting.role, &setting.database) {
        (Some(role), Some(database)) => format!("role {role} in database {database}"),
        (Some(role), None) => format!("role {role}"),
        (None, Some(database)) => format!("database {database}"),
        (None, None) => "every role".to_owned(),
    }
}
