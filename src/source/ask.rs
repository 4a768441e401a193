//! Asking a catalogue: the same query text at backup time and at check time.
//!
//! What a restored copy is compared with was read from the source's catalogue
//! by the functions of this folder; the checks call the very same functions on
//! the copy. A difference is then one of the databases, never of two queries
//! that were meant to be equal. Both kinds of sessions pin what the answers
//! depend on: `search_path` begins with `pg_catalog`, dates are ISO and UTC,
//! numbers have all their digits.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::error::{Error, Result};

/// A session that catalogue queries are asked on.
pub trait Ask: Sync {
    /// The driver's client.
    fn client(&self) -> &Client;

    /// The error where `what` could not be read; it says as much of the server's
    /// words as may be said of this session's server.
    fn refused(&self, what: &str, e: tokio_postgres::Error) -> Error;
}

/// The rows of `sql`.
pub(super) async fn rows(
    session: &impl Ask,
    what: &str,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    session.client().query(sql, params).await.map_err(|e| session.refused(what, e))
}
