//! Whether two definitions mean the same, as the copy's own parser reads them.
//!
//! Each is made into an object of the copy, and written out by the server; what
//! comes out is compared as it is. Both went through the same parser and the same
//! writer, so a difference that is left is one of meaning, and none of the places
//! where casts stand. What was written is read once more, at most [`ROUNDS`] times:
//! one round is what a restore does to a definition, and the copy has gone through it.
//!
//! All happens in one transaction that is rolled back. Nothing is read from tables
//! and no index is built over rows: expressions become views, indexes and keys are
//! made on empty tables with the same columns. Event triggers are off in it.
//! Statements are sent one by one in the extended protocol, which takes no second one.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::error::Result;
use crate::scratch::Session;
use crate::source::inventory::Address;
use crate::types::text::quote_ident;

/// How often a definition is written and read.
const ROUNDS: usize = 3;

/// Settings that decide what a text means, or what making an object does
/// (PostgreSQL manual, "Version and Platform Compatibility", "Statement Behavior").
const SETTINGS: &str = "begin isolation level read committed read write; \
     set local search_path = pg_catalog, pg_temp; set local statement_timeout = '30s'; set local lock_timeout = '5s'; \
     set local transform_null_equals = off; set local standard_conforming_strings = on; \
     set local check_function_bodies = off; set local default_table_access_method = heap; \
     set local default_tablespace = ''; set local temp_tablespaces = ''; set local session_replication_role = replica; \
     update pg_event_trigger set evtenabled = 'D'";

/// The object that a definition is made into.
const NAME: &str = "pgseal_reparsed";

/// Begins what an expression was written out as; no text of the server has it.
const QUERY: char = '\0';

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The same.
    Same,
    /// Something else.
    Other,
    /// One of them cannot be made into an object here.
    Unknown,
}

/// What a definition is part of, and with it how it is made into an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An expression over the columns of the relation.
    Expression(u32),
    /// The same behind one letter, the kind of a generated column.
    Generated(u32),
    /// A query.
    Query,
    Constraint,
    Index,
    Trigger,
    Rule,
    Statistics,
    Arguments,
    SqlBody,
    PartitionKey,
    PartitionBound,
    TypeDefault,
}

impl Form {
    /// Of a part of an object: catalogs by their fixed numbers (PostgreSQL source,
    /// `pg_class.dat` and the headers of the catalogs).
    fn of((class, object): Address, relation: Option<u32>, part: &str) -> Option<Self> {
        Some(match (class, part) {
            (1259, "query") => Self::Query,
            (1259, "definition") => Self::Index,
            (1259, "partition key") => Self::PartitionKey,
            (1259, "partition bound") => Self::PartitionBound,
            (1259, column) if column.ends_with(": default") => Self::Expression(object),
            (1259, column) if column.ends_with(": generation") => Self::Generated(object),
            (1255, "arguments") => Self::Arguments,
            (1255, "SQL body") => Self::SqlBody,
            (1247, "default") => Self::TypeDefault,
            (2606, "definition") => Self::Constraint,
            (2620, "definition") => Self::Trigger,
            (2618, "definition") => Self::Rule,
            (3381, "definition") => Self::Statistics,
            (3256, "using" | "with check") => Self::Expression(relation?),
            _ => return None,
        })
    }
}

/// A transaction of the copy in which definitions are read.
#[derive(Debug)]
pub(super) struct Reparser<'a> {
    client: &'a Client,
}

