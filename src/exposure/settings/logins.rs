//! EXP-LOG-001: logins and logouts are recorded.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LOG-001",
        title: "logins and logouts are recorded",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[18],
        refs: &["CIS 3.1.20", "CIS 3.1.21", "SRG-APP-000503"],
        why: "Without them nobody can say afterwards who was in, from where and for how long, and an attack on passwords is \
              not seen while it goes on.",
        inspects: "log_connections and log_disconnections. From 18 on log_connections is a list: receipt, authentication and \
                   authorization must be in it.",
        remedy: "ALTER SYSTEM SET log_connections = on (18: 'receipt,authentication,authorization'); \
                 ALTER SYSTEM SET log_disconnections = on; SELECT pg_reload_conf();",
        false_positives: "A pooler that logs its clients: the server then only sees the pooler. Waive it with the pooler's log.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    look.setting("log_connections", |value| {
        let missing = missing(value);
        (!missing.is_empty()).then(|| of("log_connections", format!("not recorded of logins: {}", missing.join(", "))))
    });
    look.setting("log_disconnections", |value| {
        (value != "on").then(|| of("log_disconnections", "ends of sessions are not recorded"))
    });
    look.seen
}

/// Aspects that are not logged. A boolean up to 17, a list since (`on` and `all`
/// stand for these three and more).
fn missing(value: &str) -> Vec<&'static str> {
    const WANTED: [&str; 3] = ["receipt", "authentication", "authorization"];
    let words: Vec<String> = value.split(',').map(|w| w.trim().to_lowercase()).collect();
    if words.iter().any(|w| matches!(w.as_str(), "on" | "true" | "yes" | "1" | "all")) {
        return Vec::new();
    }
    WANTED.into_iter().filter(|wanted| !words.iter().any(|w| w == wanted)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_boolean_and_a_list() {
        assert!(super::missing("on").is_empty() && super::missing("all").is_empty());
        assert_eq!(super::missing("off").len(), 3);
        assert_eq!(super::missing(""), ["receipt", "authentication", "authorization"]);
        assert_eq!(super::missing("receipt, authorization"), ["authentication"]);
        assert!(super::missing("receipt,authentication,authorization,setup_durations").is_empty());
    }
}
