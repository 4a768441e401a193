//! `[[source.NAME.drill.sql]]` and `[source.NAME.drill.canary]`: the operator's own checks.

use std::path::PathBuf;
use std::time::Duration;

use super::origin::{Origin, refused};
use super::reader::Section;
use super::values;
use crate::error::{Error, Result};
use crate::types::Digest;

/// How long a query may take where nothing is said.
const TIMEOUT: &str = "10m";

/// One query, asked of the restored copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Database; default the first of the backup.
    pub database: Option<String>,
    /// A query that gives one row with one column.
    pub query: String,
    /// Asked with this role's rights and under its row security; default the superuser.
    pub role: Option<String>,
    /// How long it may take; default 10 min.
    pub timeout: Duration,
}

/// `[[source.NAME.drill.sql]]`: one query with one value.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlCheck {
    /// Shown in the report.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// What the answer must be.
    pub expected: Expected,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// `expect`: this, as text in PostgreSQL's output form.
    Text(String),
    /// `expect` with `tolerance`: a number, and how far from it is good.
    Near(f64, f64),
    /// `min`, `max`: a number between them, both included.
    Between(Option<f64>, Option<f64>),
    /// `max_age`: a date or time that is at most this much older than the backup.
    Newer(Duration),
}

/// `[source.NAME.drill.canary]`: a token that must be in the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The query that gives it.
    pub question: Question,
    /// What it is.
    pub token: Token,
}

/// A value that stands in no configuration and no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// `sha256`: the SHA-256 of its text.
    Sha256(Digest),
    /// `file`: the content of this file, without the line end.
    File(PathBuf),
}

fn question(section: &Section<'_>, missing: impl Fn(&str) -> Error) -> Result<Question> {
    Ok(Question {
        database: section.text("database", values::some_text)?,
        query: section.text("query", values::some_text)?.ok_or_else(|| missing("query"))?,
        role: section.text("role", values::some_text)?,
        timeout: section.text_or("timeout", TIMEOUT, values::duration)?,
    })
}

/// Reads `[[….sql]]`.
pub(super) fn sql(drill: &Section<'_>) -> Result<Vec<SqlCheck>> {
    let mut all: Vec<SqlCheck> = Vec::new();
    for (origin, check) in drill.array("sql")? {
        let missing = |what: &str| {
            refused(&origin, format!("the check has no {what}"))
                .hint("A check has name, query and what is expected: expect, min, max or max_age.")
        };
        let one = SqlCheck {
            name: check.text("name", values::some_text)?.ok_or_else(|| missing("name"))?,
            question: question(&check, missing)?,
            expected: expected(&origin, &check)?.ok_or_else(|| missing("expect, min, max or max_age"))?,
        };
        check.finish()?;
        if all.iter().any(|s| s.name == one.name) {
            return Err(
                refused(&origin, "there is another check of this name").hint("Reports name checks; give each its own.")
            );
        }
        all.push(one);
    }
    Ok(all)
}

fn expected(origin: &Origin, check: &Section<'_>) -> Result<Option<Expected>> {
    let text = check.any("expect", values::expected)?;
    let tolerance = check.any("tolerance", values::real)?;
    let (min, max) = (check.any("min", values::real)?, check.any("max", values::real)?);
    let age = check.text("max_age", values::duration)?;
    let wrong = |message: &str| Err(refused(origin, message.to_owned()));
    let ways = [text.is_some(), min.is_some() || max.is_some(), age.is_some()];
    if ways.iter().filter(|w| **w).count() > 1 {
        return wrong("the check has more than one of expect, min and max, and max_age");
    }
    Ok(Some(match (text, tolerance) {
        (Some(text), Some(tolerance)) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() && tolerance >= 0.0 => Expected::Near(value, tolerance),
            _ => return wrong("tolerance is a number from 0 on, and wants a number as expect"),
        },
        (None, Some(_)) => return wrong("tolerance wants expect"),
        (Some(text), None) => Expected::Text(text),
        (None, None) => match (age, min, max) {
            (Some(age), _, _) => Expected::Newer(age),
            (None, Some(min), Some(max)) if min > max => return wrong("min is larger than max"),
            (None, None, None) => return Ok(None),
            (None, min, max) => Expected::Between(min, max),
        },
    }))
}

/// Reads `[….canary]`.
pub(super) fn canary(drill: &Section<'_>) -> Result<Option<Canary>> {
    let here = drill.has("canary");
    let section = drill.sub("canary")?;
    if !here {
        return Ok(None);
    }
    let missing = |what: &str| section.wrong("query", &format!("the canary has no {what}"));
    let question = question(&section, missing)?;
    let token = match (section.text("sha256", str::parse::<Digest>)?, section.path("file")?) {
        (Some(digest), None) => Token::Sha256(digest),
        (None, Some(path)) => Token::File(path),
        (Some(_), Some(_)) => return Err(section.wrong("file", "the canary has both sha256 and file")),
        (None, None) => return Err(missing("sha256 and no file: it needs one of them")),
    };
    section.finish()?;
    Ok(Some(Canary { question, token }))
}
