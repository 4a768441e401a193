//! INT-ROLES: the roles are there, with the rights they had and no more.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::subject::{RESTORE_AGAIN, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::error::Result;
use crate::source::facts::RoleFacts;

/// The check.
pub const RULE: Rule = Rule { id: "INT-ROLES", title: "roles have the same attributes", severity: Severity::High };

/// Compares every role of the facts but PostgreSQL's own (`pg_…`).
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let wanted: Vec<&RoleFacts> = subject.facts.roles.iter().filter(|r| !r.name.starts_with("pg_")).collect();
    let here = match read(subject).await {
        Ok(here) => here,
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
    let sorted = |v: &[String]| {
        let mut v = v.to_vec();
        v.sort();
        v.dedup();
        v
    };
    [
        ("superuser", want.superuser == now.superuser),
        ("inherit", want.inherit == now.inherit),
        ("createrole", want.create_role == now.create_role),
        ("createdb", want.create_db == now.create_db),
        ("login", want.login == now.login),
        ("replication", want.replication == now.replication),
        ("bypassrls", want.bypass_rls == now.bypass_rls),
        ("connection limit", want.connection_limit == now.connection_limit),
        ("memberships", sorted(&want.member_of) == sorted(&now.member_of)),
        ("settings", sorted(&want.settings) == sorted(&now.settings)),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(name, _)| name)
    .collect()
}

async fn read(subject: &Subject<'_>) -> Result<BTreeMap<String, RoleFacts>> {
    let session = subject.instance.connect_any().await?;
    let rows = query(
        session.client(),
        "select r.rolname::text, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, \
                r.rolreplication, r.rolbypassrls, r.rolconnlimit, \
                array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid \
                      where m.member = r.oid), \
                coalesce((select s.setconfig from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase = 0), '{}') \
         from pg_roles r",
        &[],
    )
    .await?;
    Ok(rows.iter().map(|r| (r.get(0), role(r))).collect())
}

fn role(r: &Row) -> RoleFacts {
    RoleFacts {
        name: r.get(0),
        superuser: r.get(1),
        inherit: r.get(2),
        create_role: r.get(3),
        create_db: r.get(4),
        login: r.get(5),
        replication: r.get(6),
        bypass_rls: r.get(7),
        connection_limit: r.get(8),
        valid_until: None,
        member_of: r.get(9),
        settings: r.get(10),
    }
}
