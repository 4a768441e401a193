//! INT-ROLES: the roles are there, with the rights they had and no more.

use std::collections::BTreeMap;

use super::subject::{RESTORE_AGAIN, sorted};
use super::{CheckResult, Rule, Severity, Subject};
use crate::source::facts::RoleFacts;
use crate::source::probe;

/// The check.
pub const RULE: Rule = Rule { id: "INT-ROLES", title: "roles have the same attributes", severity: Severity::High };

/// Compares every role of the facts but PostgreSQL's own (`pg_…`). Memberships are INT-MEMBERS'.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let wanted: Vec<&RoleFacts> = subject.facts.roles.iter().filter(|r| !r.name.starts_with("pg_")).collect();
    let read = async { probe::roles(&subject.instance.connect_any().await?).await };
    let here: BTreeMap<String, RoleFacts> = match read.await {
        Ok(list) => list.into_iter().map(|r| (r.name.clone(), r)).collect(),
        Err(e) => return RULE.error(wanted.len() as u64, 0, &e),
    };
    let mut findings = Vec::new();
    for want in &wanted {
        let message = match here.get(&want.name) {
            None => "the role is missing".to_owned(),
            Some(now) => {
                let differing = differences(want, now);
                if differing.is_empty() {
                    continue;
                }
                format!("it differs in {}", differing.join(", "))
            }
        };
        findings.push(RULE.finding(&want.name, message, RESTORE_AGAIN));
    }
    RULE.judged(wanted.len() as u64, wanted.len() as u64, findings)
}

/// Names of the attributes that differ; values may be sensitive and are not shown.
fn differences(want: &RoleFacts, now: &RoleFacts) -> Vec<&'static str> {
    [
        ("superuser", want.superuser == now.superuser),
        ("inherit", want.inherit == now.inherit),
        ("createrole", want.create_role == now.create_role),
        ("createdb", want.create_db == now.create_db),
        ("login", want.login == now.login),
        ("replication", want.replication == now.replication),
        ("bypassrls", want.bypass_rls == now.bypass_rls),
        ("connection limit", want.connection_limit == now.connection_limit),
        ("end of validity", want.valid_until == now.valid_until),
        ("settings", sorted(&want.settings) == sorted(&now.settings)),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name)
    .collect()
}
