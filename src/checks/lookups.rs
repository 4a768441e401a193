//! PHY-LOOKUP: indexes that are no B-trees find the rows of their tables.
//!
//! amcheck knows B-trees (and since PostgreSQL 18 GIN). Of a hash, GiST, GIN, SP-GiST,
//! BRIN or any other index some rows of the table are looked up through it, by one of its
//! own operators that holds between a value and itself: a row that is not found is damage.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::{Row, SimpleQueryMessage};

use super::subject::{Blame, Tally, failed, object, query};
use super::{CheckResult, Rule, Severity, Subject};
use crate::error::Result;
use crate::scratch::{Session, conn, failure};
use crate::source::facts::ObjectName;
use crate::types::shown;
use crate::types::text::quote_literal;

/// The check.
pub const RULE: Rule = Rule {
    id: "PHY-LOOKUP",
    title: "indexes that are no B-trees find the rows of their tables",
    severity: Severity::Critical,
};

/// Rows of each page of a table that are looked up.
const ROWS_OF_PAGE: u32 = 4;

/// Rows looked up through a BRIN index, each of which reads whole ranges of pages.
const ROWS_BY_RANGE: u32 = 16;

/// Operators that are tried on a column, the most selective first.
const TRIES: usize = 4;

/// How long the rows of one column may take.
const PATIENCE: &str = "10s";

/// When a server must have given up by itself. A list of pages that leads to itself is
/// followed without end, and without a look at the limit of time.
const STUCK: Duration = Duration::from_secs(20);

/// One column of an index, as text of SQL.
struct Column {
    index: u32,
    table: u32,
    name: ObjectName,
    of: ObjectName,
    expression: String,
    predicate: Option<String>,
    /// Share of the table's pages, percent.
    share: String,
    rows: u32,
    /// Quoted, and of which kind its right side is.
    operators: Vec<(String, bool)>,
}

/// Whose code is taken: what the server brings (no entry of it is in `pg_depend`), and
/// what belongs to superusers. Everything else would run with a superuser's rights here.
const TRUSTED: &str = "with trusted as (select oid from pg_roles where rolsuper), \
     foreign_code as (select p.oid from pg_proc p where p.proowner not in (select oid from trusted)), \
     of_others as (select d.objid from pg_depend d where d.classid = 'pg_class'::regclass and ( \
         d.refclassid = 'pg_proc'::regclass and d.refobjid in (select oid from foreign_code) \
         or d.refclassid = 'pg_operator'::regclass and exists(select from pg_operator o where o.oid = d.refobjid \
            and (o.oprowner not in (select oid from trusted) or o.oprcode in (select oid from foreign_code))) \
         or d.refclassid = 'pg_type'::regclass and exists(select from pg_type y where y.oid = d.refobjid \
            and y.typowner not in (select oid from trusted))))";

/// The valid indexes of other kinds with the columns of their keys, the share of their
/// tables' pages that makes 64, and the operators that no function of an ordinary role is
/// behind. `~=` and the like are equality where there is no `=`; a document of words is
/// searched by one of its own. The type of an operator is said, so that no other one of
/// its name is taken.
const LIST: &str = "select c.oid, t.oid, n.nspname::text, c.relname::text, tn.nspname::text, t.relname::text, \
       '(' || pg_get_indexdef(c.oid, k.n, false) || ')' \
         || case when it.typtype = 'p' then '' else '::' || format_type(it.oid, null) end \
         || case when i.indcollation[k.n - 1] = 0 then '' else \
         (select format(' collate %I.%I', o.nspname, l.collname) from pg_collation l join pg_namespace o \
            on o.oid = l.collnamespace where l.oid = i.indcollation[k.n - 1]) end, \
       pg_get_expr(i.indpred, i.indrelid), \
       least(100, round(100.0 * 64 * current_setting('block_size')::int8 / greatest(pg_relation_size(t.oid), 1), 6))::text, \
       a.amname = 'brin', \
       array(select format('operator(%I.%s)', os.nspname, o.oprname) from pg_amop p join pg_operator o on o.oid = p.amopopr \
             join pg_namespace os on os.oid = o.oprnamespace \
             where p.amopfamily = f.opcfamily and p.amoppurpose = 's' and p.amoplefttype = f.opcintype and o.oprresult = 16 \
               and (p.amoprighttype = f.opcintype or (f.opcintype = 3614 and p.amoprighttype = 3615)) \
               and (it.typtype <> 'p' or os.nspname = 'pg_catalog') and o.oprowner in (select oid from trusted) \
               and o.oprcode not in (select oid from foreign_code) and not exists(select from of_others x where x.objid = c.oid) \
               and not exists(select from pg_amproc s where s.amprocfamily = f.opcfamily \
                              and s.amproc in (select oid from foreign_code)) \
             order by array_position(array['=', '~=', '@>', '@@', '&&', '<@'], o.oprname::text) nulls last, p.amopstrategy), \
       f.opcintype = 3614 \
     from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam \
     join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace \
     join pg_namespace tn on tn.oid = t.relnamespace \
     cross join lateral generate_series(1, i.indnkeyatts::int) k(n) join pg_opclass f on f.oid = i.indclass[k.n - 1] \
     join pg_type it on it.oid = f.opcintype \
     where c.relkind = 'i' and c.relpersistence = 'p' and a.amname <> 'btree' and i.indisvalid and i.indisready and i.indislive \
       and t.relispopulated order by 3, 4, k.n";

