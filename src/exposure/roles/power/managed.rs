//! EXP-ROLE-013: the near-superusers of hosted servers.

use super::super::{PLANES, ordinary, through};
use crate::exposure::powers::How;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// Roles by which hosting providers hand out almost all power.
const GROUPS: [&str; 5] =
    ["rds_superuser", "cloudsqlsuperuser", "alloydbsuperuser", "azure_pg_admin", "neon_superuser"];

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-ROLE-013",
        title: "no application is in the provider's group of administrators",
        severity: Severity::High,
        planes: PLANES,
        guide: &[6],
        refs: &[],
        why: "Hosted servers keep SUPERUSER to themselves and give customers a group that comes close: it makes roles, \
              installs extensions, ends sessions and reads all settings. The first login that the provider made is in \
              it, and is often the one that the application was configured with.",
        inspects: "Where the server has one of the groups rds_superuser, cloudsqlsuperuser, alloydbsuperuser, \
                   azure_pg_admin or neon_superuser: roles with LOGIN that are or can become members of it. Left out \
                   are superusers, declared administrators and, where none are declared, a role called postgres.",
        remedy: "Give the application a role of its own that owns its schema, and REVOKE rds_superuser FROM app;",
        false_positives: "The login that administrators use: declare it in expect.admins.",
        source: "The providers' manuals: Amazon RDS \"The rds_superuser role\", Cloud SQL \"About PostgreSQL users and \
                 roles\", Azure \"Create users\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, policy: &Policy) -> Seen {
    if !GROUPS.iter().any(|g| server.role(g).is_some()) {
        return Seen::not_applicable("the server has no group of a hosting provider");
    }
    let mut seen = Seen::all_of(server.logins().count());
    let meant = |name: &str| policy.expect.admins.is_none() && name == "postgres";
    for role in ordinary(server, policy).filter(|r| !meant(&r.name) && !GROUPS.contains(&r.name.as_str())) {
        if let Some(way) = server.powers.nearest(&role.name, How::Any, |name| GROUPS.contains(&name)) {
            let message = format!("{} has the provider's administrative powers{}", role.name, through(&way));
            seen.add(Found::new(format!("role {}", role.name), message));
        }
    }
    seen
}
