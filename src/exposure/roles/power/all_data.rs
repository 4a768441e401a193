//! EXP-ROLE-006: who reads or writes everything.

use super::super::{PLANES, is_backup, ordinary, through};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-006",
        title: "no ordinary role reads or writes all data",
        severity: Severity::High,
        planes: PLANES,
        guide: &[8, 13],
        refs: &["CIS 4.9"],
        why: "pg_read_all_data reads every table of every schema, now and in future, and the system's own: stored \
              passwords in pg_authid, passwords of foreign servers in pg_user_mapping, those of subscriptions. \
              pg_write_all_data changes every table of users.",
        inspects: "Roles with LOGIN that are or can become members of pg_read_all_data or pg_write_all_data (14 and \
                   newer). The backup role's pg_read_all_data is told as information. Superusers are judged by \
                   EXP-ROLE-001, declared administrators not at all.",
        remedy: "REVOKE pg_read_all_data FROM dumper; GRANT SELECT on the schemas that it needs, with ALTER DEFAULT \
                 PRIVILEGES for new tables.",
        false_positives: "Another backup tool's role: declare it as expect.dump_role, and guard it like an administrator.",
        source: "PostgreSQL manual, \"Predefined Roles\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    if server.version.major() < 14 {
        return Seen::not_applicable("PostgreSQL before 14 has no roles for all data");
    }
    let mut seen = Seen::all_of(server.logins().count());
    for role in ordinary(server, policy) {
        let name = &role.name;
        let mut can = Vec::new();
        let writes = server.powers.way(name, "pg_write_all_data");
        if let Some(way) = &writes {
            can.push(format!("change every table{}", through(way)));
        }
        if let Some(way) = server.powers.way(name, "pg_read_all_data") {
            can.push(format!("read every table and every stored password{}", through(&way)));
        }
        if !can.is_empty() {
            let found = Found::new(format!("role {name}"), format!("{name} can {}", can.join("; ")));
            let meant = writes.is_none() && is_backup(server, policy, name);
            seen.add(if meant { found.at(Severity::Info) } else { found });
        }
    }
    seen
}
