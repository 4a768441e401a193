//! Exposure for code scanning: a rule a check with the catalogue's words, a result
//! a finding.
//!
//! | severity | level | `security-severity` |
//! |---|---|---|
//! | critical | error | 9.5 |
//! | high | error | 8.0 |
//! | medium | warning | 5.5 |
//! | low | note | 3.0 |
//! | info | none, of kind informational | 0.0 |

use serde_json::{Value, json};

use super::numbers::{self, Told};
use super::text::accepted;
use super::{about, section};
use crate::checks::{Change, CheckResult, Outcome, Severity};
use crate::exposure::Exposure;
use crate::report::sarif::{message, note, plain};
use crate::types::shown;

/// What a run of SARIF gets of it.
#[derive(Debug, Default)]
pub struct Parts {
    /// Rules, to stand behind those that are there.
    pub rules: Vec<Value>,
    /// Results.
    pub results: Vec<Value>,
    /// Notifications of what could not be looked at.
    pub notes: Vec<Value>,
}

/// All of it. `first` is the index of its first rule, `uri` the file that results
/// are shown at.
pub fn parts(e: &Exposure, first: usize, uri: &str) -> Parts {
    let mut parts = Parts::default();
    for (index, c) in (first..).zip(&e.checks) {
        parts.rules.push(rule(c));
        let why = c.reason.as_deref().unwrap_or("no reason given");
        match c.outcome {
            Outcome::Pass | Outcome::NotApplicable | Outcome::Finding | Outcome::Waived => {}
            Outcome::NotEvaluated => {
                parts.notes.push(note(&c.id, index, "warning", &format!("{} was not evaluated: {why}", c.id)));
            }
            Outcome::Error => {
                parts.notes.push(note(&c.id, index, "error", &format!("{} failed itself: {why}", c.id)));
            }
        }
        if c.outcome == Outcome::Finding && c.reason.is_some() {
            parts.notes.push(note(&c.id, index, "note", &format!("{}: {why}", c.id)));
        }
        let known = e.drift.is_some();
        parts.results.extend(numbers::of(c).map(|t| result(&t, index, uri, known)));
    }
    parts
}

/// `9.5`: the score by which readers sort.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "0.0",
    }
}

/// SARIF's level. Only what is no failure has none.
const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
        Severity::Info => "none",
    }
}

fn rule(c: &CheckResult) -> Value {
    let about = about(&c.id);
    let severity = about.map_or(c.severity, |a| a.severity);
    let mut rule = json!({
        "id": c.id,
        "shortDescription": message(&c.title),
        "defaultConfiguration": { "level": level(severity) },
        "properties": { "security-severity": score(severity), "tags": ["security"] },
    });
    if let Some(a) = about {
        rule["fullDescription"] = message(a.why);
        let help = [
            ("Why", a.why),
            ("What is looked at", a.inspects),
            ("How to mend it", a.remedy),
            ("When it is none", a.false_positives),
            ("Source", a.source),
        ];
        let text = help.map(|(head, text)| format!("{head}: {text}")).join("\n\n");
        rule["help"] = json!({ "text": text });
        let guide = a.guide.iter().map(|n| format!("guide {n}: {}", section(*n)));
        let tags = ["security".to_owned()].into_iter().chain(a.refs.iter().map(|r| (*r).to_owned())).chain(guide);
        rule["properties"]["tags"] = tags.collect();
    }
    rule
}

fn result(t: &Told<'_>, index: usize, uri: &str, drift: bool) -> Value {
    let f = t.finding;
    let text = format!("{}: {}. {}", f.object, f.message.trim_end_matches('.'), f.remedy);
    let mut value = json!({
        "ruleId": t.check.id,
        "ruleIndex": index,
        "kind": if t.severity == Severity::Info { "informational" } else { "fail" },
        "level": level(t.severity),
        "message": message(text.trim()),
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": 1 } },
            "logicalLocations": [{ "fullyQualifiedName": shown(&f.object), "kind": "object" }],
        }],
        "partialFingerprints": { "exposure/v1": f.fingerprint },
        "properties": { "severity": t.severity.name(), "security-severity": score(t.severity) },
    });
    // Only where there was something to compare with. What is fixed is counted and
    // not kept: there is no result that could be called absent.
    if let (true, Some(change)) = (drift, f.change) {
        value["baselineState"] = match change {
            Change::New => "new",
            Change::Unchanged => "unchanged",
            Change::Changed => "updated",
        }
        .into();
    }
    if t.waived {
        value["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": plain(&accepted(t)) }]);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::{ABOUT, sample};

    #[test]
    fn results_carry_level_fingerprint_change_and_suppression() {
        let e = sample();
        let p = parts(&e, 3, "s/shop/m/0000000042.json");
        assert_eq!((p.rules.len(), p.results.len(), p.notes.len()), (8, 7, 3));
        let of = |id: &str| p.results.iter().filter(|r| r["ruleId"] == id).collect::<Vec<_>>();
        let trust = of("EXP-HBA-901")[0];
        assert_eq!(
            (&trust["level"], &trust["kind"], &trust["ruleIndex"]),
            (&json!("error"), &json!("fail"), &json!(3))
        );
        assert_eq!(trust["baselineState"], "new");
        assert_eq!(trust["partialFingerprints"]["exposure/v1"], e.checks[0].findings[0].fingerprint);
        assert!(trust.get("suppressions").is_none());
        let waived = of("EXP-HBA-907")[0];
        let why = waived["suppressions"][0]["justification"].as_str().unwrap();
        assert!(why.contains("narrowed by a network policy") && why.contains("until 2027-02-01"), "{why}");
        assert_eq!((&waived["baselineState"], &waived["level"]), (&json!("unchanged"), &json!("warning")));
        let grants = of("EXP-PRIV-901");
        assert_eq!((&grants[0]["baselineState"], &grants[0]["level"]), (&json!("updated"), &json!("error")));
        assert!(grants[2].get("baselineState").is_none() && grants[2].get("suppressions").is_some());
        let log = of("EXP-LOG-901");
        assert_eq!((&log[0]["level"], &log[1]["level"]), (&json!("note"), &json!("none")));
        assert_eq!(log[1]["kind"], "informational");
        let notes = serde_json::to_string(&p.notes).unwrap();
        for said in ["EXP-AUTH-901 was not evaluated", "EXP-FUNC-901 failed itself", "database old"] {
            assert!(notes.contains(said), "{said}: {notes}");
        }
    }

    #[test]
    fn rules_tell_what_the_catalogue_tells() {
        let p = parts(&sample(), 0, "u");
        let rule = &p.rules[0];
        assert_eq!(rule["properties"]["security-severity"], "9.5");
        let help = rule["help"]["text"].as_str().unwrap();
        for part in [ABOUT.why, ABOUT.inspects, ABOUT.remedy, ABOUT.false_positives, ABOUT.source] {
            assert!(help.contains(part), "{part}");
        }
        let tags = rule["properties"]["tags"].to_string();
        assert!(tags.contains("CIS 5.4") && tags.contains("guide 5: Treat pg_hba.conf as a boundary"), "{tags}");
        // One that this version does not know has no help, and its own severity.
        assert!(p.rules[1].get("help").is_none());
        assert_eq!(p.rules[1]["properties"]["security-severity"], "5.5");
    }

    #[test]
    fn without_an_earlier_look_nothing_is_compared() {
        let mut e = sample();
        e.drift = None;
        assert!(parts(&e, 0, "u").results.iter().all(|r| r.get("baselineState").is_none()));
    }
}
