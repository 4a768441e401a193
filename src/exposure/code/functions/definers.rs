//! SECURITY DEFINER functions, as the catalogue has them.

use std::sync::Arc;

use crate::exposure::acl::{Acl, Acls, Privileges};
use crate::exposure::place::Place;
use crate::exposure::{Blind, Database, Seen};

/// `function public.f(integer)` for SQL, with `p` as `pg_proc`.
pub const LOCATOR: &str = "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END \
                           || ' ' || p.oid::regprocedure::text";

/// One of them.
#[derive(Debug, Clone)]
pub struct Definer {
    /// `function public.f(integer)`.
    pub locator: String,
    /// Its schema's number.
    pub schema: u32,
    /// Whom it runs as.
    pub owner: String,
    /// Who may call it.
    pub acl: Arc<Acl>,
    /// `plpgsql`, `sql`, `c`, …
    pub language: String,
    /// `SET search_path` of its own.
    pub search_path: Option<String>,
    /// Whether its body was bound when it was made (`BEGIN ATOMIC`, 14 and newer).
    pub bound: bool,
    /// Whether only a trigger can call it.
    pub trigger: bool,
}

impl Definer {
    /// Whether every role may call it: EXECUTE on it, USAGE on its schema.
    pub fn for_all(&self, place: &Place) -> bool {
        self.acl.public().has(Privileges::EXECUTE) && place.is_open(self.schema)
    }
}

/// All that are no extension's, in order of their names.
pub async fn read(db: &Database<'_>) -> Result<Vec<Definer>, Blind> {
    let bound = if db.major >= 14 { "p.prosqlbody IS NOT NULL" } else { "false" };
    let sql = format!(
        "SELECT {LOCATOR}, p.pronamespace, pg_get_userbyid(p.proowner)::text, \
                coalesce(p.proacl, acldefault('f', p.proowner))::text[], l.lanname::text, \
                (SELECT substr(c, 13) FROM unnest(p.proconfig) c WHERE c LIKE 'search\\_path=%' LIMIT 1), {bound}, \
                p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) \
         FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang \
         WHERE p.prosecdef AND p.oid >= 16384 \
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"
    );
    let mut acls = Acls::default();
    let mut all = Vec::new();
    for row in db.rows("the functions", &sql, &[]).await? {
        all.push(Definer {
            locator: row.get(0),
            schema: row.get(1),
            owner: row.get(2),
            acl: acls.read(row.get(3))?,
            language: row.get(4),
            search_path: row.get(5),
            bound: row.get(6),
            trigger: row.get(7),
        });
    }
    all.sort_by(|a, b| a.locator.cmp(&b.locator));
    Ok(all)
}

/// Where there are none.
pub(super) fn none(db: &Database<'_>) -> Seen {
    Seen::not_applicable(format!("database {} has no SECURITY DEFINER function of its own", db.name))
}
