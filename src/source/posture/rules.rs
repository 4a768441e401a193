//! Access rules as the server's views tell them, written as text again.

use tokio_postgres::Row;

use super::read::Reading;
use crate::hba::files::MOST_LINES;
use crate::source::Ask;

/// Words that are no names. The view does not tell whether they were quoted.
const KEYWORDS: [&str; 7] = ["all", "sameuser", "samerole", "samegroup", "replication", "samehost", "samenet"];

/// What the view tells of every LDAP rule (`get_hba_options` in `src/backend/utils/adt/hbafuncs.c`
/// of PostgreSQL), and no file can say but in an `ldapurl`.
const OF_THE_VIEW: &str = "ldapscope=";

/// `pg_hba.conf` from `pg_hba_file_rules`.
pub(super) async fn hba(reading: &Reading<'_, impl Ask>) -> Result<String, String> {
    let file = if reading.me.major >= 16 { "file_name" } else { "NULL::text" };
    let sql = format!(
        "SELECT {file}, line_number, auth_method IS NOT NULL, type, database, user_name, address, netmask, auth_method, options \
         FROM pg_hba_file_rules() WITH ORDINALITY ORDER BY ordinality"
    );
    let rows = reading.rows("pg_hba_file_rules", &sql, &[]).await?;
    text(&rows, |r| {
        let list = |n: usize| r.get::<_, Option<Vec<String>>>(n).unwrap_or_default();
        let word = |n: usize| r.get::<_, Option<String>>(n);
        let names = |n: usize| list(n).iter().map(|w| name(w)).collect::<Vec<_>>().join(",");
        let mut fields = vec![word(3).unwrap_or_default(), names(4), names(5)];
        fields.extend([word(6), word(7)].into_iter().flatten().map(|w| name(&w)));
        fields.push(word(8).unwrap_or_default());
        fields.extend(list(9).iter().filter(|o| !o.starts_with(OF_THE_VIEW)).map(|o| quoted(o)));
        fields.join(" ")
    })
}

/// `pg_ident.conf` from `pg_ident_file_mappings`.
pub(super) async fn ident(reading: &Reading<'_, impl Ask>) -> Result<String, String> {
    let file = if reading.me.major >= 16 { "file_name" } else { "NULL::text" };
    let sql = format!(
        "SELECT {file}, line_number, map_name IS NOT NULL, map_name, sys_name, pg_username \
         FROM pg_ident_file_mappings() WITH ORDINALITY ORDER BY ordinality"
    );
    let rows = reading.rows("pg_ident_file_mappings", &sql, &[]).await?;
    text(&rows, |r| {
        (3..6).map(|n| name(&r.get::<_, Option<String>>(n).unwrap_or_default())).collect::<Vec<_>>().join(" ")
    })
}

/// Lines at the numbers that they have, if they are all of one file. A line that
/// the server refuses stays one that is refused.
fn text(rows: &[Row], line: impl Fn(&Row) -> String) -> Result<String, String> {
    let file = |r: &Row| r.get::<_, Option<String>>(0);
    let one = rows.iter().all(|r| file(r) == file(&rows[0]));
    let mut out: Vec<String> = Vec::new();
    for row in rows {
        let number = row.get::<_, Option<i32>>(1).unwrap_or(0).unsigned_abs() as usize;
        if number > MOST_LINES {
            return Err("the view tells of too many lines".into());
        }
        while one && out.len() + 1 < number {
            out.push(String::new());
        }
        let text = if row.get(2) { line(row) } else { "refused".to_owned() };
        if text.contains(['\n', '\r', '\0']) || text.ends_with('\\') {
            return Err("the view tells of a rule that no file can hold".into());
        }
        out.push(text);
    }
    out.push(String::new());
    Ok(out.join("\n"))
}

/// A name in quotes, and what is none as it is.
fn name(word: &str) -> String {
    if KEYWORDS.contains(&word) {
        return word.to_owned();
    }
    match word.strip_prefix('+') {
        Some(group) => format!("+{}", quoted(group)),
        None => quoted(word),
    }
}

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_keywords_are_not() {
        let all = ["all", "app", "+ops team", "replication", "a\"b", "@x", "10.0.0.0"].map(name);
        assert_eq!(all, ["all", "\"app\"", "+\"ops team\"", "replication", "\"a\"\"b\"", "\"@x\"", "\"10.0.0.0\""]);
    }
}
