//! Policies, as the catalogue has them.

use std::collections::BTreeMap;

use crate::exposure::{Blind, Database};

/// One policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its table's number.
    pub table: u32,
    /// Its name, quoted where SQL needs it.
    pub name: String,
    /// Whether it lets rows pass; else it holds them back.
    pub permissive: bool,
    /// `r` SELECT, `a` INSERT, `w` UPDATE, `d` DELETE, `*` all.
    pub command: char,
    /// Roles that it is for; `None` is `PUBLIC`.
    pub roles: Vec<Option<String>>,
    /// Which rows are seen, as the server prints it.
    pub using: Option<String>,
    /// Which rows may be written.
    pub check: Option<String>,
}

impl Policy {
    /// Whether it is for everybody.
    pub fn for_all(&self) -> bool {
        self.roles.iter().any(Option::is_none)
    }

    /// Whether it says something about what `command` says something about.
    pub fn meets(&self, command: char) -> bool {
        self.command == '*' || self.command == command
    }
}

/// All policies, by their table, in order of their names.
pub async fn read(db: &Database<'_>) -> Result<BTreeMap<u32, Vec<Policy>>, Blind> {
    let sql = "SELECT polrelid, quote_ident(polname), polpermissive, polcmd::text, \
                      ARRAY(SELECT CASE r WHEN 0 THEN NULL ELSE pg_get_userbyid(r)::text END FROM unnest(polroles) r), \
                      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) \
               FROM pg_policy ORDER BY polrelid, polname";
    let mut all: BTreeMap<u32, Vec<Policy>> = BTreeMap::new();
    for row in db.rows("the policies", sql, &[]).await? {
        let policy = Policy {
            table: row.get(0),
            name: row.get(1),
            permissive: row.get(2),
            command: row.get::<_, &str>(3).chars().next().unwrap_or('*'),
            roles: row.get(4),
            using: row.get(5),
            check: row.get(6),
        };
        all.entry(policy.table).or_default().push(policy);
    }
    Ok(all)
}
