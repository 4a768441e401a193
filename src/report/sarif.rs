//! A drill or an audit as SARIF 2.1.0, for code scanning.
//!
//! Each finding and each failed probe is a result; so is a verdict other than
//! passed (`DRILL`), because readers show results and little else. What could not
//! be looked at is a notification of the tool's execution, and the execution is
//! then not successful. A finding that the operator accepts is suppressed.
//!
//! | severity | level |
//! |---|---|
//! | critical, high | error |
//! | medium | warning |
//! | low, info | note |

use serde_json::{Value, json};

use super::audit::Standing;
use super::{AuditReport, ErrorEntry, Report, ToolRef, Verdict, exposure};
use crate::checks::{CheckResult, Finding, Outcome, Severity};
use crate::error::{Error, Result};
use crate::scratch::ProbeOutcome;
use crate::store::layout;
use crate::types::shown;

/// Where the schema says it lives; a name, nothing is fetched.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Rule of the verdict itself.
const DRILL: &str = "DRILL";
/// Rule of where an audit stands.
const AUDIT: &str = "AUDIT";

/// Renders it.
///
/// # Errors
/// 1 where the writer fails.
pub fn render(report: &Report) -> Result<Vec<u8>> {
    let mut rules = vec![rule(DRILL, "the drill passed", "error")];
    let mut results = Vec::new();
    let mut notes = Vec::new();
    if report.verdict != Verdict::Passed {
        let why = report.reasons.join("; ");
        let text = format!("The drill of {}: {}: {why}", report.backup_id, report.verdict.name());
        results.push(result(report, DRILL, 0, "error", &text, None));
    }
    for p in report.isolation.iter().flat_map(|i| &i.probes) {
        let index = rules.len();
        rules.push(rule(&p.id, &p.title, "error"));
        match p.outcome {
            ProbeOutcome::Pass => {}
            ProbeOutcome::Fail => {
                let text = format!("Isolation probe {} failed: {} ({})", p.id, p.title, p.evidence);
                results.push(result(report, &p.id, index, "error", &text, None));
            }
            ProbeOutcome::NotEvaluated => {
                notes.push(note(&p.id, index, "warning", &format!("{} was not evaluated: {}", p.id, p.evidence)));
            }
        }
    }
    for c in &report.checks {
        let index = rules.len();
        rules.push(rule(&c.id, &c.title, level(c.severity)));
        let why = c.reason.as_deref().unwrap_or("no reason given");
        match c.outcome {
            Outcome::Pass | Outcome::NotApplicable => {}
            Outcome::Finding | Outcome::Waived => results.extend(c.findings.iter().map(|f| found(report, c, index, f))),
            Outcome::NotEvaluated => {
                notes.push(note(&c.id, index, "warning", &format!("{} was not evaluated: {why}", c.id)));
            }
            Outcome::Error => notes.push(note(&c.id, index, "error", &format!("{} failed itself: {why}", c.id))),
        }
    }
    let mut properties = json!({
        "verdict": report.verdict.name(),
        "proofLevel": report.proof_level.name(),
        "backupId": report.backup_id,
        "manifestSha256": report.manifest_sha256,
    });
    if let Some(e) = &report.exposure {
        let parts = exposure::sarif::parts(e, rules.len(), layout::manifest(&report.source, report.seq).as_str());
        rules.extend(parts.rules);
        results.extend(parts.results);
        notes.extend(parts.notes);
        properties["exposure"] = exposure::numbers::summary(e);
    }
    notes.extend(report.errors.iter().map(failure));
    written(&json!({
        "tool": driver(&report.tool, rules),
        // A trailing slash makes it a category whose runs are compared.
        "automationDetails": { "id": format!("pgseal-drill/{}/{}", report.source, report.run) },
        "invocations": [{
            "executionSuccessful": matches!(report.verdict, Verdict::Passed | Verdict::Failed),
            "exitCode": report.exit_code,
            "startTimeUtc": utc(report.started_at),
            "endTimeUtc": utc(report.finished_at),
            "toolExecutionNotifications": notes,
        }],
        "properties": properties,
        "results": results,
    }))
}

