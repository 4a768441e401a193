//! What would be called in place of PostgreSQL's own functions and operators.
//!
//! An operator's query names tables without their schema, so `public` is on its
//! `search_path`. PostgreSQL takes the function or operator whose arguments fit
//! best, wherever it is: `=(varchar, varchar)` in `public` is called for two
//! varchar columns before `pg_catalog`'s own (PostgreSQL manual, "Operator Type
//! Resolution"; CVE-2018-1058). Whoever may create there could make a query
//! say what it should. What a superuser made is taken as meant: extensions are
//! a superuser's, too, unless they were changed later.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use crate::scratch::conn;
use crate::types::shown;

/// The schemas that a query of `user` finds its tables in: `public`, and the schema
/// of the user's own name where it is his or a superuser's.
pub(super) async fn path(client: &Client, user: &str) -> Result<Vec<String>, String> {
    let sql = "SELECT EXISTS(SELECT FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner \
               WHERE n.nspname = $1 AND (r.rolsuper OR r.rolname = $1))";
    let own: bool = client.query_one(sql, &[&user]).await.map_err(|e| conn::reduced(&e))?.get(0);
    Ok(own.then(|| user.to_owned()).into_iter().chain(["public".to_owned()]).collect())
}

/// Refuses a query that could be misled.
pub(super) async fn refuse(client: &Client, path: &[String], query: &str) -> Result<(), String> {
    let ask = async |sql: &str| client.query(sql, &[&path]).await.map_err(|e| conn::reduced(&e));
    let all = ask("SELECT p.proname::text, n.nspname::text, pg_get_userbyid(p.proowner)::text FROM pg_proc p \
         JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_roles r ON r.oid = p.proowner \
         WHERE n.nspname::text = ANY($1) AND r.rolsuper IS NOT TRUE AND EXISTS(SELECT FROM pg_proc c \
           WHERE c.proname = p.proname AND c.pronamespace = 'pg_catalog'::regnamespace) \
         UNION ALL SELECT o.oprname::text, n.nspname::text, pg_get_userbyid(o.oprowner)::text FROM pg_operator o \
         JOIN pg_namespace n ON n.oid = o.oprnamespace LEFT JOIN pg_roles r ON r.oid = o.oprowner \
         WHERE n.nspname::text = ANY($1) AND r.rolsuper IS NOT TRUE AND EXISTS(SELECT FROM pg_operator c \
           WHERE c.oprname = o.oprname AND c.oprnamespace = 'pg_catalog'::regnamespace) ORDER BY 1, 2")
    .await?;
    if all.is_empty() {
        return Ok(());
    }
    // What the query calls looks names up on the same path, unless it was resolved before.
    let texts = ask("SELECT p.proname::text, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname::text = ANY($1) OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         UNION ALL SELECT c.relname::text, pg_get_viewdef(c.oid) FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' \
           AND (n.nspname::text = ANY($1) OR n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')")
    .await?;
    let mut bodies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &texts {
        bodies.entry(row.get::<_, String>(0).to_lowercase()).or_default().push(row.get(1));
    }
    let words = reached(query, &bodies);
    for row in &all {
        let (name, schema, owner): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        // Operators hide behind words, too: IN, LIKE, BETWEEN, USING.
        if is_operator(&name) || words.contains(&name.to_lowercase()) {
            return Err(shown(&format!(
                "{name} of schema {schema}, which belongs to {owner}, could be called in place of PostgreSQL's own; \
                 drop it at the source, or give it to a superuser if it is meant"
            ))
            .into_owned());
        }
    }
    Ok(())
}

fn is_operator(name: &str) -> bool {
    name.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c))
}

/// The words of the query, and of all that it may call.
fn reached(query: &str, bodies: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut texts = vec![query];
    while let Some(text) = texts.pop() {
        let parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        for word in parts.filter(|w| !w.is_empty()) {
            let word = word.to_lowercase();
            if !words.contains(&word) {
                texts.extend(bodies.get(&word).into_iter().flatten().map(String::as_str));
                words.insert(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_calls_is_followed() {
        let bodies = BTreeMap::from([
            ("total".to_owned(), vec!["select part(1)".to_owned()]),
            ("part".to_owned(), vec!["SELECT Round(x, 2), total(1)".to_owned()]),
            ("other".to_owned(), vec!["select lower('x')".to_owned()]),
        ]);
        let words = reached("SELECT \"Total\"(id) = 1 FROM orders", &bodies);
        assert!(words.contains("round") && words.contains("orders") && !words.contains("lower"), "{words:?}");
        assert!(is_operator("<>") && !is_operator("eq"));
    }
}
