//! INT-ROWS: every table has the rows it had, by number and content.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::subject::{RESTORE_AGAIN, Tally, encoding, failed, object};
use super::{CheckResult, Outcome, Rule, Severity, Subject, TableProof};
use crate::error::{Error, Result};
use crate::scratch::conn::lacks_library;
use crate::scratch::{Door, Session};
use crate::source::facts::{Counted, DatabaseFacts, TableFacts};
use crate::source::{Facts, copy_text};
use crate::types::text::{quote_ident, quote_literal};
use crate::types::{Digest, RowsHasher};

/// The check.
pub const RULE: Rule =
    Rule { id: "INT-ROWS", title: "every table has its rows, with the same content", severity: Severity::Critical };

/// Where sessions are opened.
#[derive(Clone)]
struct At {
    door: Door,
    database: String,
    /// The source's `lc_monetary`, which values of type money are written in.
    monetary: Option<String>,
}

/// What is compared at once: a table, or the partitions among which a restore may
/// move rows.
type Queue = Arc<Mutex<VecDeque<Vec<TableFacts>>>>;

/// Compares every table's COPY text with the digest taken in the dump stream.
/// Tables are spread over the subject's number of jobs. What was read of each
/// table is told too.
pub async fn run(subject: &Subject<'_>) -> (CheckResult, Vec<TableProof>) {
    let mut all = Tally::default();
    for facts in &subject.facts.databases {
        // Read off the dump itself, they are there in every backup of this kind.
        if !facts.contents_known {
            let text = "the backup says that it holds no number and digest of rows, which every dump has".to_owned();
            all.add(Tally::fault(RULE, &facts.name, text));
            continue;
        }
        match database(subject, facts).await {
            Ok(t) => all.add(t),
            Err(e) => return (RULE.error(all.present, all.examined, &e), all.tables),
        }
    }
    let mut result = RULE.judged(all.present, all.examined, all.findings);
    match result.outcome {
        Outcome::Pass => result.reason = Some(counted_by(subject.facts)),
        Outcome::NotEvaluated if all.tables.iter().any(|t| t.rows.is_some() && t.content_matches.is_none()) => {
            let why = "a restore moved rows between partitions whose columns stand in different orders: they were counted, \
                       and their content was not compared";
            result.reason = Some(result.reason.map_or_else(|| why.to_owned(), |r| format!("{r}; {why}")));
        }
        _ => {}
    }
    (result, all.tables)
}

/// Who says that the dump itself had all rows.
fn counted_by(facts: &Facts) -> String {
    let (mut server, mut sampled, mut nobody, mut unknown) = (0u64, 0u64, 0u64, 0u64);
    for table in facts.databases.iter().flat_map(|d| &d.tables) {
        match &table.counted {
            Some(Counted::Server) => server += 1,
            Some(Counted::Sample(_)) => sampled += 1,
            Some(Counted::Nobody(_)) => nobody += 1,
            None => unknown += 1,
        }
    }
    if server + sampled + nobody == 0 {
        return "the backup has no counts of the server, only of its own dump (an older version made it)".to_owned();
    }
    let all = server + sampled + nobody + unknown;
    let mut text = format!("beside the dump, the source counted the rows of {server} of {all} tables");
    let more =
        [(sampled, "were too large and compared by a sample"), (nobody + unknown, "were counted by the dump alone")];
    for (n, how) in more.iter().filter(|m| m.0 > 0) {
        text += &format!("; {n} {how}");
    }
    text
}

async fn database(subject: &Subject<'_>, facts: &DatabaseFacts) -> Result<Tally> {
    let i = subject.instance;
    let at = At {
        door: i.door().clone(),
        database: facts.name.clone(),
        monetary: subject.facts.monetary(facts).map(str::to_owned),
    };
    // Tables whose digest is not known are present and stay unexamined.
    let known = facts.tables.iter().filter(|t| t.rows.is_some() && t.digest.is_some()).cloned();
    let queue: Queue = Arc::new(Mutex::new(together(known)));
    let workers = subject.jobs.clamp(1, 16).min(facts.tables.len().max(1));
    let mut set = JoinSet::new();
    for _ in 0..workers {
        set.spawn(worker(at.clone(), queue.clone()));
    }
    let mut all = Tally { present: facts.tables.len() as u64, ..Tally::default() };
    let unknown = facts.tables.iter().filter(|t| t.rows.is_none() || t.digest.is_none());
    all.tables.extend(unknown.map(|t| TableProof::unread(&facts.name, &t.name, t.rows)));
    while let Some(done) = set.join_next().await {
        let tally = done.map_err(|e| Error::internal("a worker of INT-ROWS is gone").because(e))??;
        all.add(tally);
    }
    // Workers end in any order; findings are listed in the order of names.
    all.findings.sort_by(|a, b| a.object.cmp(&b.object));
    Ok(all)
}

