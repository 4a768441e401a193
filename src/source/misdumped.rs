//! What pg_dump writes otherwise than it is, while it ends well.

use serde::{Deserialize, Serialize};

use super::ask::{Ask, rows};
use super::catalog::USER_SCHEMA;
use super::facts::ObjectName;
use super::probe;
use crate::error::Result;
use crate::types::text::quote_ident;

/// One fault of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misdumped {
    /// What is wrong.
    pub how: How,
    /// The table.
    #[serde(flatten)]
    pub table: ObjectName,
    /// The constraint or column of it; of a partition, its parent.
    pub part: String,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The name of a NOT NULL constraint of an inherited column is written without
    /// quotes, and a restore runs it as SQL (pg_dump 18, `dumpTableSchema()`:
    /// `CONSTRAINT %s NOT NULL %s`; pgsql-bugs #19074).
    Unquoted,
    /// A column accepts NULL that its parent's does not, which was possible up to 17
    /// (`ALTER TABLE child ALTER a DROP NOT NULL`): a restored one accepts none.
    Null,
    /// A partition whose DETACH CONCURRENTLY was not finished: a restored one is
    /// attached (PostgreSQL manual, "pg_inherits", `inhdetachpending`).
    Detached,
}

impl std::fmt::Display for Misdumped {
    /// The table, and what of it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = match self.how {
            How::Unquoted => "constraint",
            How::Null => "column",
            How::Detached => "of",
        };
        write!(f, "{} ({of} {})", self.table.quoted(), quote_ident(&self.part))
    }
}

impl Misdumped {
    /// Whether a restore of it may run statements that somebody put into a name: more than
    /// letters, digits, `_` and `$` (PostgreSQL manual, "Identifiers and Key Words").
    pub fn may_run(&self) -> bool {
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let plain = self.part.chars().all(|c| letter(c) || c.is_ascii_digit() || c == '$');
        self.how == How::Unquoted && !(plain && self.part.starts_with(letter))
    }
}

/// All of a database, in order of name.
///
/// # Errors
/// Those of the session.
pub async fn read(session: &impl Ask) -> Result<Vec<Misdumped>> {
    let major = probe::version(session).await?.major();
    let mut parts = Vec::new();
    if major >= 18 {
        // One with the name that the server would give it is written without a name.
        parts.push(
            "SELECT 'u', n.nspname, c.relname, k.conname FROM pg_catalog.pg_constraint k \
             JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] \
             WHERE k.contype = 'n' AND k.conislocal AND NOT a.attislocal AND NOT c.relispartition \
               AND pg_catalog.quote_ident(k.conname) <> k.conname::text \
               AND k.conname::text <> pg_catalog.concat(c.relname, '_', a.attname, '_not_null')",
        );
    } else {
        parts.push(
            "SELECT 'n', n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull AND a.attinhcount > 0 AND NOT c.relispartition \
               AND EXISTS(SELECT FROM pg_catalog.pg_inherits i \
                          JOIN pg_catalog.pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname \
                          WHERE i.inhrelid = c.oid AND p.attnotnull)",
        );
    }
    if major >= 14 {
        parts.push(
            "SELECT 'd', n.nspname, c.relname, p.relname FROM pg_catalog.pg_inherits i \
             JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_class p ON p.oid = i.inhparent WHERE i.inhdetachpending",
        );
    }
    let parts: Vec<String> = parts.iter().map(|p| format!("{p} AND {USER_SCHEMA}")).collect();
    let sql = format!(
        "SELECT f.how, f.schema::text, f.name::text, f.part::text FROM ({}) f(how, schema, name, part) ORDER BY 2, 3, 4",
        parts.join(" UNION ALL ")
    );
    let list = rows(session, "what a dump does not say", &sql, &[]).await?;
    Ok(list
        .iter()
        .map(|r| Misdumped {
            how: match r.get(0) {
                "u" => How::Unquoted,
                "n" => How::Null,
                _ => How::Detached,
            },
            table: ObjectName { schema: r.get(1), name: r.get(2) },
            part: r.get(3),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_statements_are_known() {
        let of = |how, part: &str| {
            let table = ObjectName { schema: "s".into(), name: "t".into() };
            Misdumped { how, table, part: part.into() }.may_run()
        };
        for name in ["OnlyUpper", "größe_1", "_a$", "select"] {
            assert!(!of(How::Unquoted, name), "{name}");
        }
        for name in ["n b", "1a", "", "a;b", "a'b", "a-b", "a\"b", "a)", "$a", "a\nb"] {
            assert!(of(How::Unquoted, name) && !of(How::Null, name), "{name}");
        }
    }
}
