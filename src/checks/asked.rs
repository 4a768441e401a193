//! How the operator's own queries are asked.

use std::pin::pin;

use futures_util::StreamExt as _;
use tokio_postgres::SimpleQueryMessage;

use super::{Subject, shadows};
use crate::config::schema::Question;
use crate::scratch::conn;
use crate::types::text::{quote_ident, quote_literal};

/// What came of a query. Each is a state of its own, and only one holds a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// One row, one column; nothing is NULL.
    Value(Option<String>),
    /// Another number of rows.
    Rows(u64),
    /// Another number of columns.
    Columns(usize),
    /// The server refused the query.
    Refused(String),
    /// The role is not there.
    NoRole,
}

impl Answer {
    /// What is wrong with it, where it is no value. Never the value itself.
    pub(super) fn fault(&self) -> Option<String> {
        Some(match self {
            Self::Value(Some(_)) => return None,
            Self::Value(None) => "it gives NULL".to_owned(),
            Self::Rows(0) => "it gives no row".to_owned(),
            Self::Rows(n) => format!("it gives {n} rows instead of one"),
            Self::Columns(n) => format!("it gives {n} columns instead of one"),
            Self::Refused(how) => format!("the query fails: {how}"),
            Self::NoRole => "the role that asks is not there".to_owned(),
        })
    }
}

/// Asks, in a session that cannot write. The error is why it could not be asked:
/// that says nothing about the copy.
///
/// As a role, the whole session is that role's, and row security applies.
pub(super) async fn ask(subject: &Subject<'_>, question: &Question) -> Result<Answer, String> {
    let first = subject.facts.databases.first().map(|d| d.name.as_str());
    let Some(database) = question.database.as_deref().or(first) else {
        return Err("the backup has no database".to_owned());
    };
    let session = subject.instance.connect(database).await.map_err(|e| e.text())?;
    let client = session.client();
    if let Some(role) = &question.role {
        let there = client.query_opt("select from pg_catalog.pg_roles where rolname = $1", &[role]).await;
        if there.map_err(|e| conn::reduced(&e))?.is_none() {
            return Ok(Answer::NoRole);
        }
    }
    let path = shadows::path(client, question.role.as_deref().unwrap_or(subject.instance.superuser())).await?;
    shadows::refuse(client, &path, &question.query).await?;
    if let Some(role) = &question.role {
        let become_it = format!("set row_security = on; set session authorization {}", quote_ident(role));
        client.batch_execute(&become_it).await.map_err(|e| conn::reduced(&e))?;
    }
    // After the last statement of our own: from here on names are looked up in the
    // schemas of users as well.
    let path: Vec<String> = path.iter().map(|s| quote_ident(s)).collect();
    let set_up = format!(
        "set search_path = {}; set statement_timeout = {}",
        path.join(", "),
        quote_literal(&question.timeout.as_millis().to_string())
    );
    client.batch_execute(&set_up).await.map_err(|e| conn::reduced(&e))?;
    // The simple protocol gives every value in its output form.
    let failed = |e: tokio_postgres::Error| match e.code().map(|c| c.code().to_owned()) {
        Some(state) if state == "57014" => Err(format!("it took longer than {} s", question.timeout.as_secs())),
        // Whether the copy or the query is wrong cannot be told from here; a
        // query that worked when it was written says that the copy is.
        // Class 57 is a server that goes away, 53 a lack of resources.
        Some(state) if !state.starts_with("53") && !state.starts_with("57") => Ok(Answer::Refused(conn::reduced(&e))),
        _ => Err(conn::reduced(&e)),
    };
    let stream = match client.simple_query_raw(&question.query).await {
        Ok(stream) => stream,
        Err(e) => return failed(e),
    };
    let mut stream = pin!(stream);
    let (mut rows, mut columns, mut value) = (0, 0, None);
    while let Some(message) = stream.next().await {
        match message {
            Ok(SimpleQueryMessage::Row(row)) => {
                if rows == 0 {
                    columns = row.len();
                    value = if columns == 1 { row.get(0).map(str::to_owned) } else { None };
                }
                rows += 1;
            }
            Ok(_) => {}
            Err(e) => return failed(e),
        }
    }
    Ok(match (rows, columns) {
        (1, 1) => Answer::Value(value),
        (1, columns) => Answer::Columns(columns),
        (rows, _) => Answer::Rows(rows),
    })
}