/// Why a definition could not be read: the server's refusal, or the session's end.
enum Stop {
    Refused,
    Ended(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Stop {
    fn from(e: tokio_postgres::Error) -> Self {
        if e.as_db_error().is_some() && !e.is_closed() { Self::Refused } else { Self::Ended(e) }
    }
}

impl<'a> Reparser<'a> {
    /// Begins; the session must be one that may write.
    pub(super) async fn begin(session: &'a Session) -> Result<Self> {
        let client = session.client();
        client.batch_execute(SETTINGS).await.map_err(|e| super::subject::failed(&e))?;
        Ok(Self { client })
    }

    /// Undoes everything.
    pub(super) async fn end(self) -> Result<()> {
        self.client.batch_execute("rollback").await.map_err(|e| super::subject::failed(&e))
    }

    /// Whether both texts mean the same as this part of this object.
    pub(super) async fn compare(&self, address: Address, part: &str, was: &str, is: &str) -> Result<Meaning> {
        match self.meaning(address, part, was, is).await {
            Ok(meaning) => Ok(meaning),
            Err(Stop::Refused) => Ok(Meaning::Unknown),
            Err(Stop::Ended(e)) => Err(super::subject::failed(&e)),
        }
    }

    async fn meaning(&self, address: Address, part: &str, was: &str, is: &str) -> Result<Meaning, Stop> {
        let relation = match address.0 {
            3256 => Some(self.number("select polrelid from pg_policy where oid = $1", address.1).await?),
            _ => None,
        };
        let Some(form) = Form::of(address, relation, part) else { return Ok(Meaning::Unknown) };
        // Nothing of these is an expression: they are what they say.
        if matches!(form, Form::Constraint) && !was.starts_with("CHECK (") && !was.starts_with("EXCLUDE ") {
            return Ok(Meaning::Other);
        }
        let (mut was, mut is) = (vec![was.to_owned()], vec![is.to_owned()]);
        for _ in 0..ROUNDS {
            for chain in [&mut was, &mut is] {
                let last = chain.last().cloned().unwrap_or_default();
                chain.push(self.written(form, address.1, &last).await?);
            }
            if was.iter().any(|w| is.contains(w)) {
                return Ok(Meaning::Same);
            }
        }
        Ok(Meaning::Other)
    }

    /// A definition, made into an object and written out again.
    async fn written(&self, form: Form, object: u32, text: &str) -> Result<String, Stop> {
        self.client.batch_execute("savepoint pgseal").await?;
        let written = self.make(form, object, text).await;
        self.client.batch_execute("rollback to pgseal; release pgseal").await?;
        written
    }

    async fn make(&self, form: Form, object: u32, text: &str) -> Result<String, Stop> {
        let this = object;
        match form {
            Form::Query => self.view(text).await,
            Form::Expression(relation) => self.expression(relation, text).await,
            Form::Generated(relation) => {
                let mut chars = text.chars();
                let kind = chars.next().unwrap_or(' ');
                Ok(format!("{kind}{}", self.expression(relation, chars.as_str()).await?))
            }
            Form::TypeDefault => self.condition("", text).await,
            Form::Constraint => self.constraint(this, text).await,
            Form::Index => self.index(this, text).await,
            Form::Trigger => {
                let find = "select tgrelid, tgname::text, format('drop trigger %I on %s', tgname, tgrelid::regclass) \
                            from pg_trigger where oid = $1";
                let written = "select pg_get_triggerdef(oid) from pg_trigger where tgrelid = $1 and tgname = $2";
                self.made_anew(this, find, text, written).await
            }
            Form::Rule => {
                let find = "select ev_class, rulename::text, format('drop rule %I on %s', rulename, ev_class::regclass) \
                            from pg_rewrite where oid = $1";
                let written = "select pg_get_ruledef(oid) from pg_rewrite where ev_class = $1 and rulename = $2";
                self.made_anew(this, find, text, written).await
            }
            Form::Statistics => {
                let find = "select stxnamespace, stxname::text, format('drop statistics %s.%I', stxnamespace::regnamespace, stxname) \
                            from pg_statistic_ext where oid = $1";
                let written = "select pg_get_statisticsobjdef(oid) from pg_statistic_ext where stxnamespace = $1 and stxname = $2";
                self.made_anew(this, find, text, written).await
            }
            Form::Arguments => {
                let sql = "select pg_get_functiondef(oid), '(' || pg_get_function_arguments(oid) || ')' from pg_proc \
                           where oid = $1 and prokind <> 'a'";
                let (whole, old) = self.two(sql, this).await?;
                self.execute(&whole.replacen(&old, &format!("({text})"), 1)).await?;
                self.text("select pg_get_function_arguments($1)", &[&this]).await
            }
            Form::SqlBody => {
                let sql = "select pg_get_functiondef(oid), pg_get_function_sqlbody(oid) from pg_proc where oid = $1";
                let (whole, old) = self.two(sql, this).await?;
                let head = whole.rfind(&old).map_or("", |at| &whole[..at]);
                self.execute(&format!("{head}{text}")).await?;
                self.text("select pg_get_function_sqlbody($1)", &[&this]).await
            }
            Form::PartitionKey => {
                let name = self.like(this, &format!(" PARTITION BY {text}")).await?;
                self.text("select pg_get_partkeydef($1::text::regclass)", &[&name]).await
            }
            Form::PartitionBound => {
                let sql = "select inhparent from pg_inherits where inhrelid = $1";
                let parent = self.number(sql, this).await?;
                let key = self.text("select pg_get_partkeydef($1)", &[&parent]).await?;
                let name = self.like(parent, &format!(" PARTITION BY {key}")).await?;
                self.execute(&format!("CREATE TEMP TABLE {NAME} PARTITION OF {name} {text}")).await?;
                let sql = format!(
                    "select pg_get_expr(relpartbound, oid) from pg_class where oid = 'pg_temp.{NAME}'::regclass"
                );
                self.text(&sql, &[]).await
            }
        }
    }

    /// Drops an object and makes it by `text`, under its own name. `find` gives what it
    /// belongs to, its name and the statement that drops it; `written` asks for its
    /// definition by the first two.
    async fn made_anew(&self, this: u32, find: &str, text: &str, written: &str) -> Result<String, Stop> {
        let row = self.client.query_one(find, &[&this]).await?;
        let (belongs_to, name): (u32, String) = (row.get(0), row.get(1));
        self.execute(row.get(2)).await?;
        self.execute(text).await?;
        self.text(written, &[&belongs_to, &name]).await
    }

    async fn view(&self, query: &str) -> Result<String, Stop> {
        let query = query.strip_suffix(';').unwrap_or(query);
        self.execute(&format!("CREATE TEMP VIEW {NAME} AS {query}")).await?;
        self.text(&format!("select pg_get_viewdef('pg_temp.{NAME}'::regclass)"), &[]).await
    }

    /// The relation's columns and its whole row have their names in the expression.
    async fn expression(&self, relation: u32, text: &str) -> Result<String, Stop> {
        let name = self.text("select $1::oid::regclass::text", &[&relation]).await?;
        self.condition(&format!("FROM ONLY {name} "), text).await
    }

    /// An expression is written out as a query behind a [`QUERY`] mark. Any type can
    /// be asked whether it is NULL.
    async fn condition(&self, from: &str, text: &str) -> Result<String, Stop> {
        let query = match text.strip_prefix(QUERY) {
            Some(query) => self.view(query).await?,
            None => self.view(&format!("SELECT 1 AS x {from}WHERE ({text}) IS NULL")).await?,
        };
        Ok(format!("{QUERY}{query}"))
    }

    async fn constraint(&self, this: u32, text: &str) -> Result<String, Stop> {
        let row =
            self.client.query_one("select conrelid, contypid from pg_constraint where oid = $1", &[&this]).await?;
        let (relation, domain): (u32, u32) = (row.get(0), row.get(1));
        if domain != 0 {
            let base = "select format_type(typbasetype, typtypmod) || case when typcollation <> 0 \
                        then ' collate ' || typcollation::regcollation else '' end from pg_type where oid = $1";
            let base = self.text(base, &[&domain]).await?;
            self.execute(&format!("CREATE DOMAIN pg_temp.{NAME} AS {base} CONSTRAINT {NAME} {text}")).await?;
            let sql = format!(
                "select pg_get_constraintdef(oid) from pg_constraint where contypid = 'pg_temp.{NAME}'::regtype and contype = 'c'"
            );
            return self.text(&sql, &[]).await;
        }
        if let Some((condition, options)) = text.strip_prefix("CHECK (").and_then(|rest| rest.rsplit_once(')')) {
            return Ok(format!("CHECK ({}){options}", self.expression(relation, condition).await?));
        }
        let table = self.like(relation, "").await?;
        self.execute(&format!("ALTER TABLE {table} ADD CONSTRAINT {NAME} {text}")).await?;
        let sql =
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass and conname = $2";
        self.text(sql, &[&table, &NAME]).await
    }

    /// The same with this index's name, on an empty table.
    async fn index(&self, this: u32, text: &str) -> Result<String, Stop> {
        let relation = self.number("select indrelid from pg_index where indexrelid = $1", this).await?;
        let (head, tail) = parted(text).ok_or(Stop::Refused)?;
        let table = self.like(relation, "").await?;
        let unique = if head.starts_with("CREATE UNIQUE ") { "UNIQUE " } else { "" };
        self.execute(&format!("CREATE {unique}INDEX {NAME} ON {table} USING {tail}")).await?;
        let made = self.text(&format!("select pg_get_indexdef('pg_temp.{NAME}'::regclass)"), &[]).await?;
        let (_, tail) = parted(&made).ok_or(Stop::Refused)?;
        Ok(format!("{head} USING {tail}"))
    }

    /// An empty table with the relation's columns, and its name: expressions hold it
    /// where they mean the whole row.
    async fn like(&self, relation: u32, more: &str) -> Result<String, Stop> {
        let sql = "select oid::regclass::text, relname::text from pg_class where oid = $1";
        let (original, name) = self.two(sql, relation).await?;
        let name = format!("pg_temp.{}", quote_ident(&name));
        self.execute(&format!("CREATE TEMP TABLE {name} (LIKE {original}){more}")).await?;
        Ok(name)
    }

    async fn execute(&self, sql: &str) -> Result<(), Stop> {
        Ok(self.client.execute(sql, &[]).await.map(drop)?)
    }

    async fn text(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<String, Stop> {
        self.client.query_one(sql, params).await?.get::<_, Option<String>>(0).ok_or(Stop::Refused)
    }

    async fn number(&self, sql: &str, of: u32) -> Result<u32, Stop> {
        Ok(self.client.query_one(sql, &[&of]).await?.get(0))
    }

    async fn two(&self, sql: &str, of: u32) -> Result<(String, String), Stop> {
        let row = self.client.query_opt(sql, &[&of]).await?.ok_or(Stop::Refused)?;
        let both: (Option<String>, Option<String>) = (row.get(0), row.get(1));
        both.0.zip(both.1).ok_or(Stop::Refused)
    }
}

/// What stands before and after the first ` USING ` of an index's definition that is
/// in no name.
fn parted(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted && text[at..].starts_with(" USING ") => return Some((&text[..at], &text[at + 7..])),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_parted_behind_its_names() {
        assert_eq!(
            parted("CREATE INDEX \"a USING \"\"b\" ON s.\" USING \" USING gist (x)"),
            Some(("CREATE INDEX \"a USING \"\"b\" ON s.\" USING \"", "gist (x)"))
        );
        assert_eq!(parted("CREATE INDEX \"a USING b\" ON s"), None);
    }
}