/// Renders the report of an audit. Where it is not clear, that is a result, too.
///
/// # Errors
/// 1 where the writer fails.
pub fn audit(report: &AuditReport) -> Result<Vec<u8>> {
    // A name that stays: readers tell alerts apart by it.
    let uri = format!("{}-audit.json", report.source);
    let standing = report.standing();
    let mut rules = vec![rule(AUDIT, "nothing is exposed above the threshold", "error")];
    let parts = exposure::sarif::parts(&report.exposure, rules.len(), &uri);
    let mut results = Vec::new();
    if standing != Standing::Clear {
        let text = format!("The audit of {}: {}: {}", report.source, standing.name(), report.reasons.join("; "));
        results.push(at(&uri, report.source.as_str(), AUDIT, 0, "error", &text, None));
    }
    rules.extend(parts.rules);
    results.extend(parts.results);
    let mut notes = parts.notes;
    notes.extend(report.errors.iter().map(failure));
    written(&json!({
        "tool": driver(&report.tool, rules),
        "automationDetails": { "id": format!("pgseal-audit/{}/{}", report.source, report.run) },
        "invocations": [{
            "executionSuccessful": standing != Standing::Incomplete,
            "exitCode": report.exit_code,
            "startTimeUtc": utc(report.started_at),
            "endTimeUtc": utc(report.finished_at),
            "toolExecutionNotifications": notes,
        }],
        "properties": { "standing": standing.name(), "exposure": exposure::numbers::summary(&report.exposure) },
        "results": results,
    }))
}

fn driver(tool: &ToolRef, rules: Vec<Value>) -> Value {
    json!({ "driver": {
        "name": tool.name,
        "version": tool.version,
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules,
    }})
}

fn failure(e: &ErrorEntry) -> Value {
    let object = e.object.as_deref().map_or_else(String::new, |o| format!("{o}: "));
    let text = format!("[{}] {}: {object}{}", e.code, e.stage, e.message);
    json!({ "level": "error", "message": message(&text) })
}

/// A log of one run.
fn written(run: &Value) -> Result<Vec<u8>> {
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    let mut bytes = super::json::visible(&format!("{log:#}")).into_bytes();
    if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() {
        return Err(Error::internal("what was written as SARIF is no JSON"));
    }
    bytes.push(b'\n');
    Ok(bytes)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn rule(id: &str, title: &str, level: &str) -> Value {
    json!({ "id": id, "shortDescription": message(title), "defaultConfiguration": { "level": level } })
}

fn found(report: &Report, check: &CheckResult, index: usize, f: &Finding) -> Value {
    let text = format!("{}: {}. {}", f.object, f.message, f.remedy);
    let mut value = result(report, &check.id, index, level(check.severity), text.trim(), Some(f));
    if check.outcome == Outcome::Waived {
        let why = check.reason.as_deref().unwrap_or("accepted by the operator");
        value["suppressions"] = json!([{ "kind": "external", "justification": plain(why) }]);
    }
    value
}

/// One result. Its place is the manifest of the backup it speaks of, as the
/// object lies in the store: readers want a file.
fn result(report: &Report, id: &str, index: usize, level: &str, text: &str, finding: Option<&Finding>) -> Value {
    let uri = layout::manifest(&report.source, report.seq);
    at(uri.as_str(), report.source.as_str(), id, index, level, text, finding)
}

fn at(uri: &str, source: &str, id: &str, index: usize, level: &str, text: &str, finding: Option<&Finding>) -> Value {
    let mut location = json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri },
        "region": { "startLine": 1 },
    }});
    if let Some(f) = finding {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": shown(&f.object), "kind": "object" }]);
    }
    let fingerprint = finding.map_or_else(|| format!("{id}:{source}"), |f| f.fingerprint.clone());
    json!({
        "ruleId": id,
        "ruleIndex": index,
        "kind": "fail",
        "level": level,
        "message": message(text),
        "locations": [location],
        "partialFingerprints": { "pgseal/v1": fingerprint },
    })
}

pub(super) fn note(id: &str, index: usize, level: &str, text: &str) -> Value {
    json!({ "level": level, "message": message(text), "associatedRule": { "id": id, "index": index } })
}

pub(super) fn message(text: &str) -> Value {
    json!({ "text": plain(text) })
}

/// In a message, `[text](target)` is a link and `{0}` a placeholder (SARIF 2.1.0,
/// 3.11.5 and 3.11.6). A name must become neither; its exact form stands in the
/// logical location.
pub(super) fn plain(text: &str) -> String {
    shown(text).replace(['[', '{'], "(").replace([']', '}'], ")")
}

