//! EXP-LOG-004: lines of the log say when, who and where, and few read them.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LOG-004",
        title: "log lines name time, role, database and host, and the files are private",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[18],
        refs: &["CIS 3.1.2", "CIS 3.1.9", "CIS 3.1.14", "CIS 3.1.22"],
        why: "A line without role and address says that something happened, to nobody and from nowhere. A log file that \
              everybody reads tells what the tables hide.",
        inspects: "log_line_prefix has a time, %u, %d and %h or %r, unless all logs are csvlog or jsonlog; log_file_mode gives \
                   others no right (where the collector writes files); log_min_messages and log_min_error_statement are not \
                   above error; log_error_verbosity is not terse.",
        remedy: "ALTER SYSTEM SET log_line_prefix = '%m [%p] user=%u,db=%d,app=%a,client=%h '; \
                 ALTER SYSTEM SET log_file_mode = '0600';",
        false_positives: "csvlog and jsonlog carry these fields by themselves and are no finding.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    let structured = server.value("log_destination").is_ok_and(|value| {
        let mut words = value.split(',').map(str::trim).filter(|w| !w.is_empty()).peekable();
        words.peek().is_some() && words.all(|w| matches!(w, "csvlog" | "jsonlog"))
    });
    if !structured {
        look.setting("log_line_prefix", |value| {
            let missing = missing(value);
            (!missing.is_empty()).then(|| of("log_line_prefix", format!("lines do not name: {}", missing.join(", "))))
        });
    }
    if server.is_on("logging_collector") == Ok(true) {
        look.setting("log_file_mode", |value| {
            let open = u32::from_str_radix(value, 8).map_or(true, |m| m & 0o007 != 0);
            open.then(|| of("log_file_mode", format!("log files have mode {value}: everybody on the host reads them")))
        });
    }
    for name in ["log_min_messages", "log_min_error_statement"] {
        look.setting(name, |value| {
            matches!(value, "log" | "fatal" | "panic").then(|| of(name, format!("{value}: errors are not recorded")))
        });
    }
    look.setting("log_error_verbosity", |value| {
        (value == "terse").then(|| of("log_error_verbosity", "details of errors are not recorded"))
    });
    look.seen
}

/// What the prefix does not hold. `%%` is a percent sign; a width may stand
/// between the sign and the letter (`%-10u`).
fn missing(prefix: &str) -> Vec<&'static str> {
    let mut letters = Vec::new();
    let mut chars = prefix.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            letters.extend(chars.find(|c| !matches!(c, '-' | '0'..='9')));
        }
    }
    let has = |any: &[char]| letters.iter().any(|l| any.contains(l));
    let mut missing = Vec::new();
    for (name, any) in [("time", &['m', 't', 'n'][..]), ("role", &['u']), ("database", &['d']), ("host", &['h', 'r'])] {
        if !has(any) {
            missing.push(name);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn escapes_of_the_prefix() {
        assert!(missing("%m [%p] %u@%d %h ").is_empty());
        assert!(missing("%t:%-10u:%d:%r").is_empty());
        assert_eq!(missing("%%u %m"), ["role", "database", "host"]);
        assert_eq!(missing(""), ["time", "role", "database", "host"]);
    }
}
