//! INT-MEMBERS: who is a member of which role.

use std::collections::BTreeMap;

use super::subject::{RESTORE_AGAIN, Tally};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::facts::MembershipFacts;
use crate::source::probe;

/// The check.
pub const RULE: Rule = Rule { id: "INT-MEMBERS", title: "memberships of roles are the same", severity: Severity::High };

/// Compares all memberships with their options, both ways.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let Some(was) = &subject.facts.memberships else {
        return RULE.not_evaluated(0, "the backup holds no memberships of roles");
    };
    let read = async { probe::memberships(&subject.instance.connect_any().await?).await };
    let is = match read.await {
        Ok(is) => is,
        Err(e) => return RULE.error(was.len() as u64, 0, &e),
    };
    let by_name = |list: &[MembershipFacts]| -> BTreeMap<(String, String), MembershipFacts> {
        list.iter().map(|m| ((m.role.clone(), m.member.clone()), m.clone())).collect()
    };
    let (was, is) = (by_name(was), by_name(&is));
    let mut findings = Vec::new();
    let mut find = |(role, member): &(String, String), message: &str| {
        findings.push(RULE.finding(format!("{member} in {role}"), message, RESTORE_AGAIN));
    };
    for (names, membership) in &was {
        match is.get(names) {
            None => find(names, "the membership is missing"),
            Some(now) if now.admin != membership.admin => find(names, "the admin option differs"),
            Some(now) if now != membership => find(names, "its inherit or set option differs"),
            Some(_) => {}
        }
    }
    is.keys().filter(|names| !was.contains_key(*names)).for_each(|names| find(names, "it was not in the backup"));
    let number = was.len() as u64;
    let tally = Tally { present: number, examined: number, findings, ..Tally::default() };
    RULE.of(tally.if_steady(subject.facts.roles_are_steady()))
}