/// As 3.9 wants it: UTC with a `Z`, milliseconds.
fn utc(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::audit::tests::sample_of;
    use crate::report::json::tests::{HOSTILE, sample, with_name};

    fn valid(report: &Report) -> Value {
        fits(&render(report).unwrap())
    }

    fn fits(bytes: &[u8]) -> Value {
        let value: Value = serde_json::from_slice(bytes).unwrap();
        let schema = include_str!("../../tests/data/sarif-2.1.0.schema.json");
        // A slip of the published schema: no regular expression of ECMAScript's
        // Unicode mode. It is about `language`, which is not written here.
        let slip = "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$";
        assert_eq!(schema.matches(slip).count(), 2);
        let schema: Value = serde_json::from_str(&schema.replace(slip, "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{value:#}");
        assert!(!validator.is_valid(&json!({"version": "2.1.0"})), "the schema refuses something");
        value
    }

    #[test]
    fn findings_are_results_and_what_was_not_looked_at_is_a_notification() {
        let v = valid(&sample());
        let run = &v["runs"][0];
        let ids: Vec<&str> = run["results"].as_array().unwrap().iter().map(|r| r["ruleId"].as_str().unwrap()).collect();
        assert_eq!(ids[..3], ["DRILL", "INT-ROWS", "EXP-HBA-901"]);
        for r in run["results"].as_array().unwrap() {
            let index = usize::try_from(r["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], r["ruleId"]);
        }
        assert!(run["results"].as_array().unwrap()[..3].iter().all(|r| r["level"] == "error"));
        assert_eq!(run["properties"]["exposure"]["open"]["high"], 1);
        assert_eq!(run["results"][1]["partialFingerprints"]["pgseal/v1"], sample().checks[0].findings[0].fingerprint);
        let notes = run["invocations"][0]["toolExecutionNotifications"].to_string();
        for said in ["ISO-009 was not evaluated: no answer", "PHY-AMCHECK was not evaluated", "USR-SQL failed itself"] {
            assert!(notes.contains(said), "{said}: {notes}");
        }
        assert_eq!(run["invocations"][0]["exitCode"], 51);
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }

    #[test]
    fn an_audit_that_is_not_clear_is_a_result_itself() {
        let mut r = sample_of(exposure::sample::sample());
        let run = fits(&audit(&r).unwrap())["runs"][0].clone();
        assert_eq!(
            (&run["results"][0]["ruleId"], &run["results"][1]["ruleId"]),
            (&json!("AUDIT"), &json!("EXP-HBA-901"))
        );
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
        assert_eq!(run["automationDetails"]["id"], "pgseal-audit/shop/a1");
        for name in HOSTILE {
            fits(&audit(&sample_of(exposure::sample::with_name(name))).unwrap());
        }
        r.exit_code = 53;
        let run = fits(&audit(&r).unwrap())["runs"][0].clone();
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        r.exit_code = 0;
        let run = fits(&audit(&r).unwrap())["runs"][0].clone();
        assert_eq!(run["results"][0]["ruleId"], "EXP-HBA-901");
    }

    #[test]
    fn levels_suppressions_and_verdicts() {
        for (severity, expected) in [
            (Severity::Critical, "error"),
            (Severity::High, "error"),
            (Severity::Medium, "warning"),
            (Severity::Low, "note"),
            (Severity::Info, "note"),
        ] {
            let mut r = sample();
            r.checks[0].severity = severity;
            assert_eq!(valid(&r)["runs"][0]["results"][1]["level"], expected);
        }
        let mut r = sample();
        r.checks[0] = r.checks[0].clone().waived("known since June");
        let v = valid(&r);
        let waived = &v["runs"][0]["results"][1]["suppressions"][0];
        assert_eq!(
            (waived["kind"].as_str(), waived["justification"].as_str()),
            (Some("external"), Some("known since June"))
        );
        r.verdict = Verdict::Inconclusive;
        assert_eq!(valid(&r)["runs"][0]["invocations"][0]["executionSuccessful"], false);
        r.verdict = Verdict::Passed;
        r.checks.clear();
        r.exposure = None;
        assert_eq!(valid(&r)["runs"][0]["results"], json!([]));
    }

    #[test]
    fn hostile_names_become_no_links_and_no_controls() {
        for name in HOSTILE {
            let bytes = render(&with_name(name)).unwrap();
            assert!(!bytes.contains(&0x1b));
            let v = valid(&with_name(name));
            let result = &v["runs"][0]["results"][1];
            let text = result["message"]["text"].as_str().unwrap();
            assert!(!text.contains(['[', ']', '{', '}', '\u{1b}', '\u{202e}', '\n']), "{text}");
            assert_eq!(
                result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].as_str().unwrap(),
                shown(name)
            );
        }
    }
}