impl Column {
    fn of(row: &Row) -> Self {
        let words: bool = row.get(11);
        let operators: Vec<String> = row.get(10);
        Self {
            index: row.get(0),
            table: row.get(1),
            name: ObjectName { schema: row.get(2), name: row.get(3) },
            of: ObjectName { schema: row.get(4), name: row.get(5) },
            expression: row.get(6),
            predicate: row.get(7),
            share: row.get(8),
            rows: if row.get(9) { ROWS_BY_RANGE } else { u32::MAX },
            operators: operators.into_iter().take(TRIES).map(|o| (o, words)).collect(),
        }
    }

    /// Looks rows up: how many could be, and how many of these were not found.
    fn question(&self, (operator, words): &(String, bool)) -> String {
        let (expression, table) = (&self.expression, self.of.quoted());
        let predicate = self.predicate.as_ref().map_or_else(String::new, |p| format!(" and ({p})"));
        let (page, wanted) = ("(ctid::text::point)[0]", "pgseal_sample.pgseal_wanted");
        // The first word of a document; a value asks for itself.
        let sought = if *words {
            "(select quote_literal(w.lexeme)::tsquery from unnest(pgseal_value) w limit 1)"
        } else {
            "pgseal_value"
        };
        format!(
            "with pgseal_rows as materialized (select ctid as pgseal_row, ({expression}) as pgseal_value, \
               row_number() over (partition by {page} order by ctid) as pgseal_number \
               from only {table} tablesample system ({}) repeatable (1) where ({expression}) is not null{predicate}), \
             pgseal_sample as materialized (select pgseal_row, pgseal_value, {sought} as pgseal_wanted from pgseal_rows \
               where pgseal_number <= {ROWS_OF_PAGE} order by pgseal_number limit {}) \
             select count(*), count(*) filter (where not coalesce(pgseal_found, false)) from pgseal_sample \
             cross join lateral (select bool_or(ctid = pgseal_sample.pgseal_row) as pgseal_found \
               from only {table} where ({expression}) {operator} {wanted}{predicate}) pgseal_asked \
             where coalesce(pgseal_sample.pgseal_value {operator} {wanted}, false)",
            self.share, self.rows
        )
    }
}

/// What came of a column.
enum Looked {
    /// That many rows were looked up, and not found.
    Up(u64, u64),
    /// The server refuses to use it.
    Refused(String),
    /// The server does not come back.
    Stuck,
    /// The server process died of this signal.
    Crashed(i32),
    /// None of its operators can be asked like this, or not in time.
    NotAsked,
}

/// Looks rows up through every index that is no B-tree.
pub async fn run(subject: &Subject<'_>) -> CheckResult {
    let unasked = std::cell::Cell::new(0_u64);
    let (mut result, _) = subject
        .each_of_the_copy(RULE, async |session, database| {
            let list = query(session.client(), &format!("{TRUSTED} {LIST}"), &[]).await?;
            let columns: Vec<Column> = list.iter().map(Column::of).collect();
            let mut tally = Tally::default();
            if columns.is_empty() {
                return Ok(tally);
            }
            let session = subject.instance.connect_writable(database).await?;
            let mut stuck = false;
            for of_index in columns.chunk_by(|a, b| a.index == b.index) {
                let Some(first) = of_index.first() else { continue };
                if stuck {
                    tally.present += 1;
                    continue;
                }
                let (mut any, mut wrong) = (false, None);
                for column in of_index {
                    match look(subject, &session, column).await? {
                        Looked::NotAsked => {}
                        Looked::Stuck => {
                            // The session is lost, and what it locks.
                            stuck = true;
                            wrong = Some("a lookup through it does not end: its pages lead in a circle".to_owned());
                            break;
                        }
                        Looked::Crashed(signal) => {
                            stuck = true;
                            wrong = Some(format!("a lookup through it ends the server process (signal {signal})"));
                            break;
                        }
                        Looked::Up(_, 0) => any = true,
                        Looked::Up(rows, missed) => {
                            wrong =
                                Some(format!("{missed} of {rows} rows that were looked up are not found through it"));
                        }
                        Looked::Refused(why) => wrong = Some(format!("it cannot be used: {why}")),
                    }
                }
                if !any && wrong.is_none() {
                    unasked.set(unasked.get() + 1);
                    continue;
                }
                (tally.present, tally.examined) = (tally.present + 1, tally.examined + 1);
                if let Some(message) = wrong {
                    let of = format!("{}, index {}", object(database, &first.of), shown(&first.name.name));
                    tally.findings.push(RULE.finding(of, message, REBUILD));
                }
            }
            Ok(tally)
        })
        .await;
    if unasked.get() > 0 {
        let why = format!(
            "{} indexes could not be asked for a row of their table: they have no operator that finds a value by itself, \
             call functions of ordinary roles, fail, do not find some values when they are made anew either, or take longer than \
             {PATIENCE}",
            unasked.get()
        );
        result.add_reason(why);
    }
    result
}

