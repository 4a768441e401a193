//! INT-EXT: the extensions are there, in the version and schema they had, and no others.

use std::collections::BTreeMap;

use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;
use crate::source::facts::ExtensionFacts;
use crate::types::shown;

/// The check.
pub const RULE: Rule = Rule {
    id: "INT-EXT",
    title: "extensions are there in the same version and schema, and no others",
    severity: Severity::Medium,
};

/// Every database is born with it: one that dropped it gets it back.
const BORN: &str = "plpgsql";

/// Compares names, installed versions and schemas, both ways.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let list = catalog::extensions(session).await?;
            let here: BTreeMap<&str, &ExtensionFacts> = list.iter().map(|e| (e.name.as_str(), e)).collect();
            let n = facts.extensions.len() as u64;
            let mut tally = Tally { present: n, examined: n, ..Tally::default() };
            let mut find = |name: &str, message: String, remedy: &str| {
                tally.findings.push(RULE.finding(format!("{}: {name}", facts.name), message, remedy));
            };
            for want in &facts.extensions {
                match here.get(want.name.as_str()) {
                    None => find(&want.name, "the extension is missing".to_owned(), PACKAGE),
                    Some(is) if is.version != want.version => find(
                        &want.name,
                        format!("version {} is installed, the source had {}", is.version, want.version),
                        PACKAGE,
                    ),
                    Some(is) if is.schema != want.schema => find(
                        &want.name,
                        format!("it is in schema {}, in the backup in {}", shown(&is.schema), shown(&want.schema)),
                        RESTORE_AGAIN,
                    ),
                    Some(_) => {}
                }
            }
            for more in list.iter().filter(|e| e.name != BORN && facts.extensions.iter().all(|w| w.name != e.name)) {
                find(&more.name, "the extension was not in the backup".to_owned(), RESTORE_AGAIN);
            }
            Ok(tally)
        })
        .await
}

/// The remedy for a version.
const PACKAGE: &str = "Have the extension's package in the source's version ready where you restore.";
