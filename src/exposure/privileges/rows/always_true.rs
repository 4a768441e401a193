//! EXP-RLS-003: policies that let every row pass.

use super::constant::values;
use super::policies::{self, Policy};
use super::{none, secured};
use crate::checks::Severity;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::relations::Relation;
use crate::exposure::{About, Database, Found, Plane, Seen};
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-003",
        title: "no policy lets every row pass",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["CIS 4.7", "splinter 0024"],
        why: "Permissive policies are joined by OR: one that is always true undoes all others of the table for its roles. \
              They are written to make an error go away, and stay. As WITH CHECK it lets a client write rows into \
              another tenant's name.",
        inspects: "USING and WITH CHECK of permissive policies on tables with row security, for roles other than the owner, \
                   superusers, declared admins and the backup role. A finding where the expression is true whatever the row \
                   holds (true, 1 = 1, a column equal to itself, …; what is not understood counts as a real condition) and \
                   no restrictive policy holds rows back from the same roles. Medium where it is for SELECT only.",
        remedy: "DROP POLICY … ON …; or ALTER POLICY … USING (the real condition) WITH CHECK (the same). Grant \
                 BYPASSRLS or a policy of its own to the one role that must see all.",
        false_positives: "Rows that everybody may read while only the owner of each may change it: waive the policy.",
        source: "PostgreSQL manual, \"CREATE POLICY\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let policies = policies::read(db).await?;
    let relations = db.relations().await?;
    let mut seen = Seen::default();
    for table in secured(relations) {
        let all = policies.get(&table.oid).map(Vec::as_slice).unwrap_or_default();
        for policy in all.iter().filter(|p| p.permissive) {
            seen.merge(Seen::all_of(1));
            if let Some(message) = judged(db, table, policy, all) {
                let object = format!("policy {} on {}", policy.name, table.name);
                let found = Found::new(db.object(&object), message);
                seen.add(if policy.command == 'r' { found.at(Severity::Medium) } else { found });
            }
        }
    }
    Ok(if seen.present == 0 { none(db, "table with row security and a permissive policy") } else { seen })
}

fn judged(db: &Database<'_>, table: &Relation, policy: &Policy, all: &[Policy]) -> Option<String> {
    let expected = |role: &str| {
        role == &*table.owner
            || db.server.powers.is_super(role)
            || db.policy.is_admin(role) == Some(true)
            || db.policy.expect.dump_role.as_deref() == Some(role)
            || db.server.backup_role.as_deref() == Some(role)
    };
    if policy.roles.iter().flatten().filter(|r| !expected(r)).count() == 0 && !policy.for_all() {
        return None;
    }
    let open = |text: &Option<String>| text.as_deref().map(values).filter(|v| v.always_unless_null());
    let using = open(&policy.using).filter(|_| !held_back(policy, all, |p| p.using.as_ref()));
    let check = open(&policy.check).filter(|_| !held_back(policy, all, |p| p.check.as_ref().or(p.using.as_ref())));
    let (clause, values, text) = match (using, check) {
        (Some(v), _) => ("USING", v, policy.using.as_deref()),
        (None, Some(v)) => ("WITH CHECK", v, policy.check.as_deref()),
        (None, None) => return None,
    };
    let when = if values.always() { "whatever the row holds" } else { "for every row without null there" };
    let roles: Vec<&str> = policy.roles.iter().map(|r| r.as_deref().unwrap_or("PUBLIC")).collect();
    let text: String = text.unwrap_or_default().chars().take(60).collect();
    let who = crate::exposure::words::few(&roles);
    Some(format!("{clause} {} is true {when}, for {who}", shown(&text)))
}

/// Whether a restrictive policy for all of its roles and commands has a real condition.
fn held_back(policy: &Policy, all: &[Policy], of: impl Fn(&Policy) -> Option<&String>) -> bool {
    all.iter().filter(|p| !p.permissive && (p.command == '*' || p.command == policy.command)).any(|p| {
        let roles = p.for_all() || policy.roles.iter().all(|r| r.is_some() && p.roles.contains(r));
        roles && of(p).is_some_and(|text| !values(text).always_unless_null())
    })
}
