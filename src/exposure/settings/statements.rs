//! EXP-LOG-002 and EXP-LOG-003: changes leave a trace, values do not.

use super::{Look as Settings, PLANES, of};
use crate::exposure::{About, Check, Look, Policy, Seen, Server, Severity};

/// Enough is logged.
pub const ENOUGH: Check = Check {
    about: About {
        id: "EXP-LOG-002",
        title: "changes of roles and definitions leave a trace",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[18],
        refs: &["CIS 3.1.25", "CIS 3.2", "SRG-APP-000095"],
        why: "A new superuser, a dropped policy or a changed function is how an intruder stays. If neither the log nor \
              pgaudit records such statements, the first trace is the damage.",
        inspects: "log_statement is ddl, mod or all, or pgaudit is preloaded and its pgaudit.log has role and ddl (or all).",
        remedy: "ALTER SYSTEM SET log_statement = 'ddl'; or load pgaudit with pgaudit.log = 'ddl, role, write'.",
        false_positives: "Another audit extension or a proxy that records statements: waive it with its name.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\"; documentation of pgaudit",
    },
    look: Look::Server(enough),
};

/// Not too much is logged.
pub const TOO_MUCH: Check = Check {
    about: About {
        id: "EXP-LOG-003",
        title: "values of statements do not go into the log",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[18],
        refs: &["CIS 3.1.16", "CIS 3.1.17", "CIS 3.1.18"],
        why: "Statements hold names, card numbers and passwords. What is copied into the log goes to log collectors, to \
              laptops and into backups, past every privilege of the tables it came from.",
        inspects: "log_statement = all; log_min_duration_statement = 0 with log_parameter_max_length other than 0; \
                   pgaudit.log_parameter = on; debug_print_parse, _rewritten and _plan.",
        remedy: "ALTER SYSTEM SET log_statement = 'ddl'; ALTER SYSTEM SET log_parameter_max_length = 0; raise \
                 log_min_duration_statement.",
        false_positives: "A short search for a fault: waive it for those days.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\"",
    },
    look: Look::Server(too_much),
};

fn enough(server: &Server, _: &Policy) -> Seen {
    let statement = match server.value("log_statement") {
        Ok(value) => value,
        Err(why) => return Seen::not_evaluated(why),
    };
    if matches!(statement, "ddl" | "mod" | "all") {
        return Seen::all_of(1);
    }
    let preloaded = match server.value("shared_preload_libraries") {
        Ok(list) => list.split(',').any(|l| l.trim().trim_matches('"') == "pgaudit"),
        Err(why) => return Seen::not_evaluated(why),
    };
    if !preloaded {
        let message = format!("log_statement is {statement} and pgaudit is not loaded: such changes leave no trace");
        return Seen::one(Some(of("log_statement", message)));
    }
    match server.value("pgaudit.log") {
        Ok(classes) => Seen::one(audited(classes)),
        Err(why) => Seen::not_evaluated(why),
    }
}

/// What is wrong with `pgaudit.log`: classes, each with `-` in front to take it out.
fn audited(classes: &str) -> Option<crate::exposure::Found> {
    let words: Vec<String> = classes.split(',').map(|w| w.trim().to_lowercase()).collect();
    let has = |class: &str| {
        let named = words.iter().any(|w| w == class || w == "all");
        named && !words.iter().any(|w| w.strip_prefix('-') == Some(class))
    };
    let missing: Vec<&str> = ["ddl", "role"].into_iter().filter(|c| !has(c)).collect();
    (!missing.is_empty())
        .then(|| of("pgaudit.log", format!("pgaudit is loaded and does not record: {}", missing.join(", "))))
}

fn too_much(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    look.setting("log_statement", |value| {
        (value == "all").then(|| of("log_statement", "every statement is copied into the log"))
    });
    // Its unit is a byte; -1 is everything. The statement's own text is copied anyway.
    let parameters = server.value("log_parameter_max_length").is_ok_and(|v| v != "0");
    look.setting("log_min_duration_statement", |value| {
        (value == "0").then(|| {
            let values = if parameters { " with its parameters" } else { "" };
            of("log_min_duration_statement", format!("every statement{values} is copied into the log"))
        })
    });
    for name in ["debug_print_parse", "debug_print_rewritten", "debug_print_plan"] {
        look.setting(name, |value| {
            (value == "on").then(|| of(name, "trees of statements, with values, go into the log"))
        });
    }
    look.if_there("pgaudit.log_parameter", |value| {
        (value == "on").then(|| of("pgaudit.log_parameter", "parameters of statements go into the audit log"))
    });
    look.seen
}

#[cfg(test)]
mod tests {
    use super::audited;

    #[test]
    fn classes_of_pgaudit() {
        assert!(audited("ddl, role, write").is_none() && audited("ALL").is_none());
        assert!(audited("all, -role").unwrap().message.ends_with("role"));
        assert!(audited("read").unwrap().message.ends_with("ddl, role"));
        assert!(audited("none").is_some());
    }
}
