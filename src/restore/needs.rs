//! What the entries of an archive need of a server: roles and tablespaces.

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;

use super::{Opened, database, feed, selection};
use crate::error::{Error, Result};
use crate::manifest::model::Role;
use crate::source::Session;
use crate::source::archive_list::{self, Listed};
use crate::source::facts::DatabaseFacts;
use crate::types::event::Progress;
use crate::types::shown;
use crate::types::text::quote_ident;

/// Kinds whose owner pg_restore sets (`_printTocEntry()` in PostgreSQL's
/// pg_backup_archiver.c).
const OWNED: [&str; 29] = [
    "AGGREGATE",
    "BLOB",
    "BLOB METADATA",
    "COLLATION",
    "CONVERSION",
    "DOMAIN",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "LANGUAGE",
    "MATERIALIZED VIEW",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "PROCEDURAL LANGUAGE",
    "PROCEDURE",
    "PUBLICATION",
    "SCHEMA",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "TABLE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TYPE",
    "VIEW",
    "LARGE OBJECT",
];

/// The entries of the schema stream of a database, with what makes them.
pub(super) async fn entries(opened: &Opened, facts: &DatabaseFacts, progress: &Progress) -> Result<Vec<Listed>> {
    let mut bytes = Vec::new();
    for stream in opened.streams(Role::Schema, Some(&facts.name)) {
        let mut file = feed::into_memory(opened, stream, progress).await?;
        file.read_to_end(&mut bytes).map_err(|e| Error::internal("cannot read a stream in memory").because(e))?;
    }
    archive_list::read_made(&bytes)
}

fn text(bytes: &[u8], encoding: &str) -> String {
    selection::text(bytes, encoding).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

/// Names of the entries of this kind.
pub(super) fn of_kind(list: &[Listed], kind: &str, encoding: &str) -> BTreeSet<String> {
    list.iter().filter(|e| e.desc == kind).map(|e| text(&e.tag, encoding)).collect()
}

/// Who owns them.
pub(super) fn owners(list: &[Listed], encoding: &str) -> BTreeSet<String> {
    let owned = list.iter().filter(|e| OWNED.contains(&e.desc.as_str())).filter_map(|e| e.made.as_ref());
    owned.map(|m| text(&m.owner, encoding)).filter(|o| !o.is_empty()).collect()
}

/// Which of these roles the statements of `kinds` name: whom something is granted to
/// or by, whom a policy is for.
pub(super) fn named<'r>(
    list: &[Listed],
    roles: impl Iterator<Item = &'r str>,
    kinds: &[&str],
    encoding: &str,
) -> BTreeSet<&'r str> {
    let statements: Vec<String> = list
        .iter()
        .filter(|e| kinds.contains(&e.desc.as_str()))
        .filter_map(|e| Some(text(&e.made.as_ref()?.names_roles, encoding)))
        .collect();
    roles.filter(|role| statements.iter().any(|s| names(s, role))).collect()
}

/// Whether a statement of pg_dump's names the role.
fn names(statement: &str, role: &str) -> bool {
    const BEFORE: [&str; 6] = [" TO ", " FROM ", " FOR ROLE ", "AUTHORIZATION ", " MAPPING FOR ", ", "];
    // What follows in a policy is an expression.
    let end = [" USING (", " WITH CHECK ("]
        .iter()
        .filter_map(|w| statement.find(w))
        .min()
        .filter(|_| statement.starts_with("CREATE POLICY "));
    let statement = &statement[..end.unwrap_or(statement.len())];
    [role.to_owned(), quote_ident(role)].iter().any(|name| {
        statement.match_indices(name.as_str()).any(|(at, _)| {
            let after = statement[at + name.len()..].chars().next();
            BEFORE.iter().any(|b| statement[..at].ends_with(b)) && matches!(after, None | Some(' ' | ';' | ',' | '\n'))
        })
    })
}

/// The tablespaces that they lie in.
pub(super) fn tablespaces<'a>(list: impl Iterator<Item = &'a Listed>, encoding: &str) -> BTreeSet<String> {
    list.map(|e| &e.tablespace).filter(|t| !t.is_empty()).map(|t| text(t, encoding)).collect()
}

/// Which of these tablespaces the server does not have.
pub(super) async fn lacking(session: &Session, wanted: BTreeSet<String>) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.client().query("select spcname::text from pg_catalog.pg_tablespace", &[]).await;
    let rows = rows.map_err(database::failed("cannot read the tablespaces", "restore"))?;
    let have: HashSet<String> = rows.iter().map(|r| r.get(0)).collect();
    Ok(wanted.into_iter().filter(|t| !have.contains(t)).collect())
}

/// That they are left out.
pub(super) fn without_tablespaces(lacking: &[String]) -> String {
    let names: Vec<_> = lacking.iter().map(|t| shown(t)).collect();
    format!(
        "the target server does not have the tablespaces of the backup: {}. Everything goes into the database's own \
         tablespace",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::archive_list::{Made, NAMES_ROLES};
    use crate::types::Digest;

    fn entry(desc: &str, owner: &str, statement: &str) -> Listed {
        let made = Made { owner: owner.into(), by: Digest::of(b""), names_roles: statement.into() };
        Listed { desc: desc.into(), made: Some(made), ..Listed::default() }
    }

    #[test]
    fn only_what_pg_restore_gives_away_needs_an_owner() {
        let all =
            [entry("TABLE", "a", ""), entry("COMMENT", "b", ""), entry("EXTENSION", "", ""), entry("VIEW", "c", "")];
        assert_eq!(owners(&all, "UTF8"), ["a", "c"].map(String::from).into());
    }

    #[test]
    fn roles_are_found_where_statements_name_roles() {
        let all = [
            entry("ACL", "", "GRANT SELECT ON TABLE public.t TO app;\n"),
            entry(
                "ACL",
                "",
                "SET SESSION AUTHORIZATION boss;\nGRANT UPDATE ON TABLE x.y TO \"we\"\"ird\" WITH GRANT OPTION;\n",
            ),
            entry("ACL", "", "REVOKE ALL ON FUNCTION public.f(a integer) FROM old;\n"),
            entry(
                "DEFAULT ACL",
                "",
                "ALTER DEFAULT PRIVILEGES FOR ROLE chief IN SCHEMA s GRANT SELECT ON TABLES TO reader;\n",
            ),
            entry(
                "POLICY",
                "",
                "CREATE POLICY p ON public.t FOR SELECT TO first, second USING ((a = any (array[x, col, y])));\n",
            ),
            entry("USER MAPPING", "", "CREATE USER MAPPING FOR mapped SERVER s;\n"),
        ];
        let roles = ["app", "boss", "we\"ird", "old", "chief", "reader", "first", "second", "mapped"];
        let others = ["t", "ap", "col", "y", "public", "f", "s"];
        let found = named(&all, roles.into_iter().chain(others), &NAMES_ROLES, "UTF8");
        assert_eq!(found, roles.into());
        assert_eq!(named(&all, roles.into_iter(), &["POLICY"], "UTF8"), ["first", "second"].into());
    }
}
