//! INT-ROLES: the roles are there, with the rights they had and no more.

use std::collections::{BTreeMap, HashSet};

use super::subject::{RESTORE_AGAIN, Tally, sorted};
use super::{CheckResult, Outcome, Rule, Severity, Subject};
use crate::error::Error;
use crate::source::facts::RoleFacts;
use crate::source::probe;

/// The check.
pub const RULE: Rule = Rule { id: "INT-ROLES", title: "roles have the same attributes", severity: Severity::High };

/// The remedy where somebody is in the copy who was not in the backup.
const STRANGER: &str = "Find out what created the role: the backup's dump, or code that ran while it was restored.";

/// Compares the roles both ways. Memberships are INT-MEMBERS'.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let wanted = &subject.facts.roles;
    let read = async {
        let session = subject.instance.connect_any().await?;
        Ok::<_, Error>((probe::roles(&session).await?, probe::settings_of_all(&session).await?))
    };
    let (here, of_all): (BTreeMap<String, RoleFacts>, _) = match read.await {
        Ok((list, of_all)) => (list.into_iter().map(|r| (r.name.clone(), r)).collect(), of_all),
        Err(e) => return RULE.error(wanted.len() as u64, 0, &e),
    };
    let passwords = has_passwords(subject);
    let (logical, bootstrap) = (subject.facts.physical.is_none(), &subject.facts.server.bootstrap_superuser);
    // Whom the restore must enter as, see `restore::globals::apply`.
    let entered = |role: &RoleFacts| logical && role.name == *bootstrap;
    let unlocked = wanted.iter().any(|r| entered(r) && !r.login);
    let mut findings = Vec::new();
    for want in wanted {
        let message = match here.get(&want.name) {
            None => "the role is missing".to_owned(),
            Some(now) => {
                let mut differing = differences(want, now, passwords);
                differing.retain(|what| !(entered(want) && now.login && *what == "login"));
                if differing.is_empty() {
                    continue;
                }
                format!("it differs in {}", differing.join(", "))
            }
        };
        findings.push(RULE.finding(&want.name, message, RESTORE_AGAIN));
    }
    let known: HashSet<&str> = wanted.iter().map(|r| r.name.as_str()).collect();
    for stranger in here.values().filter(|r| !known.contains(r.name.as_str())) {
        let what = if stranger.superuser { "a superuser that" } else { "it" };
        findings.push(RULE.finding(&stranger.name, format!("{what} was not in the backup"), STRANGER));
    }
    let before = subject.facts.settings_of_all.as_deref().unwrap_or_default();
    let lost = subject.facts.physical.is_none() && of_all.is_empty() && !before.is_empty();
    let known = subject.facts.settings_of_all.is_some();
    if known && !lost && sorted(before) != sorted(&of_all) {
        findings.push(RULE.finding("ALTER ROLE ALL", "its settings differ from the backup's", STRANGER));
    }
    let number = wanted.len() as u64;
    let tally = Tally { present: number, examined: number, findings, ..Tally::default() };
    let mut result = RULE.of(tally.if_steady(subject.facts.roles_are_steady()));
    if result.outcome == Outcome::Pass && unlocked {
        result.reason = Some(
            "the bootstrap superuser may not log in at the source, and may in the copy: a drill needs it".to_owned(),
        );
    }
    if result.outcome == Outcome::Pass && lost {
        result.reason = Some("what ALTER ROLE ALL SET set is in no dump: pg_dumpall does not write it".to_owned());
    }
    if result.outcome == Outcome::Pass && !passwords {
        result.reason =
            Some("the backup was taken without the roles' passwords: after a restore nobody has one".to_owned());
    }
    result
}

/// Whether the globals hold the roles' passwords (`pg_dumpall --no-role-passwords`).
/// A physical backup has no globals, it has all.
fn has_passwords(subject: &Subject<'_>) -> bool {
    !subject.facts.streams.values().any(|s| s.argv.iter().any(|a| a == "--no-role-passwords"))
}

/// Names of the attributes that differ; values may be sensitive and are not shown.
fn differences(want: &RoleFacts, now: &RoleFacts, passwords: bool) -> Vec<&'static str> {
    // An older backup knows nothing more of the role, and one by a role that is no superuser
    // not its password.
    let (was, is) = (want.more.as_ref(), now.more.clone().unwrap_or_default());
    let password = was.and_then(|m| m.password).filter(|_| passwords);
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
        ("password", password.is_none_or(|p| is.password == Some(p))),
        ("comment", was.is_none_or(|m| m.comment == is.comment)),
        ("security labels", was.is_none_or(|m| m.labels == is.labels)),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name)
    .collect()
}
