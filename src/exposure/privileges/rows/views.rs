//! EXP-RLS-004: views that go round row security.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::{none, secured};
use crate::checks::Severity;
use crate::exposure::acl::Privileges;
use crate::exposure::look::{Blind, Check, Look};
use crate::exposure::reach::Reach;
use crate::exposure::relations::{Relation, Relations, view_reads};
use crate::exposure::words::few;
use crate::exposure::{About, Database, Found, Plane, Seen};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-RLS-004",
        title: "no view that others can read goes round row security",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Copy],
        guide: &[12],
        refs: &["splinter 0010"],
        why: "A view reads its tables as its owner. Where policies do not bind the owner, whoever may read the view sees all \
              rows of all tenants, and the table's policies look as if they were in force. A materialized view \
              keeps such rows as a copy without policies.",
        inspects: "Views without security_invoker (15 and newer) and materialized views that read, also by other views, \
                   a table with row security that does not bind the view's owner: a superuser, BYPASSRLS, or the table's \
                   owner where row security is not forced. A finding where another login role, or PUBLIC, can read the view.",
        remedy: "ALTER VIEW … SET (security_invoker = true) (15 and newer); before, or for materialized views, give the \
                 view an owner that policies bind, or REVOKE SELECT on it.",
        false_positives: "Totals that show no single row, made so on purpose: waive the view.",
        source: "PostgreSQL manual, \"CREATE VIEW\", \"Rules and Privileges\"",
    },
    look: Look::Database(|db| Box::pin(look(db))),
};

/// Views that read as whoever reads them.
const INVOKERS: &str = "\
    SELECT c.oid FROM pg_class c, LATERAL pg_options_to_table(c.reloptions) o \
    WHERE c.relkind = 'v' AND o.option_name = 'security_invoker' AND o.option_value::bool";

async fn look(db: &Database<'_>) -> Result<Seen, Blind> {
    let relations = db.relations().await?;
    let tables = secured(relations).count();
    if tables == 0 {
        return Ok(none(db, "table with row security"));
    }
    let reads = view_reads(db).await?;
    let invokers: HashSet<u32> = db.rows("the views' options", INVOKERS, &[]).await?.iter().map(|r| r.get(0)).collect();
    let leaks = leaks(db, relations, &reads, &invokers);
    let mut seen = Seen::all_of(tables + reads.len());
    let mut reach = Reach::of_logins(db.server, relations);
    for view in relations.own() {
        let Some(tables) = leaks.get(&view.oid) else { continue };
        let readers = reach.who(view, Privileges::SELECT);
        let others = reach.others(&readers, &view.owner);
        if others == 0 && !readers.public {
            continue;
        }
        let message =
            format!("it shows all rows of {} to {} of {} login roles", few(tables), readers.count, reach.roles().len());
        seen.add(Found::new(db.object(&view.locator()), message));
    }
    Ok(seen)
}

/// Views that read as an owner whom policies do not bind, with the tables.
fn leaks<'a>(
    db: &Database<'_>,
    relations: &'a Relations,
    reads: &BTreeMap<u32, Vec<u32>>,
    invokers: &HashSet<u32>,
) -> HashMap<u32, Vec<&'a str>> {
    let by_oid = relations.by_oid();
    let mut leaks: HashMap<u32, Vec<&str>> = HashMap::new();
    // Views that read this view, with their own rights.
    let mut above: HashMap<u32, Vec<u32>> = HashMap::new();
    for (view, first) in reads {
        let Some(it) = by_oid.get(view).filter(|v| !invokers.contains(&v.oid)) else { continue };
        let mut todo: VecDeque<u32> = first.iter().copied().collect();
        let mut done: HashSet<u32> = HashSet::new();
        while let Some(oid) = todo.pop_front() {
            let Some(read) = by_oid.get(&oid).filter(|_| done.insert(oid)) else { continue };
            if read.is_table() {
                if read.row_security && passes(db, &it.owner, read) {
                    leaks.entry(*view).or_default().push(&read.name);
                }
            } else if !invokers.contains(&oid) {
                above.entry(oid).or_default().push(*view);
            } else if it.kind == 'm' {
                // Read by whoever refreshes; by others a view like this is read as themselves.
                todo.extend(reads.get(&oid).into_iter().flatten());
            }
        }
    }
    let mut todo: VecDeque<u32> = reads.keys().copied().filter(|v| leaks.contains_key(v)).collect();
    while let Some(view) = todo.pop_front() {
        for higher in above.get(&view).into_iter().flatten() {
            if !leaks.contains_key(higher) {
                let tables = leaks.get(&view).cloned().unwrap_or_default();
                leaks.insert(*higher, tables);
                todo.push_back(*higher);
            }
        }
    }
    leaks
}

/// Whether policies of `table` do not bind `role`.
fn passes(db: &Database<'_>, role: &str, table: &Relation) -> bool {
    let it = db.server.role(role);
    let (above, inherits) = it.map_or((false, true), |r| (r.superuser || r.bypass_rls, r.inherit));
    let owner = role == &*table.owner || (inherits && db.server.powers.can_become(role, &table.owner));
    above || (owner && !table.forced)
}
