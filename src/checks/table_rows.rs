//! What a check that reads rows tells of each table.

use serde::{Deserialize, Serialize};

use crate::source::facts::ObjectName;
use crate::types::text::quote_ident;

/// Most tables that are told of one by one; all are counted by their checks.
pub const LISTED: usize = 2_000;

/// What is known of one table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableProof {
    /// Database.
    pub database: String,
    /// `schema.table`, quoted where SQL would want it.
    pub table: String,
    /// Rows by the signed facts; absent where they hold none.
    pub expected_rows: Option<u64>,
    /// Rows that were read; absent where it could not be read.
    pub rows: Option<u64>,
    /// Whether the content is the signed one; absent where that is not known.
    pub content_matches: Option<bool>,
}

impl TableProof {
    /// A table that was not read.
    pub fn unread(database: &str, name: &ObjectName, expected_rows: Option<u64>) -> Self {
        Self {
            database: database.to_owned(),
            table: format!("{}.{}", plain_or_quoted(&name.schema), plain_or_quoted(&name.name)),
            expected_rows,
            rows: None,
            content_matches: None,
        }
    }

    /// 0 is not as it was, 1 was not read, 2 is as good as can be known.
    fn rank(&self) -> u8 {
        match (self.rows, self.expected_rows, self.content_matches) {
            (_, _, Some(false)) => 0,
            (Some(rows), Some(expected), _) if rows != expected => 0,
            (None, _, _) => 1,
            _ => 2,
        }
    }
}

/// The worst first, then by name, at most [`LISTED`].
pub fn worst_first(mut all: Vec<TableProof>) -> Vec<TableProof> {
    all.sort_by(|a, b| (a.rank(), &a.database, &a.table).cmp(&(b.rank(), &b.database, &b.table)));
    all.truncate(LISTED);
    all
}

fn plain_or_quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { name.to_owned() } else { quote_ident(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_are_listed_when_there_are_too_many() {
        let table = |n: usize| {
            let name = ObjectName { schema: "s".into(), name: format!("t{n:05}") };
            TableProof { rows: Some(1), ..TableProof::unread("d", &name, Some(1)) }
        };
        let mut all: Vec<TableProof> = (0..3000).map(table).collect();
        all[2999].rows = Some(0);
        all[2998].rows = None;
        all[2997].content_matches = Some(false);
        let listed = worst_first(all);
        let names: Vec<&str> = listed.iter().take(4).map(|t| t.table.as_str()).collect();
        assert_eq!(names, ["s.t02997", "s.t02999", "s.t02998", "s.t00000"]);
        assert_eq!(listed.len(), LISTED);
    }

    #[test]
    fn names_are_quoted_where_sql_wants_it() {
        let name = ObjectName { schema: "public".into(), name: "A \"b".into() };
        assert_eq!(TableProof::unread("d", &name, None).table, "public.\"A \"\"b\"");
    }
}
