//! The database itself and its schemas: who may come in, and create where.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::acl::{Acl, Acls, Privileges};
use super::{Blind, Database, Server};

/// One schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: Arc<str>,
    /// Its privileges.
    pub acl: Arc<Acl>,
}

/// A database with its schemas.
#[derive(Debug, Clone)]
pub struct Place {
    /// Every schema by its number, the system's too; those of temporary tables
    /// are left out.
    pub schemas: BTreeMap<u32, Schema>,
    /// Who owns the database: `pg_database_owner` stands for that role (14+).
    pub owner: String,
    /// Privileges on the database.
    pub acl: Arc<Acl>,
}

impl Place {
    /// Reads it.
    pub(super) async fn read(db: &Database<'_>, acls: &mut Acls, names: &mut Names) -> Result<Self, Blind> {
        let sql = "SELECT pg_get_userbyid(datdba)::text, coalesce(datacl, acldefault('d', datdba))::text[] \
                   FROM pg_database WHERE datname = current_database()";
        let rows = db.rows("the database's privileges", sql, &[]).await?;
        let row = rows.first().ok_or_else(|| Blind::Denied("the database is not in the list of databases".into()))?;
        let (owner, acl) = (row.get(0), acls.read(row.get(1))?);
        let sql = "SELECT oid, nspname::text, pg_get_userbyid(nspowner)::text, \
                          coalesce(nspacl, acldefault('n', nspowner))::text[] \
                   FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp_|toast_temp_)'";
        let mut schemas = BTreeMap::new();
        for row in db.rows("the schemas", sql, &[]).await? {
            let schema = Schema { name: row.get(1), owner: names.shared(row.get(2)), acl: acls.read(row.get(3))? };
            schemas.insert(row.get(0), schema);
        }
        Ok(Self { schemas, owner, acl })
    }

    /// The role that is meant: `pg_database_owner` is whoever owns the database.
    pub fn role<'a>(&'a self, name: &'a str) -> &'a str {
        if name == "pg_database_owner" { &self.owner } else { name }
    }

    /// Whether everybody may use what lies in this schema.
    pub fn is_open(&self, schema: u32) -> bool {
        self.schemas.get(&schema).is_some_and(|s| s.acl.public().has(Privileges::USAGE))
    }

    /// The schema of this name.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.values().find(|s| s.name == name)
    }

    /// Roles that may do any of `wanted` by the list or as `owner`, `PUBLIC` among
    /// them, but for superusers and for whoever can become `trusted` anyway.
    pub fn strangers(&self, server: &Server, acl: &Acl, owner: &str, wanted: Privileges, trusted: &str) -> Vec<String> {
        let mut found = Vec::new();
        for grantee in acl.grantees(wanted).chain([Some(owner)]) {
            let name = match grantee.map(|g| self.role(g)) {
                None => "PUBLIC",
                Some(role) if server.powers.is_super(role) || server.powers.can_become(role, trusted) => continue,
                Some(role) => role,
            };
            if !found.iter().any(|f| f == name) {
                found.push(name.to_owned());
            }
        }
        found.sort();
        found
    }
}

/// Names, each kept once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.0.insert(name.clone());
        name
    }
}
