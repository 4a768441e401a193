//! EXP-PRIV-006: who may change settings that are the superuser's.

use crate::checks::Severity;
use crate::exposure::look::{Check, Look};
use crate::exposure::{About, Found, Plane, Policy, Seen, Server};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-PRIV-006",
        title: "settings of superusers are changed by superusers only",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[8, 18],
        refs: &["SRG-APP-000380"],
        why: "Since 15 single settings can be handed out. Some of them switch the log off, some load a library or name \
              a program: ALTER SYSTEM on archive_command is a shell as the server's user.",
        inspects: "Grants of SET and ALTER SYSTEM on settings (15 and newer) to roles that are neither superusers nor \
                   declared admins. High where the setting names a program or a library, or switches checks off; low \
                   for SET on what is none of these and no log setting.",
        remedy: "REVOKE SET, ALTER SYSTEM ON PARAMETER … FROM …; for a session's own debugging a role can be given \
                 the setting by ALTER ROLE … SET instead.",
        false_positives: "Roles of DBAs below superuser: declare them as admins.",
        source: "PostgreSQL manual, \"GRANT\" (ON PARAMETER), \"pg_parameter_acl\"",
    },
    look: Look::Server(look),
};

/// Endings of settings that run programs or load code.
const RUNS: [&str; 4] = ["_command", "_library", "_libraries", "_library_path"];

/// Settings that switch off what protects rows.
const UNSAFE: [&str; 6] = [
    "session_replication_role",
    "allow_system_table_mods",
    "ignore_system_indexes",
    "zero_damaged_pages",
    "role",
    "session_authorization",
];

fn look(server: &Server, policy: &Policy) -> Seen {
    if server.version.major() < 15 {
        return Seen::not_applicable("before 15 settings cannot be granted");
    }
    let mut grants = match server.posture.parameter_grants.get() {
        Ok(all) => all.clone(),
        Err(why) => return Seen::not_evaluated(why),
    };
    if grants.is_empty() {
        return Seen { note: Some("no setting was granted to anybody".into()), ..Seen::all_of(1) };
    }
    grants.sort_by(|a, b| (&a.parameter, &a.role, &a.privilege).cmp(&(&b.parameter, &b.role, &b.privilege)));
    let mut seen = Seen::all_of(grants.len());
    for grant in grants {
        let expected = |role: &str| server.powers.is_super(role) || policy.is_admin(role) == Some(true);
        if grant.role.as_deref().is_some_and(expected) {
            continue;
        }
        let who = grant.role.as_ref().map_or("PUBLIC".to_owned(), |r| format!("role {r}"));
        let object = format!("setting {}: {} for {who}", grant.parameter, grant.privilege);
        let name = grant.parameter.as_str();
        let (message, severity) = if RUNS.iter().any(|end| name.ends_with(end)) {
            ("it can name a program or library that the server runs", Some(Severity::High))
        } else if UNSAFE.contains(&name) {
            ("it can switch off what protects rows", Some(Severity::High))
        } else if name.starts_with("log_") || name.starts_with("pgaudit.") || name.starts_with("debug_") {
            ("it can change what is logged", None)
        } else if grant.privilege == "ALTER SYSTEM" {
            ("it can change how the whole server runs", None)
        } else {
            ("it can change a setting that is the superuser's", Some(Severity::Low))
        };
        let found = Found::new(object, message);
        seen.add(severity.map_or(found.clone(), |s| found.at(s)));
    }
    seen
}
