//! INT-COMPUTED: what a restore computes, or an extension's script inserts, is what it was.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::subject::{Tally, encoding, failed, object};
use super::{CheckResult, Outcome, Rule, Severity, Subject};
use crate::error::Result;
use crate::scratch::Session;
use crate::source::facts::{ComputedFacts, DatabaseFacts, ObjectName};
use crate::source::{Facts, computed};
use crate::types::shown;
use crate::types::text::quote_ident;

/// The check.
pub const RULE: Rule = Rule {
    id: "INT-COMPUTED",
    title: "materialized views, generated columns and extensions' tables have the values they had",
    severity: Severity::Medium,
};

/// What was seen of one relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// What it was.
    Same,
    /// Rows of its query today: at the source it was not refreshed since they changed.
    Refreshed,
    /// Its query gives other rows at other times.
    Moving,
    /// Something else.
    Differs,
}

/// Compares materialized views and generated columns with what the source had.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    if subject.facts.databases.iter().all(|d| d.computed.is_none()) {
        return RULE.not_applicable("the backup does not say what they were (physical, or made by an older version)");
    }
    let counts = std::cell::Cell::new((0_u64, 0_u64));
    let mut result = subject
        .each_database(RULE, async |session, facts| {
            let (tally, refreshed, moving) = database(session, facts).await?;
            let (r, m) = counts.get();
            counts.set((r + refreshed, m + moving));
            Ok(tally)
        })
        .await;
    if matches!(result.outcome, Outcome::Pass | Outcome::NotApplicable) {
        result.reason = note(counts.get(), unread(subject.facts)).or(result.reason);
    }
    result
}

/// Relations of which the backup has no record: materialized views larger than
/// `count_rows_to` or not for its role to read, and what only a query could read that
/// would run their owner's code.
fn unread(facts: &Facts) -> usize {
    let of = |d: &DatabaseFacts| {
        let known: BTreeSet<&ObjectName> = d.computed.iter().flatten().map(|c| &c.name).collect();
        let views = d.matviews.iter().filter(|m| m.populated && !known.contains(&m.name)).map(|m| &m.name);
        views.chain(&d.computed_unread).collect::<BTreeSet<_>>().len()
    };
    facts.databases.iter().map(of).sum()
}

fn note((refreshed, moving): (u64, u64), unread: usize) -> Option<String> {
    let mut said = Vec::new();
    if unread > 0 {
        said.push(format!(
            "the backup has no record of the values of {unread} materialized view(s) or table(s) with generated columns: too \
             large (count_rows_to), or to read them would run their owner's code with the rights of the backup's role"
        ));
    }
    if refreshed > 0 {
        said.push(format!(
            "{refreshed} materialized view(s) have the rows of their query now; the source had not refreshed them"
        ));
    }
    if moving > 0 {
        said.push(format!(
            "{moving} materialized view(s) differ, but their query calls functions that give other rows at other times"
        ));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

async fn database(session: &Session, facts: &DatabaseFacts) -> Result<(Tally, u64, u64)> {
    let (mut tally, mut refreshed, mut moving) = (Tally::default(), 0, 0);
    let encoding = encoding(session.client()).await?;
    for want in facts.computed.iter().flatten() {
        tally.present += 1;
        let seen = match look(session.client(), want, &encoding).await {
            Ok(seen) => seen,
            // What is not there, or cannot be read, the checks of objects and rows tell.
            Err(e) if e.code().is_some_and(|c| c.code().starts_with("42")) => Seen::Differs,
            Err(e) => return Err(failed(&e)),
        };
        tally.examined += 1;
        match seen {
            Seen::Same => {}
            Seen::Refreshed => refreshed += 1,
            Seen::Moving => moving += 1,
            Seen::Differs => {
                let (message, remedy) = fault(want);
                tally.findings.push(RULE.finding(object(&facts.name, &want.name), message, remedy));
            }
        }
    }
    Ok((tally, refreshed, moving))
}

/// What is wrong with a relation, and what to do.
fn fault(want: &ComputedFacts) -> (String, String) {
    if let Some(extension) = &want.extension {
        let (rows, extension) = (want.rows, shown(extension));
        return (
            format!(
                "its {rows} rows are not those of the source: it belongs to extension {extension}, and a dump does not hold them"
            ),
            format!(
                "Back it up by itself, or let the dump have its rows: ALTER EXTENSION {} DROP TABLE {};",
                quote_ident(&extension),
                want.name.quoted()
            ),
        );
    }
    let (message, remedy) = if want.matview {
        (
            "its rows are neither those of the source nor those of its query",
            "Run REFRESH MATERIALIZED VIEW after a restore, and compare it with the source.",
        )
    } else {
        (
            "its stored generated columns have other values than at the source",
            "The restore computed them anew: compare the functions in their expressions with the source.",
        )
    };
    (message.to_owned(), remedy.to_owned())
}

async fn look(
    client: &Client,
    want: &ComputedFacts,
    encoding: &str,
) -> std::result::Result<Seen, tokio_postgres::Error> {
    let here = computed::read(client, &want.name, &want.columns, encoding).await?;
    if here == (want.rows, want.digest) {
        return Ok(Seen::Same);
    }
    if !want.matview {
        return Ok(Seen::Differs);
    }
    let Some((definition, fixed)) = definition(client, &want.name).await? else { return Ok(Seen::Differs) };
    let query = format!("({definition}) AS its_query");
    Ok(match computed::read_from(client, &query, &want.columns, encoding).await {
        Ok(now) if now == here => Seen::Refreshed,
        _ if !fixed => Seen::Moving,
        _ => Seen::Differs,
    })
}

/// The query of a materialized view, and whether it gives the same rows at any
/// time: it and the views in it call immutable functions only, by the catalog's
/// word (PostgreSQL manual, "Function Volatility Categories").
const DEFINITION: &str = "with recursive it(oid) as (
      select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2 and c.relkind = 'm'),
    used(oid) as (
      select oid from it
      union
      select d.refobjid from used u join pg_catalog.pg_rewrite r on r.ev_class = u.oid
        join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
             and d.refclassid = 'pg_class'::regclass
        join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind = 'v'),
    rules as (select r.ev_action::text as tree from used u join pg_catalog.pg_rewrite r on r.ev_class = u.oid)
    select pg_catalog.pg_get_viewdef((select oid from it)),
           not exists (select from rules where tree ~ 'SQLVALUEFUNCTION|COERCEVIAIO|TABLESAMPLECLAUSE')
           and not exists (
             select from rules, pg_catalog.regexp_matches(tree, ':(?:funcid|aggfnoid|winfnoid) (\\d+)', 'g') m
             join pg_catalog.pg_proc p on p.oid = (m[1])::oid where p.provolatile <> 'i')
           and not exists (
             select from rules, pg_catalog.regexp_matches(tree, ':opno (\\d+)', 'g') m
             join pg_catalog.pg_operator o on o.oid = (m[1])::oid
             join pg_catalog.pg_proc p on p.oid = o.oprcode where p.provolatile = 'v')";

async fn definition(
    client: &Client,
    name: &ObjectName,
) -> std::result::Result<Option<(String, bool)>, tokio_postgres::Error> {
    let rows = client.query(DEFINITION, &[&name.schema, &name.name]).await?;
    let found = rows.first().and_then(|r| Some((r.get::<_, Option<String>>(0)?, r.get::<_, Option<bool>>(1)?)));
    Ok(found.map(|(text, fixed)| (text.trim_end().trim_end_matches(';').to_owned(), fixed)))
}
