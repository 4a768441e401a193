//! EXP-EXT-004: libraries that are loaded into every session.

use crate::checks::Severity;
use crate::exposure::look::{Check, Look};
use crate::exposure::sql_text::names;
use crate::exposure::{About, Found, Plane, Policy, Seen, Server};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-EXT-004",
        title: "only known libraries are loaded into sessions, and for all of them alike",
        severity: Severity::Medium,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[14, 24],
        refs: &["CIS 6.2"],
        why: "A preloaded library is machine code in every session: it can read each query, each row and each password that \
              is set. Set for one role or database it is easily overlooked, and comes along with a restore.",
        inspects: "shared_preload_libraries, session_preload_libraries and local_preload_libraries: names that are on no list \
                   of well-known libraries and not in [expect] extensions, and names with a path. Each setting of \
                   them for a role or database.",
        remedy: "Find out whose it is (dpkg -S, rpm -qf), remove it from the setting and restart; ALTER DATABASE … RESET \
                 session_preload_libraries, ALTER ROLE … RESET …. Add what is meant to [expect] extensions.",
        false_positives: "Libraries of your own or of a vendor: declare them in [expect] extensions by the library's name.",
        source: "PostgreSQL manual, \"Shared Library Preloading\"",
    },
    look: Look::Server(look),
};

const SETTINGS: [&str; 3] = ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"];

/// Libraries that are widely packaged, and do what they say.
const KNOWN: [&str; 43] = [
    "auth_delay",
    "auto_explain",
    "bg_mon",
    "citus",
    "citus_columnar",
    "credcheck",
    "decoderbufs",
    "age",
    "hypopg",
    "passwordcheck",
    "pg_auth_mon",
    "pg_cron",
    "pg_duckdb",
    "pg_failover_slots",
    "pg_hint_plan",
    "pg_ivm",
    "pg_partman_bgw",
    "pg_prewarm",
    "pg_qualstats",
    "pg_show_plans",
    "pg_squeeze",
    "pg_stat_kcache",
    "pg_stat_monitor",
    "pg_stat_statements",
    "pg_wait_sampling",
    "pgaudit",
    "pgauditlogtofile",
    "pglogical",
    "pgsodium",
    "plpgsql",
    "plpgsql_check",
    "plprofiler",
    "powa",
    "repmgr",
    "safeupdate",
    "sepgsql",
    "set_user",
    "supautils",
    "timescaledb",
    "timescaledb-tune",
    "vectors",
    "wal2json",
    "pg_net",
];

fn look(server: &Server, policy: &Policy) -> Seen {
    let mut seen = Seen::default();
    let expected = |name: &str| {
        KNOWN.contains(&name) || policy.expect.extensions.as_ref().is_some_and(|all| all.iter().any(|e| e == name))
    };
    for setting in SETTINGS {
        seen.present += 1;
        match server.value(setting) {
            Err(why) => seen.open.push(why),
            Ok(value) => {
                seen.examined += 1;
                for (name, message) in strange(value, &expected) {
                    seen.add(Found::new(format!("setting {setting}: library {name}"), message));
                }
            }
        }
    }
    match server.posture.role_settings.get() {
        Err(why) => seen.open.push(format!("settings of roles and databases are not known: {why}")),
        Ok(all) => {
            let mut set: Vec<_> = all.iter().filter(|s| SETTINGS.contains(&s.name.as_str())).collect();
            set.sort_by(|a, b| (&a.database, &a.role, &a.name).cmp(&(&b.database, &b.role, &b.name)));
            for it in set {
                seen.merge(Seen::all_of(1));
                let of = match (&it.role, &it.database) {
                    (Some(role), Some(database)) => format!("role {role} in database {database}"),
                    (Some(role), None) => format!("role {role}"),
                    (None, Some(database)) => format!("database {database}"),
                    (None, None) => "all roles".to_owned(),
                };
                let value = it.value.as_deref().map_or("a value that is not kept".into(), shown);
                seen.add(Found::new(format!("setting {} of {of}", it.name), format!("it loads {value} there only")));
            }
        }
    }
    seen
}

/// Names that are not expected, each with what is the matter.
fn strange(value: &str, expected: &impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in names(value).into_iter().filter(|n| !n.is_empty()) {
        let plain = name.strip_prefix("$libdir/plugins/").or_else(|| name.strip_prefix("$libdir/")).unwrap_or(&name);
        let plain = plain.strip_suffix(".so").unwrap_or(plain).to_owned();
        if plain.contains('/') {
            found.push((name, "it is loaded by its path, from outside of the server's own libraries".to_owned()));
        } else if !expected(&plain) {
            found.push((name, "it is on no list of well-known libraries and was not declared".to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_declared_names_are_silent() {
        let expected = |n: &str| n == "pgaudit" || n == "mine";
        assert!(strange("pgaudit, $libdir/mine , \"mine\"", &expected).is_empty());
        let names: Vec<String> = strange("pgaudit,/tmp/x.so,evil", &expected).into_iter().map(|f| f.0).collect();
        assert_eq!(names, ["/tmp/x.so", "evil"]);
        assert!(strange("", &expected).is_empty());
    }
}
