//! INT-EXT: the extensions are there, in the version they had.

use std::collections::BTreeMap;

use super::subject::Tally;
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-EXT", title: "extensions are there in the same version", severity: Severity::Medium };

/// Compares names and installed versions.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let list = catalog::extensions(session).await?;
            let here: BTreeMap<String, String> = list.into_iter().map(|e| (e.name, e.version)).collect();
            let n = facts.extensions.len() as u64;
            let mut tally = Tally { present: n, examined: n, ..Tally::default() };
            for want in &facts.extensions {
                let message = match here.get(&want.name) {
                    None => "the extension is missing".to_owned(),
                    Some(v) if *v != want.version => {
                        format!("version {v} is installed, the source had {}", want.version)
                    }
                    Some(_) => continue,
                };
                tally.findings.push(RULE.finding(
                    format!("{}: {}", facts.name, want.name),
                    message,
                    "Have the extension's package in the source's version ready where you restore.",
                ));
            }
            Ok(tally)
        })
        .await
}
