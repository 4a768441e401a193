//! The page of an audit.

use askama::Template;

use super::checks::Count;
use super::exposure::{self, Exposure};
use super::mark::{self, Mark};
use super::next::{self, Next};
use super::words::{self, When};
use super::{bound, origin, style};
use crate::checks::Outcome;
use crate::error::{Error, Result};
use crate::report::AuditReport;
use crate::report::audit::Standing;
use crate::report::exposure::numbers;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    policy: String,
    css: &'static str,
    lead: Lead,
    tally: Vec<Count>,
    checked: String,
    next: Next,
    x: Exposure,
    facts: Vec<(&'static str, String)>,
    times: (When, When),
    verify: String,
}

/// The head.
struct Lead {
    /// Class in the style sheet: that of a drill's verdict which weighs the same.
    class: &'static str,
    word: &'static str,
    mark: Mark,
    meaning: &'static str,
    sentence: String,
    source: String,
    server: String,
    when: When,
}

/// The report of an audit as one HTML page that needs nothing else.
/// At most 2 MB, whatever the report holds.
///
/// # Errors
/// 1 where the page could not be put together.
pub fn render(report: &AuditReport) -> Result<String> {
    let page = Page {
        policy: style::policy(),
        css: style::CSS,
        lead: lead(report),
        tally: tally(report),
        checked: words::some(report.exposure.checks.len(), "check", "checks"),
        next: next::of_audit(report),
        x: exposure::of(&report.exposure),
        facts: facts(report),
        times: (When::of(report.started_at), When::of(report.finished_at)),
        verify: format!("pgseal report verify {}.json", report.stem()),
    };
    page.render().map_err(|e| Error::internal("cannot write the HTML report").because(e))
}

fn lead(r: &AuditReport) -> Lead {
    let (class, word, mark, meaning) = match r.standing() {
        Standing::Clear => ("passed", "Clear", Mark::Good, "Nothing open reaches the threshold."),
        Standing::Exposed => ("failed", "Exposed", Mark::Bad, "Somebody can do more than they should."),
        Standing::Incomplete => {
            ("inconclusive", "Incomplete", Mark::Open, "What had to be looked at was not all looked at.")
        }
    };
    Lead {
        class,
        word,
        mark,
        meaning,
        sentence: exposure::summary(&r.exposure),
        source: bound::name(r.source.as_str()),
        server: r.server_major.map_or_else(|| "no server".to_owned(), |m| format!("PostgreSQL {m}")),
        when: When::of(r.finished_at),
    }
}

/// How many checks had which outcome, worst first.
fn tally(r: &AuditReport) -> Vec<Count> {
    let e = &r.exposure;
    [
        (Outcome::Finding, "found something"),
        (Outcome::Error, "broke off"),
        (Outcome::NotEvaluated, "could not look"),
        (Outcome::Waived, "found something you accept"),
        (Outcome::Pass, "passed"),
        (Outcome::NotApplicable, "had nothing to look at"),
    ]
    .into_iter()
    .map(|(outcome, words)| (outcome, numbers::with(e, outcome), words))
    .filter(|(_, n, _)| *n > 0)
    .map(|(outcome, n, words)| Count { mark: outcome.into(), words: format!("{} {words}", words::count(n as u64)) })
    .collect()
}

fn facts(r: &AuditReport) -> Vec<(&'static str, String)> {
    let e = &r.exposure;
    let declared = e.declarations.map_or_else(|| "none".to_owned(), |d| format!("SHA-256 {d}"));
    vec![
        ("Source", bound::name(r.source.as_str())),
        ("Run", bound::name(&r.run)),
        ("Names in it", origin::names(r.redaction).to_owned()),
        ("Catalogue", format!("version {}", e.ruleset)),
        ("Threshold", format!("{} or worse", e.fail_on.name())),
        ("Waivers and intent", declared),
        ("Exit code", r.exit_code.to_string()),
        ("Written by", format!("{} {}", bound::cut(&r.tool.name, 40), bound::cut(&r.tool.version, 40))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::audit::tests::{sample, sample_of};
    use crate::report::exposure::sample::with_name;
    use crate::report::json::tests::HOSTILE;

    #[test]
    fn the_head_says_where_it_stands() {
        let mut r = sample();
        assert_eq!((lead(&r).word, lead(&r).mark), ("Exposed", Mark::Bad));
        r.exit_code = 0;
        assert_eq!((lead(&r).word, lead(&r).class), ("Clear", "passed"));
        r.exit_code = 41;
        assert_eq!((lead(&r).word, lead(&r).mark), ("Incomplete", Mark::Open));
        assert!(render(&r).unwrap().contains("Incomplete: audit of shop"));
    }

    #[test]
    fn no_name_becomes_markup_or_hides() {
        let tags = |page: &str| page.matches('<').count();
        let plain = tags(&render(&sample_of(with_name("plain"))).unwrap());
        for name in HOSTILE {
            let page = render(&sample_of(with_name(name))).unwrap();
            assert!(!page.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}', '\u{2028}', '\r']), "{name:?}");
            // One more break in long names at most.
            assert_eq!(tags(&page.replace("<wbr>", "")), plain, "{name:?}");
        }
    }
}
