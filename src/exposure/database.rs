//! One database that is looked at, with what is known of its server.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::look::Blind;
use super::place::Place;
use super::policy::Policy;
use super::relations::Relations;
use super::{Collector, Plane, Seen, Server};
use crate::scratch::conn;
use crate::source::Ask;
use crate::source::facts::DatabaseFacts;

/// Objects of users and not of the system, for SQL: with `n` as `pg_namespace`.
pub const USER_SCHEMA: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Numbers of objects that `initdb` did not make (`FirstNormalObjectId`,
/// `src/include/access/transam.h` of PostgreSQL).
pub const FIRST_USER_OID: u32 = 16_384;

/// What drills do not restore of a logical backup: it would dial out, or be there
/// for somebody to dial in. The source has this many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Publications.
    pub publications: u64,
    /// Subscriptions.
    pub subscriptions: u64,
}

impl Lacks {
    /// Of the copy of a logical backup with these facts.
    pub fn of(facts: &DatabaseFacts) -> Self {
        let many = |kind: &str| facts.object_counts.get(kind).copied().unwrap_or(0);
        Self { publications: many("publication"), subscriptions: many("subscription") }
    }
}

/// One database. Its session cannot write, and finds nothing but `pg_catalog`
/// without a schema in front.
#[derive(Clone)]
pub struct Database<'a> {
    /// Its name.
    pub name: &'a str,
    /// Live, or a copy.
    pub plane: Plane,
    /// Major version of the server that answers.
    pub major: u32,
    /// Its server.
    pub server: &'a Server,
    /// What the operator declared.
    pub policy: &'a Policy,
    /// Takes what is found beside findings, where somebody wants it.
    pub collector: Option<&'a Collector>,
    /// What the source has and this copy has not.
    pub lacks: Lacks,
    session: &'a dyn Ask,
    relations: Arc<OnceCell<Relations>>,
}

impl std::fmt::Debug for Database<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({}, {})", self.name, self.plane.name())
    }
}

impl<'a> Database<'a> {
    /// The database that `session` is connected to.
    pub fn new(session: &'a dyn Ask, name: &'a str, plane: Plane, server: &'a Server, policy: &'a Policy) -> Self {
        Self {
            name,
            plane,
            major: server.version.major(),
            server,
            policy,
            collector: None,
            lacks: Lacks::default(),
            session,
            relations: Arc::default(),
        }
    }

    /// The same, handing what is found beside findings to `collector`.
    #[must_use]
    pub fn collecting(mut self, collector: &'a Collector) -> Self {
        self.collector = Some(collector);
        self
    }

    /// The same, as a copy that lacks some of what its source has.
    #[must_use]
    pub fn lacking(mut self, lacks: Lacks) -> Self {
        self.lacks = lacks;
        self
    }

    /// The rows of `sql`; `what` names what is read, for errors.
    ///
    /// # Errors
    /// [`Blind::Denied`] where the role may not read it.
    pub async fn rows(&self, what: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Blind> {
        self.session.client().query(sql, params).await.map_err(|e| match e.code() {
            Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
                Blind::Denied(format!("the role may not read {what}"))
            }
            _ => Blind::Failed(self.session.refused(what, e)),
        })
    }

    /// Rows of a relation of a copy, see [`conn::alone`].
    ///
    /// # Errors
    /// [`Blind`] where the copy refuses.
    pub async fn rows_alone(&self, relation: u32, sql: &str) -> Result<Vec<Row>, Blind> {
        for statement in conn::alone(relation, 0) {
            self.rows("a table", &statement, &[]).await?;
        }
        let rows = self.rows("a table", sql, &[]).await;
        self.rows("a table", "rollback", &[]).await?;
        rows
    }

    /// What a check says of a kind of objects that the source has so many of, and this
    /// copy, not having them, tells nothing about. `None` where it lacks none.
    pub fn not_restored(&self, many: u64, what: &str) -> Option<Seen> {
        let why = || self.object(&format!("{many} {what} are in the backup and not restored in drills"));
        (many > 0).then(|| Seen::not_evaluated(why()))
    }

    /// Tables, views and sequences, with who was granted what; read once for all checks.
    ///
    /// # Errors
    /// [`Blind`] where the catalogue cannot be read.
    pub async fn relations(&self) -> Result<&Relations, Blind> {
        self.relations.get_or_try_init(|| Relations::read(self)).await
    }

    /// The database itself and its schemas; read with the relations.
    ///
    /// # Errors
    /// As [`Database::relations`].
    pub async fn place(&self) -> Result<&Place, Blind> {
        Ok(&self.relations().await?.place)
    }

    /// `database shop: table public.orders`: the form of objects in findings.
    pub fn object(&self, what: &str) -> String {
        format!("database {}: {what}", self.name)
    }
}
