//! Every column of every catalog is compared, or named with the reason why not; and
//! what is said to be compared is: each column is changed and the change is seen.

use std::collections::{BTreeMap, BTreeSet};

use pgseal::scratch::{Instance, Session};
use pgseal::source::schema::coverage::CATALOGS;
use pgseal::source::{Inventory, catalog, inventory, large_objects, probe};

use crate::scratch::installation::fitting;
use crate::scratch::support::{bindir, fresh, start, top};

/// How each is changed.
const CHANGES: &str = include_str!("catalogs.txt");

/// Columns of `pg_catalog` with their types, by catalog.
async fn columns(session: &Session) -> BTreeMap<String, BTreeMap<String, String>> {
    let sql = "select c.relname::text, a.attname::text, format_type(a.atttypid, null) from pg_class c \
               join pg_attribute a on a.attrelid = c.oid \
               where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and c.oid < 16384 and a.attnum > 0";
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in session.client().query(sql, &[]).await.unwrap() {
        all.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
    }
    all
}

/// What stands in the table and the server does not have is of another version.
fn undecided(here: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, columns) in here {
        let Some(known) = CATALOGS.iter().find(|c| c.name == name) else {
            wrong.push(format!("{name}: nobody decided"));
            continue;
        };
        let words = known.compared.split_whitespace();
        let all: Vec<&str> = words.chain(known.left.iter().flat_map(|l| l.1.split_whitespace())).collect();
        for column in columns.keys() {
            match all.iter().filter(|c| **c == column || **c == "*").count() {
                1 => {}
                n => wrong.push(format!("{name}.{column}: stands there {n} times")),
            }
        }
    }
    wrong
}

/// The statement that changes a column, and which kind of value it gets.
fn statement(table: &str, column: &str, of: &str) -> Option<String> {
    let fitting = fitting(&bindir(), CHANGES);
    let lines: Vec<Vec<&str>> = fitting
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split_once(" -- with").map_or(l, |(before, _)| before).splitn(4, " | ").collect::<Vec<_>>())
        .filter(|l| l[0] == table)
        .collect();
    let line = lines.iter().find(|l| l[1] == column).or_else(|| lines.iter().find(|l| l[1] == "*"))?;
    if let Some(whole) = line[2].strip_prefix('!') {
        return Some(whole.replace("S.", "\"s 1\"."));
    }
    let value = match (line.get(3), of) {
        (Some(value), "regproc") => format!("({value})::regproc"),
        (Some(value), _) => (*value).to_owned(),
        (None, "boolean") => format!("not {column}"),
        (None, "smallint" | "integer" | "bigint" | "real") => format!("coalesce({column}, 0) + 1"),
        (None, "text" | "name") => format!("coalesce({column}::text, '') || 'x'"),
        (None, "text[]") => format!("array_append(coalesce({column}, '{{}}'), 'x=y')"),
        (None, "regproc") => "'pg_catalog.int4mul'::regproc".to_owned(),
        (None, _) => return None,
    };
    Some(format!("update pg_catalog.{table} set {column} = {value} where {}", line[2]).replace("S.", "\"s 1\"."))
}

/// The rest of what a backup seals of a database and its server.
async fn rest(session: &Session) -> Result<String, pgseal::Error> {
    let mut facts = catalog::database(session).await?;
    // Numbers that no check compares.
    (facts.size_bytes, facts.object_counts) = (0, BTreeMap::new());
    let content = large_objects::content(session).await?;
    let (roles, members) = (probe::roles(session).await?, probe::memberships(session).await?);
    Ok(format!("{}{content:?}{roles:?}{members:?}", serde_json::to_string(&facts).unwrap()))
}

async fn seen(
    session: &Session,
    table: &str,
    some: &Inventory,
    was: &Inventory,
    rest_was: &str,
) -> Result<bool, pgseal::Error> {
    Ok(inventory::read_some(session, inventory::VERSION, table).await? != *some
        || rest(session).await? != rest_was
        || inventory::read(session).await? != *was)
}

async fn every_change(instance: &Instance, here: &BTreeMap<String, BTreeMap<String, String>>) -> (usize, Vec<String>) {
    let session = instance.connect_writable("rich").await.unwrap();
    let run = async |sql: &str| session.client().batch_execute(sql).await;
    let begun = std::time::Instant::now();
    let was: Inventory = inventory::read(&session).await.unwrap();
    println!("one inventory: {:?}", begun.elapsed());
    let rest_was = rest(&session).await.unwrap();
    assert_eq!(was, inventory::read(&session).await.unwrap());
    assert_eq!(rest_was, rest(&session).await.unwrap(), "it is the same without any change");
    let (mut changed, mut wrong) = (0, Vec::new());
    for table in CATALOGS {
        let Some(columns) = here.get(table.name) else { continue };
        // First those queries that name the catalog, then all: it is the same, and much faster.
        let some_was = inventory::read_some(&session, inventory::VERSION, table.name).await.unwrap();
        for column in table.compared.split_whitespace() {
            let Some(of) = columns.get(column) else { continue };
            let name = format!("{}.{column}", table.name);
            let Some(sql) = statement(table.name, column, of) else {
                wrong.push(format!("{name} ({of}): nobody said how to change it"));
                continue;
            };
            run("begin; set local allow_system_table_mods = on").await.unwrap();
            match session.client().execute(&sql, &[]).await {
                Ok(1..) => match seen(&session, table.name, &some_was, &was, &rest_was).await {
                    Ok(true) => changed += 1,
                    Ok(false) => wrong.push(format!("{name}: not seen: {sql}")),
                    Err(e) => wrong.push(format!("{name}: {e:?}")),
                },
                Ok(0) => wrong.push(format!("{name}: no row: {sql}")),
                Err(e) => wrong.push(format!("{name}: {sql}: {e:?}")),
            }
            run("rollback").await.unwrap();
        }
    }
    assert_eq!(was, inventory::read(&session).await.unwrap(), "nothing of it stays");
    (changed, wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_catalog_is_compared_or_named_with_a_reason() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let session = instance.connect_writable("postgres").await.unwrap();
    let here = columns(&session).await;
    assert!(here.len() > 50 && here["pg_class"].len() > 20);
    assert_eq!(undecided(&here), [""; 0]);
    let mut unknown = here.clone();
    unknown.entry("pg_class".into()).or_default().insert("relnew".into(), "text".into());
    unknown.insert("pg_new".into(), BTreeMap::new());
    assert_eq!(undecided(&unknown).len(), 2, "what nobody decided is told of");
    let named: BTreeSet<&str> = CATALOGS.iter().map(|c| c.name).collect();
    assert_eq!(named.len(), CATALOGS.len());

    session.client().batch_execute("create database rich template template0").await.unwrap();
    let rich = instance.connect_writable("rich").await.unwrap();
    rich.client().batch_execute(&fitting(&bindir(), include_str!("rich.sql"))).await.unwrap();
    drop(rich);
    let begun = std::time::Instant::now();
    let (changed, wrong) = every_change(&instance, &here).await;
    println!("{changed} changes: {:?}", begun.elapsed());
    assert!(wrong.is_empty(), "{changed} were seen; {}: {wrong:#?}", wrong.len());
    assert!(changed > 250, "{changed}");
    drop(session);
    assert!(scratch.teardown(Some(instance)).await.is_clean());
}
