//! Checks over a restored instance: is it what was backed up?
//!
//! What is compared is the truth that was captured in the dump's own snapshot
//! and signed ([`crate::source::Facts`]), never the live server. A check never
//! fails a drill by an error of its own: it says that it failed, which is no pass.
//!
//! | file | check |
//! |---|---|
//! | [`rows`] | INT-ROWS: every table's rows and content |
//! | [`left_out`] | INT-COMPLETE: nothing was left out of the backup |
//! | [`restored`] | INT-RESTORE: what pg_restore said |
//! | [`databases`] | INT-DATABASE: locale and settings of databases |
//! | [`tables`] | INT-TABLES: the set of tables |
//! | [`sequences`] | INT-SEQ: sequences are not behind |
//! | [`indexes`] | INT-INDEX: no index is invalid that was not |
//! | [`extensions`] | INT-EXT: extensions with their versions |
//! | [`matviews`] | INT-MATVIEW: materialized views are populated |
//! | [`computed`] | INT-COMPUTED: rows of materialized views, and generated columns |
//! | [`large_objects`] | INT-LO: large objects, their content and rights |
//! | [`roles`] | INT-ROLES: roles with their attributes |
//! | [`members`] | INT-MEMBERS: memberships of roles |
//! | [`schema`] | INT-SCHEMA: definitions of all objects |
//! | [`toc`] | INT-DUMP: a dump of the copy has the backup's entries |
//! | [`owners`] | INT-OWNERS: owners of all objects |
//! | [`grants`] | INT-GRANTS, INT-DEFACL: privileges and default privileges |
//! | [`row_security`] | INT-RLS: row security and policies |
//! | [`constraints`] | INT-CONSTRAINT: constraints are validated as before |
//! | [`collations`] | INT-COLLATION: versions of collations |
//! | [`publications`] | INT-PUB: publications of a physical copy |
//! | [`manifest`] | PHY-MANIFEST: files against the backup's own manifest |
//! | [`checksums`] | PHY-CHECKSUMS: page checksums |
//! | [`wal`] | PHY-WAL: the log was replayed to the backup's end |
//! | [`amcheck`] | PHY-AMCHECK: heaps and indexes agree |
//! | [`files`] | PHY-FILES: every database and relation has its files |
//! | [`entries`] | PHY-ENTRIES: entries of indexes lead to rows |
//! | [`lookups`] | PHY-LOOKUP: indexes of other kinds find the rows of their tables |
//! | [`read`] | PHY-READ: every row of every table can be read |
//! | [`user_sql`] | USR-SQL: the operator's own queries |
//! | [`canary`] | USR-CANARY: the operator's token is there |
//! | [`asked`], [`shadows`] | how both ask, and what could mislead them |
//! | [`steady`] | what a physical copy must have as its facts say |
//! | [`subject`], [`inventory`], [`relations`] | what is checked |
//! | `pages` | pages of tables and indexes, as they lie in their files |
//! | `definitions`, `reparsed` | whether a definition with expressions means what it meant |
//! | [`result`], [`table_rows`] | what a check says, in all and of each table |

pub mod amcheck;
mod asked;
pub mod builtin;
pub mod canary;
pub mod checksums;
pub mod collations;
pub mod computed;
pub mod constraints;
pub mod databases;
mod definitions;
pub mod entries;
pub mod extension_objects;
pub mod extensions;
pub mod files;
pub mod grants;
mod guard;
pub mod indexes;
pub mod inventory;
pub mod large_objects;
pub mod left_out;
pub mod lookups;
pub mod manifest;
pub mod matviews;
pub mod members;
pub mod owners;
mod pages;
pub mod publications;
pub mod read;
pub mod relations;
mod reparsed;
pub mod restored;
pub mod result;
pub mod roles;
pub mod row_security;
pub mod rows;
pub mod schema;
pub mod sequences;
mod shadows;
pub mod steady;
pub mod subject;
pub mod table_rows;
pub mod tables;
pub mod toc;
pub mod user_sql;
pub mod wal;

pub use guard::{guarded, takes};
pub use result::{Change, CheckResult, DATA_PROVING, Finding, Outcome, Rule, Waiver};
pub use subject::Subject;
pub use table_rows::TableProof;

pub use crate::types::Severity;

use crate::config::schema::Drill;
use crate::types::Kind;

/// What came of the checks.
#[derive(Debug, Default)]
pub struct Checked {
    /// Each check's result.
    pub results: Vec<CheckResult>,
    /// Tables whose rows were read, the worst first, at most [`table_rows::LISTED`].
    pub tables: Vec<TableProof>,
}

/// Runs the checks that fit a running instance of this kind of backup.
/// PHY-MANIFEST runs before the start, and PHY-CHECKSUMS, PHY-FILES and PHY-ENTRIES
/// after the end, see [`manifest::run`], [`checksums::run`], [`files::run`] and [`entries::run`].
pub async fn run(subject: &Subject<'_>, kind: Kind, drill: &Drill) -> Checked {
    // On the heap: all of them together are large.
    Box::pin(all(subject, kind, drill)).await
}

async fn all(subject: &Subject<'_>, kind: Kind, drill: &Drill) -> Checked {
    let inventories = inventory::Inventories::read(subject).await;
    let mut all = vec![
        guard::check(databases::RULE, databases::run(subject)).await,
        schema::run(&inventories),
        guard::check(tables::RULE, tables::run(subject)).await,
        guard::check(sequences::RULE, sequences::run(subject)).await,
        guard::check(indexes::RULE, indexes::run(subject)).await,
        guard::check(extensions::RULE, extensions::run(subject)).await,
        extension_objects::run(&inventories),
        guard::check(matviews::RULE, matviews::run(subject)).await,
        guard::check(computed::RULE, computed::run(subject)).await,
        guard::check(large_objects::RULE, large_objects::run(subject)).await,
        guard::check(constraints::RULE, constraints::run(subject, &inventories)).await,
        guard::check(roles::RULE, roles::run(subject)).await,
        guard::check(members::RULE, members::run(subject)).await,
        owners::run(&inventories),
        grants::run(&inventories),
        grants::defaults(&inventories),
        row_security::run(&inventories),
    ];
    if kind == Kind::Physical {
        all.push(publications::run(&inventories));
    }
    all.extend(left_out::run(subject));
    all.push(collations::run(&inventories, kind));
    let (read, tables) = match kind {
        Kind::Logical => with_tables(rows::RULE, rows::run(subject)).await,
        Kind::Physical => {
            all.push(guard::check(wal::RULE, wal::run(subject)).await);
            let read = with_tables(read::RULE, read::run(subject)).await;
            all.push(guard::check(amcheck::RULE, amcheck::run(subject)).await);
            read
        }
    };
    all.push(read);
    all.push(guard::check(user_sql::RULE, user_sql::run(subject, &drill.sql)).await);
    all.push(guard::check(canary::RULE, canary::run(subject, drill.canary.as_ref())).await);
    if kind == Kind::Physical {
        // Last: a damaged index may keep a server process for ever.
        all.push(guard::check(lookups::RULE, lookups::run(subject)).await);
    }
    Checked { results: all, tables: table_rows::worst_first(tables) }
}

async fn with_tables(
    rule: Rule,
    run: impl Future<Output = (CheckResult, Vec<TableProof>)>,
) -> (CheckResult, Vec<TableProof>) {
    guarded(async { Ok(run.await) }).await.unwrap_or_else(|e| (rule.error(1, 0, &e), Vec::new()))
}
