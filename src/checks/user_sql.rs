//! USR-SQL: the operator's own queries.

use std::time::Duration;

use super::{CheckResult, Rule, Severity, Subject};
use crate::config::schema::SqlCheck;
use crate::scratch::conn;
use crate::types::text::quote_literal;
use tokio_postgres::SimpleQueryMessage;

/// The check.
pub const RULE: Rule = Rule { id: "USR-SQL", title: "your queries give what you expect", severity: Severity::High };

/// How long one query may take.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Runs each query; it must give one row with one column, equal to the expected
/// text in PostgreSQL's output form. `true` and `false` also stand for `t` and `f`.
/// The value itself, which is a row of the database, is never reported.
pub async fn run(subject: &Subject<'_>, sql: &[SqlCheck]) -> CheckResult {
    let first = subject.facts.databases.first().map(|d| d.name.as_str());
    let mut findings = Vec::new();
    let mut examined = 0;
    let mut open = Vec::new();
    for check in sql {
        let Some(database) = check.database.as_deref().or(first) else {
            open.push(format!("{}: the backup has no database", check.name));
            continue;
        };
        let said = ask(subject, database, check).await;
        match said {
            Ok(None) => examined += 1,
            Ok(Some(message)) => {
                examined += 1;
                let remedy = "Run the query on the source to see what it gives there.";
                findings.push(RULE.finding(&check.name, message, remedy));
            }
            Err(why) => open.push(format!("{}: {why}", check.name)),
        }
    }
    let mut result = RULE.judged(sql.len() as u64, examined, findings);
    if !open.is_empty() {
        result.reason = Some(open.join("; "));
    }
    result
}

/// What is wrong; nothing where it is as expected. The error is why it could
/// not be asked.
async fn ask(subject: &Subject<'_>, database: &str, check: &SqlCheck) -> Result<Option<String>, String> {
    let session = subject.instance.connect(database).await.map_err(|e| e.text())?;
    let set_up = format!(
        "set search_path = \"$user\", public; set statement_timeout = {}",
        quote_literal(&TIMEOUT.as_millis().to_string())
    );
    session.client().batch_execute(&set_up).await.map_err(|e| conn::reduced(&e))?;
    // The simple protocol gives every value in its output form.
    let messages = match session.client().simple_query(&check.query).await {
        Ok(messages) => messages,
        // Whether the copy or the query is wrong cannot be told from here; a
        // query that worked when it was written says that the copy is.
        // Class 57 is a cancelled query or a server that goes away, 53 a lack of resources.
        Err(e) if e.code().is_some_and(|c| !["53", "57"].iter().any(|class| c.code().starts_with(class))) => {
            return Ok(Some(format!("the query fails: {}", conn::reduced(&e))));
        }
        Err(e) => return Err(conn::reduced(&e)),
    };
    let rows: Vec<_> =
        messages.iter().filter_map(|m| if let SimpleQueryMessage::Row(r) = m { Some(r) } else { None }).collect();
    let [row] = rows.as_slice() else { return Ok(Some(format!("it gives {} rows instead of one", rows.len()))) };
    if row.len() != 1 {
        return Ok(Some(format!("it gives {} columns instead of one", row.len())));
    }
    let same = row.get(0).is_some_and(|got| got == check.expect || as_bool(got) == Some(check.expect.as_str()));
    Ok((!same)
        .then(|| if row.get(0).is_none() { "it gives NULL".to_owned() } else { "it gives another value".to_owned() }))
}

fn as_bool(text: &str) -> Option<&'static str> {
    match text {
        "t" => Some("true"),
        "f" => Some("false"),
        _ => None,
    }
}
