//! EXP-HBA-011: every rule decides something.

use super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Certainty, Dead};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-011",
        title: "every access rule is the first for somebody",
        severity: Severity::Low,
        planes: PLANES,
        guide: &[2, 5],
        refs: &[],
        why: "The first rule that fits decides. A reject below an accepting rule rejects nobody, and whoever reads the file \
              believes in a fence that is not there.",
        inspects: "The evaluated rules: those that are first for no role, database and address. Medium where the dead rule \
                   is a reject.",
        remedy: "Move the rule above the ones that win, or delete it.",
        false_positives: "Rules for roles or databases that come and go; host names make a rule only possibly dead, which is \
                          said.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\": the first matching record is used",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let access = match server.access() {
        Ok(access) => access,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(access.config.rules.len());
    seen.open.extend(access.matrix.gaps.iter().cloned());
    for dead in &access.matrix.dead {
        let Some(rule) = access.config.rules.get(dead.rule) else { continue };
        let perhaps = if dead.certainty == Certainty::Possibly { "possibly " } else { "" };
        let (why, reject) = match &dead.why {
            Dead::Shadowed(by) => {
                let numbers: Vec<String> = by
                    .iter()
                    .take(5)
                    .filter_map(|at| access.config.rules.get(*at))
                    .map(|r| format!("{} (line {})", r.number, r.line))
                    .collect();
                (format!("rules before it win: {}", numbers.join(", ")), !rule.method.accepts())
            }
            Dead::NobodyThere => ("it fits no role that can log in, or no database".to_owned(), false),
            Dead::NoTransport => ("the server does not offer its kind of connection".to_owned(), false),
        };
        let severity = if reject { Severity::Medium } else { Severity::Low };
        let message = format!("it is {perhaps}never used: {why}");
        seen.add(Found::new(format!("rule {}", rule.canonical()), message).at(severity));
    }
    seen
}
