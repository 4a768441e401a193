//! USR-SQL: the operator's own queries.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, civil};

use super::asked::{self, Answer};
use super::{CheckResult, Rule, Severity, Subject};
use crate::config::schema::{Expected, SqlCheck};

/// The check.
pub const RULE: Rule = Rule { id: "USR-SQL", title: "your queries give what you expect", severity: Severity::High };

/// How much later than the backup a time may be: clocks differ, and a base
/// backup takes a while. A time beyond that would prove nothing of freshness.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Runs each query; it must give one row with one column, and that what is
/// expected. The value itself, which is a row of the database, is never reported.
pub async fn run(subject: &Subject<'_>, sql: &[SqlCheck]) -> CheckResult {
    let mut findings = Vec::new();
    let mut examined = 0;
    let mut open = Vec::new();
    for check in sql {
        let answer = match asked::ask(subject, &check.question).await {
            Ok(answer) => answer,
            Err(why) => {
                open.push(format!("{}: {why}", check.name));
                continue;
            }
        };
        examined += 1;
        if let Some(message) = wrong(&answer, &check.expected, subject.taken_at) {
            let remedy = "Run the query on the source to see what it gives there.";
            findings.push(RULE.finding(&check.name, message, remedy));
        }
    }
    let mut result = RULE.judged(sql.len() as u64, examined, findings);
    if !open.is_empty() {
        result.reason = Some(open.join("; "));
    }
    result
}

/// What is wrong with an answer; nothing where it is as expected.
fn wrong(answer: &Answer, expected: &Expected, taken_at: Timestamp) -> Option<String> {
    if let Some(fault) = answer.fault() {
        return Some(fault);
    }
    let Answer::Value(Some(got)) = answer else { return None };
    // Infinity and NaN are numbers to PostgreSQL, but near nothing.
    let number = || got.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let no_number = || Some("it gives no number".to_owned());
    match expected {
        Expected::Text(text) => {
            let same = got == text || as_bool(got) == Some(text.as_str());
            (!same).then(|| "it gives another value".to_owned())
        }
        Expected::Near(value, tolerance) => match number() {
            None => no_number(),
            Some(n) => ((n - value).abs() > *tolerance)
                .then(|| format!("it gives a number that is not within {tolerance} of {value}")),
        },
        Expected::Between(min, max) => match number() {
            None => no_number(),
            Some(n) if min.is_some_and(|min| n < min) => {
                Some(format!("it gives less than {}", min.unwrap_or_default()))
            }
            Some(n) if max.is_some_and(|max| n > max) => {
                Some(format!("it gives more than {}", max.unwrap_or_default()))
            }
            Some(_) => None,
        },
        Expected::Newer(age) => {
            let Some(time) = time(got) else { return Some("it gives no date or time".to_owned()) };
            let older = taken_at.duration_since(time);
            if older > SignedDuration::try_from(*age).unwrap_or(SignedDuration::MAX) {
                Some(format!("it gives a time more than {} s before the backup", age.as_secs()))
            } else {
                (older < -AHEAD).then(|| "it gives a time more than a day after the backup".to_owned())
            }
        }
    }
}

/// A date or time in ISO form; without a zone it is UTC, as the session is.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok())
}

fn as_bool(text: &str) -> Option<&'static str> {
    match text {
        "t" => Some("true"),
        "f" => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn said(got: &str, expected: &Expected) -> Option<String> {
        let taken_at = "2026-03-10T12:00:00Z".parse().unwrap();
        wrong(&Answer::Value(Some(got.to_owned())), expected, taken_at)
    }

    #[test]
    fn numbers_have_tolerances_and_limits() {
        let near = Expected::Near(100.0, 2.5);
        for good in ["100", "97.5", "102.5", " 1e2"] {
            assert_eq!(said(good, &near), None, "{good}");
        }
        for bad in ["97.4", "103", "NaN", "Infinity", "x", ""] {
            assert!(said(bad, &near).is_some(), "{bad}");
        }
        let between = Expected::Between(Some(1.0), Some(5.0));
        assert_eq!((said("1", &between), said("5", &between)), (None, None));
        assert_eq!(said("0", &between).unwrap(), "it gives less than 1");
        assert_eq!(said("5.1", &between).unwrap(), "it gives more than 5");
        assert_eq!(said("NaN", &between).unwrap(), "it gives no number");
        assert_eq!(said("-7", &Expected::Between(None, Some(5.0))), None);
    }

    #[test]
    fn freshness_is_measured_from_the_backup() {
        let newer = Expected::Newer(Duration::from_hours(2));
        for good in ["2026-03-10 10:00:00+00", "2026-03-10 11:59:59.123456", "2026-03-10 13:30:00+02:30", "2026-03-11"]
        {
            assert_eq!(said(good, &newer), None, "{good}");
        }
        assert_eq!(
            said("2026-03-10 09:59:59+00", &newer).unwrap(),
            "it gives a time more than 7200 s before the backup"
        );
        assert_eq!(said("2026-03-10", &newer).unwrap(), "it gives a time more than 7200 s before the backup");
        assert_eq!(said("2026-03-12", &newer).unwrap(), "it gives a time more than a day after the backup");
        for bad in ["infinity", "0044-03-15 BC", "soon", "12:00"] {
            assert_eq!(said(bad, &newer).unwrap(), "it gives no date or time", "{bad}");
        }
    }

    #[test]
    fn what_is_no_value_is_never_as_expected() {
        for (answer, says) in [
            (Answer::Value(None), "it gives NULL"),
            (Answer::Rows(0), "it gives no row"),
            (Answer::Rows(2), "it gives 2 rows instead of one"),
            (Answer::Columns(2), "it gives 2 columns instead of one"),
            (Answer::NoRole, "the role that asks is not there"),
        ] {
            for expected in [Expected::Text(String::new()), Expected::Between(None, None)] {
                assert_eq!(wrong(&answer, &expected, Timestamp::UNIX_EPOCH).as_deref(), Some(says));
            }
        }
    }
}
