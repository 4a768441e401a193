//! EXP-ROLE-002: who reaches the server's operating system.

use super::super::{PLANES, ordinary, through};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// Predefined roles, and what they let one do on the server's host.
const ROLES: [(&str, &str); 3] = [
    ("pg_execute_server_program", "run programs as the server's operating system user"),
    ("pg_write_server_files", "write any file that the server can write"),
    ("pg_read_server_files", "read any file that the server can read"),
];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-002",
        title: "no ordinary role reads or writes the server's files or runs programs there",
        severity: Severity::High,
        planes: PLANES,
        guide: &[6, 14],
        refs: &["CIS 4.9", "SRG-APP-000141"],
        why: "COPY … FROM PROGRAM runs whatever it is told as the operating system user of the server; who can write \
              its files can replace pg_hba.conf, and who can read them reads every table and password behind all \
              privileges. Each of the three is a superuser by another name.",
        inspects: "Roles with LOGIN that are or can become members of pg_execute_server_program, pg_write_server_files or \
                   pg_read_server_files. Superusers are judged by EXP-ROLE-001, declared administrators not at all.",
        remedy: "REVOKE pg_execute_server_program, pg_write_server_files, pg_read_server_files FROM filer; load data by \
                 COPY … FROM STDIN (psql's \\copy), which needs none of them.",
        false_positives: "Agents that back up or load on the server itself; narrow who can log in as them, or waive.",
        source: "PostgreSQL manual, \"Predefined Roles\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::all_of(server.logins().count());
    for role in ordinary(server, policy) {
        let can = |(target, what): &(&str, &str)| {
            server.powers.way(&role.name, target).map(|way| format!("{what}{}", through(&way)))
        };
        let all: Vec<String> = ROLES.iter().filter_map(can).collect();
        if !all.is_empty() {
            seen.add(Found::new(format!("role {}", role.name), format!("{} can {}", role.name, all.join("; "))));
        }
    }
    seen
}
