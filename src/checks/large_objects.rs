//! INT-LO: the large objects that there were, with their content and rights.

use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::large_objects;

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-LO", title: "large objects are there, with the same content and rights", severity: Severity::High };

/// Compares their number, and where the facts have them the digests of their
/// content and of their owners and privileges.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    subject
        .each_database(RULE, async |session, facts| {
            let want = facts.large_objects;
            let mut tally = Tally { present: want, examined: want, ..Tally::default() };
            let mut find = |message: String| tally.findings.push(RULE.finding(&facts.name, message, RESTORE_AGAIN));
            let here = match facts.large_object_digest {
                Some(digest) => {
                    let (here, content) = large_objects::content(session).await?;
                    if here == want && content != digest {
                        find("the content of large objects differs".to_owned());
                    }
                    here
                }
                None => large_objects::count(session).await?,
            };
            if here != want {
                find(format!("{want} large objects expected, {here} restored"));
            } else if let Some(rights) = facts.large_object_rights
                && large_objects::rights(session).await? != Some(rights)
            {
                find("owners or privileges of large objects differ".to_owned());
            }
            if let Some(labels) = facts.inventory.as_ref().and_then(|i| i.large_object_labels)
                && large_objects::labels(session).await? != labels
            {
                tally.findings.push(RULE.finding(&facts.name, "comments on large objects differ", RESTORE_AGAIN));
            }
            Ok(tally)
        })
        .await
}
