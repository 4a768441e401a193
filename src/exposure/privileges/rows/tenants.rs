//! EXP-RLS-001: tables of many tenants without row security.

use std::collections::{BTreeMap, HashSet};

use super::none;
use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::database::USER_SCHEMA;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::reach::Reach;
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-001",
        title: "tables that hold rows of several tenants have row security",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["CIS 4.7"],
        why: "Without row security the WHERE clause of every query is all that keeps one customer's rows from the \
              other. One forgotten condition, one injected one, one report, and everybody's rows are in the answer.",
        inspects: "Tables with a column named like a tenant's: one of the words of [expect] tenant_columns, alone or with \
                   id or uuid behind it (tenant, tenant_id). A finding where row security is off and a login \
                   role other than the owner can read the table. Partitions of a table that has row security are \
                   EXP-RLS-005's.",
        remedy: "ALTER TABLE … ENABLE ROW LEVEL SECURITY; CREATE POLICY … USING (tenant_id = …); with an index that begins \
                 with the column. Test as the application's role before production: without a policy it sees nothing.",
        false_positives: "The list of tenants itself, and databases with one tenant. Set tenant_columns to the words that \
                          your schema uses, or waive the table.",
        source: "PostgreSQL manual, \"Row Security Policies\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let words: Vec<String> = db
        .policy
        .tenant_columns
        .iter()
        .map(|w| w.to_lowercase())
        .flat_map(|w| [format!("{w}_id"), format!("{w}id"), format!("{w}_uuid"), format!("{w}uuid"), w])
        .collect();
    let sql = format!(
        "SELECT a.attrelid, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {USER_SCHEMA} \
           AND lower(a.attname::text) = ANY ($1) ORDER BY a.attrelid, a.attnum"
    );
    let mut columns: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for row in db.rows("the columns", &sql, &[&words]).await? {
        columns.entry(row.get(0)).or_default().push(row.get(1));
    }
    let relations = db.relations().await?;
    let covered = super::children::below_secured(db, relations).await?;
    let covered: HashSet<u32> = covered.into_keys().collect();
    let mut reach = Reach::of_logins(db.server, relations);
    let mut seen = Seen::default();
    for table in relations.own().filter(|r| r.is_table() && !covered.contains(&r.oid)) {
        let Some(columns) = columns.get(&table.oid) else { continue };
        seen.merge(Seen::all_of(1));
        if table.row_security {
            continue;
        }
        let readers = reach.who(table, Privileges::SELECT);
        if reach.others(&readers, &table.owner) == 0 && !readers.public {
            continue;
        }
        let message = format!(
            "{} tells tenants apart, row security is off, and {} of {} login roles can read it",
            few(columns),
            readers.count,
            reach.roles().len()
        );
        seen.add(Found::new(db.object(&table.locator()), message));
    }
    if seen.present == 0 {
        return Ok(none(db, "table with a column that is named like a tenant's"));
    }
    Ok(seen)
}
