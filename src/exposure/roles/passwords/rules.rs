//! EXP-AUTH-005: bad passwords are refused, and trying is slow.

use super::super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};

/// Libraries that refuse bad passwords; parts of their names.
const REFUSING: [&str; 3] = ["passwordcheck", "credcheck", "pgpasswordcheck"];

/// Seconds that a login may take before it is cut off; PostgreSQL's default.
const LONGEST: u64 = 60;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-AUTH-005",
        title: "bad passwords are refused and trying them is slow",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[4],
        refs: &["CIS 5.6", "pgdsat 5.7"],
        why: "PostgreSQL takes any password, never locks a login, and answers a wrong one at once. Without a library that \
              says no, the role's own name is a password, and thousands are tried in a minute.",
        inspects: "shared_preload_libraries and session_preload_libraries for passwordcheck or credcheck, and for \
                   auth_delay (or credcheck with credcheck.max_auth_failure); authentication_timeout above 60 s.",
        remedy: "Add passwordcheck and auth_delay (both of contrib) to what `SHOW shared_preload_libraries` gives, each name of \
                 its own: ALTER SYSTEM SET shared_preload_libraries = passwordcheck, auth_delay; restart; then ALTER \
                 SYSTEM SET auth_delay.milliseconds = 500; SELECT pg_reload_conf();",
        false_positives: "Servers on which nobody logs in with a password (gss, cert, ldap, peer alone): waive.",
        source: "PostgreSQL manual, \"passwordcheck\", \"auth_delay\" and \"authentication_timeout\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut seen = Seen { present: 3, ..Seen::default() };
    match (libraries(server, "shared_preload_libraries"), libraries(server, "session_preload_libraries")) {
        (Ok(shared), Ok(session)) => {
            seen.examined += 2;
            let refuses = |l: &String| REFUSING.iter().any(|r| l.contains(r));
            if !shared.iter().chain(&session).any(refuses) {
                seen.add(Found::new("password rules", "no library that refuses bad passwords is loaded"));
            }
            // Sessions load theirs too late to delay the login.
            let bans = server.value("credcheck.max_auth_failure").is_ok_and(|v| v != "0");
            if !shared.iter().any(|l| l == "auth_delay") && !bans {
                seen.add(Found::new("login delay", "wrong passwords are answered at once, and as often as one likes"));
            }
        }
        (Err(why), _) | (_, Err(why)) => seen.open.push(why),
    }
    match server.value("authentication_timeout").map(|v| (v, v.parse::<u64>())) {
        Ok((_, Ok(seconds))) => {
            seen.examined += 1;
            if seconds > LONGEST {
                let message = format!("a login may take {seconds} s before it is cut off");
                seen.add(
                    Found::new("setting authentication_timeout", message)
                        .mend("ALTER SYSTEM RESET authentication_timeout;"),
                );
            }
        }
        Ok((_, Err(_))) => seen.open.push("authentication_timeout is no number".into()),
        Err(why) => seen.open.push(why),
    }
    seen
}

/// Names of libraries, without their directories.
fn libraries(server: &Server, setting: &str) -> Result<Vec<String>, String> {
    let list = server.value(setting)?;
    let name = |l: &str| l.trim().trim_matches('"').rsplit('/').next().unwrap_or_default().to_lowercase();
    Ok(list.split(',').map(name).filter(|l| !l.is_empty()).map(|l| l.trim_end_matches(".so").to_owned()).collect())
}