/// Each table by itself, but those that share rows.
fn together(all: impl Iterator<Item = TableFacts>) -> VecDeque<Vec<TableFacts>> {
    let (mut groups, mut shared) = (VecDeque::new(), BTreeMap::<_, Vec<_>>::new());
    for table in all {
        match table.loaded_through.clone() {
            Some(root) => shared.entry(root).or_default().push(table),
            None => groups.push_back(vec![table]),
        }
    }
    groups.extend(shared.into_values());
    groups
}

async fn worker(at: At, queue: Queue) -> Result<Tally> {
    let mut tally = Tally::default();
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let Some(mut group) = next() else { return Ok(tally) };
    let session = at.door.open(&at.database, true).await?;
    let encoding = encoding(session.client()).await?;
    if let Some(locale) = &at.monetary {
        // A locale that this host lacks shows as a difference of money columns only.
        let _ = session.client().batch_execute(&format!("set lc_monetary = {}", quote_literal(locale))).await;
    }
    loop {
        tally.add(compared(&at, &session, &encoding, &group).await?);
        match next() {
            Some(g) => group = g,
            None => return Ok(tally),
        }
    }
}

/// Compares tables one by one; and where there are several, and one differs, all of
/// them as one.
async fn compared(at: &At, session: &Session, encoding: &str, group: &[TableFacts]) -> Result<Tally> {
    let mut tally = Tally { examined: group.len() as u64, ..Tally::default() };
    let (mut was, mut is) = (RowsHasher::default(), RowsHasher::default());
    for table in group {
        let mut told = TableProof::unread(&at.database, &table.name, table.rows);
        let (message, seen) = compare(session, encoding, table, &mut told).await?;
        tally.tables.push(told);
        if let Some(message) = message {
            tally.findings.push(RULE.finding(object(&at.database, &table.name), message, RESTORE_AGAIN));
        }
        if let (Some(rows), Some(digest), Some(seen)) = (table.rows, table.digest, seen) {
            was.merge((rows, digest));
            is.merge(seen);
        }
    }
    let [first, _, ..] = group else { return Ok(tally) };
    let Some(root) = first.loaded_through.as_ref().filter(|_| !tally.findings.is_empty()) else { return Ok(tally) };
    // What cannot be read stays a finding: its rows are missing from both sums.
    let readable = tally.tables.iter().all(|t| t.rows.is_some());
    let ((before, _, digest), (now, _, seen)) = (was.finish(), is.finish());
    let same_text = group.iter().all(|t| t.columns == first.columns);
    if readable && before == now && (digest == seen || !same_text) {
        // A row has another text in a partition whose columns stand in another order.
        let (rows, content_matches) = (Some(now), same_text.then_some(true));
        tally.examined = if same_text { tally.examined } else { 0 };
        tally.tables =
            vec![TableProof { rows, content_matches, ..TableProof::unread(&at.database, root, Some(before)) }];
        tally.findings.clear();
    }
    Ok(tally)
}

/// What is wrong with a table, nothing where it is as it was; and what was read.
async fn compare(
    session: &Session,
    encoding: &str,
    table: &TableFacts,
    told: &mut TableProof,
) -> Result<(Option<String>, Option<(u64, Digest)>)> {
    let (Some(rows), Some(digest)) = (table.rows, table.digest) else {
        return Err(Error::internal("a table without digest was to be compared"));
    };
    let seen = match content(session, encoding, table).await {
        Ok(seen) => seen,
        Err(e) => return Ok((Some(unreadable(&e)?), None)),
    };
    (told.rows, told.content_matches) = (Some(seen.0), Some(seen == (rows, digest)));
    let message = if seen.0 != rows {
        Some(format!("{rows} rows expected, {} restored", seen.0))
    } else if seen.1 != digest {
        Some(format!("{rows} rows expected and restored, but their content differs"))
    } else {
        None
    };
    Ok((message, Some(seen)))
}

/// A table that is not there or damaged is a finding; a server that went away
/// is an error of the check.
fn unreadable(e: &tokio_postgres::Error) -> Result<String> {
    let state = e.code().map_or("", |c| c.code());
    match state {
        "42P01" | "3F000" => Ok("the table is missing".to_owned()),
        "42703" => Ok("a column is missing".to_owned()),
        _ if !lacks_library(e) && ["XX", "22", "58"].iter().any(|c| state.starts_with(c)) => {
            Ok(format!("the table cannot be read (SQLSTATE {state})"))
        }
        _ => Err(failed(e)),
    }
}

/// Number of rows and their digest.
async fn content(
    session: &Session,
    encoding: &str,
    table: &TableFacts,
) -> Result<(u64, Digest), tokio_postgres::Error> {
    let columns: Vec<String> = table.columns.iter().map(|c| quote_ident(c)).collect();
    let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    // The dump has the database's encoding; the session stays in UTF-8 for the names.
    let sql = format!("copy {}{columns} to stdout with (encoding {})", table.name.quoted(), quote_literal(encoding));
    let (rows, _, digest) = copy_text::read(session.client(), &sql, RowsHasher::default()).await?.finish();
    Ok((rows, digest))
}
