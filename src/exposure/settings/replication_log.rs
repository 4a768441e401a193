//! EXP-LOG-005: a copy of the whole cluster leaves a trace.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LOG-005",
        title: "replication commands are recorded",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[18, 22],
        refs: &["CIS 7.2"],
        why: "pg_basebackup takes everything with one command that is no SQL: log_statement and pgaudit do not see it.",
        inspects: "log_replication_commands.",
        remedy: "ALTER SYSTEM SET log_replication_commands = on; SELECT pg_reload_conf();",
        false_positives: "None: a cluster that nobody replicates has nothing to log.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\", log_replication_commands",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    look.setting("log_replication_commands", |value| {
        (value != "on").then(|| of("log_replication_commands", "a base backup of the cluster would leave no trace"))
    });
    look.seen
}
