//! INT-DATABASE: each database has its encoding, locale, settings and limit.

use super::subject::{RESTORE_AGAIN, Tally, sorted};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::catalog;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-DATABASE", title: "databases have their locale and settings", severity: Severity::Medium };

/// Compares what of a database lies outside its dump. Owner and privileges are
/// INT-OWNERS' and INT-GRANTS'. Values of settings may be secrets and are not shown.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, was| {
            let is = catalog::database(session).await?;
            let differing: Vec<&str> = [
                ("encoding", was.encoding == is.encoding),
                ("collation", was.collate == is.collate),
                ("character classes", was.ctype == is.ctype),
                ("locale provider", was.locale_provider == is.locale_provider),
                ("locale", was.locale == is.locale && was.icu_rules == is.icu_rules),
                ("comment", was.comment == is.comment),
                ("connection limit", was.connection_limit == is.connection_limit),
                ("settings", sorted(&was.settings) == sorted(&is.settings)),
                ("settings of roles", sorted(&was.role_settings) == sorted(&is.role_settings)),
            ]
            .into_iter()
            .filter(|(_, same)| !same)
            .map(|(name, _)| name)
            .collect();
            let mut tally = Tally { present: 1, examined: 1, ..Tally::default() };
            if !differing.is_empty() {
                let message = format!("it differs in {}", differing.join(", "));
                tally.findings.push(RULE.finding(&was.name, message, RESTORE_AGAIN));
            }
            Ok(tally)
        })
        .await
}
