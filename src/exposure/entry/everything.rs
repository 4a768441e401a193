//! EXP-HBA-014: no rule lets every role into every database.

use super::{PLANES, by_rule};
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{DbToken, Transport, UserToken};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-014",
        title: "no rule lets every role into every database over TCP",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[5],
        refs: &["pgdsat 5.10"],
        why: "With `all all` each new role and each new database is reachable the moment it is made, superusers included. \
              The boundary is then the password alone.",
        inspects: "Accepting rules for TCP with `all` as database and `all` as user.",
        remedy: "Name databases and roles (or a +group) in each line.",
        false_positives: "A cluster with a single application: waive it, or name it anyway.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    by_rule(
        server,
        |_, cell| cell.transport != Transport::Socket,
        |_, hit| {
            let all = hit.rule.databases.contains(&DbToken::All) && hit.rule.users.contains(&UserToken::All);
            all.then(|| Found::new(hit.object(), format!("every role may enter every database, {}", hit.who())))
        },
    )
}
