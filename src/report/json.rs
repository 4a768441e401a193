//! The canonical bytes of a report: what is signed and stored.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AuditReport, Document, Report};
use crate::error::{Code, Error, Result, Stage};
use crate::types::shown;

/// Largest report that is read, bytes.
pub const LIMIT: u64 = crate::catalog::proof::MAX_REPORT;

/// A report, of whatever kind, as JSON with a closing line end. What a terminal would act on or
/// hide (names are chosen by database users) is written as `\u` escapes.
pub fn render<R: Serialize>(report: &R) -> Result<Vec<u8>> {
    let text =
        serde_json::to_string_pretty(report).map_err(|e| Error::internal("cannot write the report").because(e))?;
    let mut out = visible(&text);
    out.push('\n');
    Ok(out.into_bytes())
}

/// JSON in which nothing is invisible: the characters that [`shown`] escapes
/// become `\u` escapes.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Outside of strings there is only ASCII, and there the line ends are JSON's own.
        if c.is_ascii() && c != '\u{7f}' || shown(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// What every report begins with.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// Reads the report of a drill. Check its signature before.
///
/// # Errors
/// 44 where it is too large, 40 where it is no drill report of format 1.
pub fn read(bytes: &[u8]) -> Result<Report> {
    match read_any(bytes)? {
        Document::Drill(report) => Ok(*report),
        Document::Audit(_) => Err(corrupt("this is the report of an audit, not of a drill")),
    }
}

/// Reads a report of either kind, by the format that it names. Check its signature
/// before.
///
/// # Errors
/// 44 where it is too large, 40 where it is no report of format 1.
pub fn read_any(bytes: &[u8]) -> Result<Document> {
    if bytes.len() as u64 > LIMIT {
        return Err(Error::new(Code::Limit, Stage::Report, format!("the report has more than {LIMIT} bytes")));
    }
    let head: Head = parse(bytes, "this is no report of format 1")?;
    match (head.format.as_str(), head.version) {
        (Report::FORMAT, Report::VERSION) => {
            parse(bytes, "this is no drill report of format 1").map(|r| Document::Drill(Box::new(r)))
        }
        (AuditReport::FORMAT, AuditReport::VERSION) => {
            parse(bytes, "this is no audit report of format 1").map(|r| Document::Audit(Box::new(r)))
        }
        (format, version) => Err(corrupt(&format!("the report says it is {format} {version}"))),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| corrupt(what).because(e))
}

fn corrupt(what: &str) -> Error {
    Error::new(Code::Corrupt, Stage::Report, what)
        .hint("It was written by a newer pgseal, or it is no report of a drill or an audit.")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::checks::{Rule, Severity};
    use crate::report::model::{PastDrill, RecipientProof, Span, TableProof};
    use crate::report::{ErrorEntry, IsolationReport, ProofLevel, Timings, ToolRef, Verdict, exposure};
    use crate::scratch::{Probe, ProbeOutcome, Teardown};
    use crate::types::{Digest, Kind, Redaction};

    /// Names that database users may choose, each against another reader.
    pub(in crate::report) const HOSTILE: [&str; 8] = [
        "a\"b'c``d\\",
        "line\nend\r\u{85}\u{2028}x",
        "\u{1b}[31m\u{9b}2J\u{7}",
        "<script>alert(1)</script><img src=x onerror=y>&lt;]]>-->",
        "| a || b | [x](javascript:alert(1)) ![y](https://e.example) www.e.example @all #1",
        "\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}",
        "ninety_bytes_are_not_allowed_but_sixty_three_are_so_here_they_a",
        "{0} {{x}} %s ${y} \\u0041 ::error::z",
    ];

    /// The same with this name wherever a name stands.
    pub(in crate::report) fn with_name(name: &str) -> Report {
        let mut r = sample();
        let finding = &mut r.checks[0].findings[0];
        (finding.object, finding.message, finding.remedy) = (name.into(), name.into(), name.into());
        (r.tables[0].database, r.tables[0].table) = (name.into(), name.into());
        r.checks[3].reason = Some(name.into());
        r.reasons.push(name.into());
        (r.errors[0].object, r.errors[0].message) = (Some(name.into()), name.into());
        if let Some(i) = &mut r.isolation {
            i.probes[0].evidence = name.into();
            i.reasons.push(name.into());
        }
        r.signer = Some(name.into());
        r.exposure = Some(exposure::sample::with_name(name));
        r
    }

    /// A report with something of everything, and a hostile name.
    pub(in crate::report) fn sample() -> Report {
        let rule = |id, title, severity| Rule { id, title, severity };
        let rows = rule("INT-ROWS", "every table has its rows", Severity::High);
        let hostile = "public.\u{1b}[31m<b>\"&\n\u{202e}x]]>";
        Report {
            format: Report::FORMAT.into(),
            version: 1,
            run: "r1".into(),
            redaction: Redaction::None,
            source: "shop".parse().unwrap(),
            backup_id: "20261123T030000Z-abababababababab".parse().unwrap(),
            seq: 42,
            kind: Kind::Logical,
            manifest_sha256: Digest::of(b"m"),
            signer: Some("db1@acme".into()),
            started_at: "2026-11-23T04:00:00Z".parse().unwrap(),
            finished_at: "2026-11-23T04:00:08Z".parse().unwrap(),
            verdict: Verdict::Failed,
            proof_level: ProofLevel::Booted,
            proven: false,
            exit_code: 51,
            reasons: vec!["INT-ROWS (every table has its rows) has findings".into()],
            plain_bytes: 2_000_000,
            stored_bytes: 300_000,
            isolation: Some(IsolationReport {
                level: "I2".into(),
                required: "I2".into(),
                reasons: vec!["own mount and process namespaces are not set up".into()],
                probes: vec![
                    Probe {
                        id: "ISO-004".into(),
                        title: "nothing listens".into(),
                        outcome: ProbeOutcome::Pass,
                        evidence: "0 listeners".into(),
                        looks: vec![ProbeOutcome::Pass, ProbeOutcome::Pass],
                    },
                    Probe {
                        id: "ISO-009".into(),
                        title: "census".into(),
                        outcome: ProbeOutcome::NotEvaluated,
                        evidence: "no answer".into(),
                        looks: vec![],
                    },
                ],
            }),
            checks: vec![
                rows.judged(
                    2,
                    2,
                    vec![rows.finding(hostile, "3 rows expected, 2 restored", "Do not rely on this backup.")],
                ),
                rule("INT-SEQ", "sequences are not behind", Severity::High).judged(5, 5, vec![]),
                rule("INT-LO", "large objects are there", Severity::High).judged(0, 0, vec![]),
                rule("PHY-AMCHECK", "indexes agree with their tables", Severity::High)
                    .not_evaluated(7, "the extension amcheck is not installed"),
                rule("USR-SQL", "your queries", Severity::High).error(
                    1,
                    0,
                    &Error::new(Code::CouldNotRun, Stage::Checks, "SQLSTATE 57014"),
                ),
            ],
            tables: vec![TableProof {
                database: "shop".into(),
                table: hostile.into(),
                expected_rows: Some(3),
                rows: Some(2),
                content_matches: Some(false),
            }],
            timings_s: Timings { fetch: 1.25, restore: 4.0, start: 0.4, checks: 2.2, total: 8.1 },
            stages: vec![
                Span { name: "fetch".into(), from_s: 0.0, to_s: 1.25 },
                Span { name: "restore".into(), from_s: 1.65, to_s: 5.65 },
            ],
            history: vec![PastDrill {
                run: "0011223344556677".into(),
                backup_id: "20261122T030000Z-cdcdcdcdcdcdcdcd".parse().unwrap(),
                kind: Kind::Logical,
                finished_at: "2026-11-22T04:00:08Z".parse().unwrap(),
                verdict: Verdict::Passed,
                proof_level: ProofLevel::Data,
                proven: true,
                rto_s: Some(5.0),
                total_s: 7.5,
                plain_bytes: 1_900_000,
                stored_bytes: 290_000,
            }],
            recipients: vec![RecipientProof { recipient: "a1b2c3d4".into(), opened: Some(true), last_proven_at: None }],
            rpo_s: 3600,
            rto_s: Some(5.65),
            rto_budget_s: None,
            backup_age_s: 3000,
            teardown: Some(Teardown { instance_gone: true, directory_gone: true, detail: None }),
            tool: ToolRef::default(),
            server_major: 15,
            errors: vec![ErrorEntry::from(
                &Error::new(Code::ChecksFailed, Stage::Checks, "1 check found something").hint("See the checks."),
            )],
            exposure: Some(exposure::sample::sample()),
        }
    }

    #[test]
    fn round_trip_and_stable_names() {
        let r = sample();
        let bytes = render(&r).unwrap();
        assert_eq!(read(&bytes).unwrap(), r);
        let v: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(v["format"], "pgseal-drill-report");
        assert_eq!(v["verdict"], "failed");
        assert_eq!(v["proof_level"], "booted");
        assert_eq!(v["isolation"]["probes"][1]["outcome"], "not_evaluated");
        let outcomes: Vec<&str> =
            v["checks"].as_array().unwrap().iter().map(|c| c["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["finding", "pass", "not_applicable", "not_evaluated", "error"]);
        assert_eq!(v["checks"][0]["severity"], "high");
        assert_eq!((v["checks"][0]["present"].as_u64(), v["checks"][0]["examined"].as_u64()), (Some(2), Some(2)));
        assert_eq!(v["errors"][0]["class"], "checks_failed");
        assert_eq!(v["errors"][0]["retryable"], false);
        assert_eq!(v["teardown"], serde_json::json!({"instance_gone": true, "directory_gone": true}));
        // Control characters of a hostile name never stand in the bytes.
        assert!(!bytes.contains(&0x1b));
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains('\u{202e}') && text.contains("\\u202ex]]>"), "{text}");
    }

    #[test]
    fn hostile_names_come_back_and_are_never_seen() {
        for name in HOSTILE {
            let r = with_name(name);
            let bytes = render(&r).unwrap();
            assert_eq!(read(&bytes).unwrap(), r);
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{85}', '\u{202e}', '\u{200b}', '\u{2028}']), "{text}");
        }
    }

    #[test]
    fn the_format_says_which_report_it_is() {
        let audit = crate::report::audit::tests::sample();
        let bytes = render(&audit).unwrap();
        assert_eq!(read_any(&bytes).unwrap(), Document::Audit(Box::new(audit)));
        assert!(!bytes.contains(&0x1b));
        assert_eq!(read_any(&render(&sample()).unwrap()).unwrap(), Document::Drill(Box::new(sample())));
    }

    #[test]
    fn other_documents_are_refused() {
        let mut r = sample();
        r.version = 2;
        assert_eq!(read(&render(&r).unwrap()).unwrap_err().code(), Code::Corrupt);
        assert_eq!(read(b"{}").unwrap_err().code(), Code::Corrupt);
        let audit = render(&crate::report::audit::tests::sample()).unwrap();
        assert!(read(&audit).unwrap_err().text().contains("not of a drill"));
        assert!(read(br#"{"format": "pgseal-audit-report", "version": 1}"#).unwrap_err().text().contains("no audit"));
        assert_eq!(read(&vec![b' '; LIMIT as usize + 1]).unwrap_err().code(), Code::Limit);
    }
}
