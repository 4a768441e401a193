//! EXP-CONF-001: no setting damages data or opens the system.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};

/// Settings, the value that is dangerous, and what it does.
const DANGEROUS: [(&str, &str, &str, Severity); 9] = [
    ("fsync", "off", "a crash of the host destroys the cluster", Severity::High),
    ("full_page_writes", "off", "a crash of the host leaves torn pages behind", Severity::High),
    ("zero_damaged_pages", "on", "damaged pages are emptied without a word", Severity::High),
    ("ignore_checksum_failure", "on", "damaged pages are read as if they were whole", Severity::Medium),
    ("ignore_system_indexes", "on", "the catalogue is read without its indexes", Severity::Medium),
    ("allow_system_table_mods", "on", "superusers may change the catalogue itself", Severity::Medium),
    ("ignore_invalid_pages", "on", "recovery passes over missing pages", Severity::High),
    ("jit_debugging_support", "on", "compiled statements are handed to debuggers", Severity::Low),
    ("jit_profiling_support", "on", "compiled statements are handed to profilers", Severity::Low),
];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-CONF-001",
        title: "no setting damages data or opens the system",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[14],
        refs: &["CIS 6.2", "CIS 6.3", "CIS 6.4", "CIS 6.5", "CIS 6.6"],
        why: "These settings are for repairs and tests. Left on, they turn a crash into lost data or let a superuser's \
              mistake into the catalogue, and a backup of such a server may already be damaged.",
        inspects: "fsync, full_page_writes, zero_damaged_pages, ignore_checksum_failure, ignore_system_indexes, \
                   allow_system_table_mods, ignore_invalid_pages, jit_debugging_support, jit_profiling_support.",
        remedy: "ALTER SYSTEM RESET the setting, reload (some need a restart), and find out who set it.",
        false_positives: "A repair that is going on: waive it for that day. full_page_writes = off is safe on file systems \
                          that write whole pages (ZFS): waive it with the reason.",
        source: "PostgreSQL manual, \"Developer Options\" and \"Write Ahead Log\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    for (name, bad, what, severity) in DANGEROUS {
        look.if_there(name, |value| (value == bad).then(|| of(name, format!("{name} is {bad}: {what}")).at(severity)));
    }
    look.seen
}