/// The remedy: an index can be made again from its table.
const REBUILD: &str = "Find out whether the source has the same damage, and rebuild the index there (REINDEX INDEX). Then take a new backup.";

/// Tries its operators until one can be asked.
async fn look(subject: &Subject<'_>, session: &Session, column: &Column) -> Result<Looked> {
    for operator in &column.operators {
        let client = session.client();
        client.batch_execute(&set_up(column)).await.map_err(|e| failed(&e))?;
        let looked = match ask(session, column, operator).await {
            Ok(Looked::Stuck) => return Ok(Looked::Stuck),
            Ok(looked) => looked,
            Err(e) if e.is_closed() => {
                return crashed(subject).await.map_or_else(|| Err(failed(&e)), |signal| Ok(Looked::Crashed(signal)));
            }
            Err(e) if matches!(Blame::of(&failed(&e)), Some(Blame::Damaged(_))) => Looked::Refused(conn::reduced(&e)),
            Err(_) => Looked::NotAsked,
        };
        client.batch_execute("rollback").await.map_err(|e| failed(&e))?;
        // Another operator may be of more use to the planner, or fit the type.
        if !matches!(looked, Looked::NotAsked) {
            return Ok(looked);
        }
    }
    Ok(Looked::NotAsked)
}

/// The signal that ended a server process, where that is one of its own making: an access
/// to memory that it does not have, say. That it was killed tells of the host alone.
async fn crashed(subject: &Subject<'_>) -> Option<i32> {
    for _ in 0..LOOKS {
        if let Some(signal) = failure::ended_by(&subject.instance.log()) {
            return [4, 6, 7, 8, 11].contains(&signal).then_some(signal);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

/// How often the server's log is looked at for the end of its process, ten times a second.
const LOOKS: u32 = 30;

/// Settings of the planner, which a database may have set for itself.
const PLANNER: [(&str, &str); 10] = [
    ("enable_seqscan", "off"),
    ("enable_indexonlyscan", "off"),
    ("enable_indexscan", "on"),
    ("enable_bitmapscan", "on"),
    ("enable_nestloop", "on"),
    ("seq_page_cost", "1"),
    ("random_page_cost", "1"),
    ("cpu_index_tuple_cost", "0.005"),
    ("jit", "off"),
    ("max_parallel_workers_per_gather", "0"),
];

/// Within a transaction that is rolled back, the table has no index but this one.
fn set_up(column: &Column) -> String {
    let mut all: Vec<String> = conn::alone(column.table, column.index).into();
    all.extend(PLANNER.iter().map(|(name, value)| format!("set local {name} = {value}")));
    all.push(format!("set local statement_timeout = {}", quote_literal(PATIENCE)));
    all.join("; ")
}

/// Looks rows up by one operator; not asked where the planner does not use the index.
async fn ask(session: &Session, column: &Column, operator: &(String, bool)) -> Result<Looked, tokio_postgres::Error> {
    let (client, question) = (session.client(), column.question(operator));
    let explained = client.simple_query(&format!("explain (format json) {question}")).await?;
    let plan = explained.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => serde_json::from_str(row.get(0)?).ok(),
        _ => None,
    });
    if !plan.is_some_and(|plan| uses(&plan, &column.name.name)) {
        return Ok(Looked::NotAsked);
    }
    let Ok(answer) = tokio::time::timeout(STUCK, client.query_one(&question, &[])).await else {
        return Ok(Looked::Stuck);
    };
    let number = |row: &Row, n: usize| row.get::<_, i64>(n).unsigned_abs();
    let answer = answer?;
    let (rows, missed) = (number(&answer, 0), number(&answer, 1));
    if missed > 0 {
        // Of some values (NaN in geometric types, an empty tsquery) no index tells the truth:
        // then neither does one that was just made. Where none can be made, this one is to blame.
        let remake = format!("set local statement_timeout = 0; reindex index {}", column.name.quoted());
        let anew = async {
            client.batch_execute(&remake).await?;
            client.query_one(&question, &[]).await
        };
        if anew.await.is_ok_and(|row| number(&row, 1) > 0) {
            return Ok(Looked::NotAsked);
        }
    }
    Ok(Looked::Up(rows, missed))
}

/// Whether a plan uses the index.
fn uses(plan: &Value, index: &str) -> bool {
    match plan {
        Value::Object(all) => {
            all.get("Index Name").and_then(Value::as_str) == Some(index) || all.values().any(|v| uses(v, index))
        }
        Value::Array(all) => all.iter().any(|v| uses(v, index)),
        _ => false,
    }
}
