//! The drill as in-toto attestations, so that policy engines which know nothing
//! of pgseal can ask for a passed drill.
//!
//! What is written is a bundle: JSON Lines of DSSE envelopes (the formats are
//! those of in-toto's attestation framework, Statement v1, and of DSSE 1.0).
//! Both statements are about the backup's manifest, by its SHA-256:
//!
//! 1. `https://in-toto.io/attestation/test-result/v0.1`: `PASSED`, `WARNED` or
//!    `FAILED` with the ids of checks and probes. A drill that gave no evidence
//!    is `FAILED` there, because that vocabulary has no word for it; nothing but
//!    a pass may look like one. `configuration` names the report and its digest.
//! 2. [`PREDICATE`]: the whole report, as `drill-report.schema.json` describes it,
//!    below `report`, and its exposure in numbers below `exposure`.
//!
//! Checks of exposure failed where an open finding reaches the threshold or where
//! they are required and could not look; below it, and where all is waived, they
//! warn. What could not look and is not required was not tested.
//!
//! The signature is raw Ed25519 over the DSSE pre-authentication encoding, by the
//! key that signs reports. `keyid` is its OpenSSH fingerprint; `pgseal report
//! key` prints the public key as PEM for verifiers.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::exposure::numbers;
use super::{Report, Verdict, json as document};
use crate::checks::{Outcome, Severity};
use crate::error::{Error, Result};
use crate::exposure::outcome::worst_open;
use crate::exposure::verdict::exposed;
use crate::keys::Signer;
use crate::scratch::ProbeOutcome;
use crate::types::Digest;

/// `payloadType` of an in-toto statement (in-toto attestation framework, "Envelope").
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// `_type` of a statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The predicate that others know.
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The predicate with the whole report. The address is a name; its meaning is
/// this file's head.
pub const PREDICATE: &str = "https://github.com/pgseal/pgseal/attestation/drill-report/v1";

/// Both envelopes, one a line.
///
/// # Errors
/// 1 where signing or writing fails.
pub fn render(report: &Report, signer: &Signer) -> Result<String> {
    let bytes = document::render(report)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| unwritable(&e))?;
    let subject = json!([{
        "name": format!("{}/{}", report.source, report.backup_id),
        "digest": { "sha256": report.manifest_sha256 },
    }]);
    let statement = |predicate_type: &str, predicate: &Value| json!({ "_type": STATEMENT, "subject": subject, "predicateType": predicate_type, "predicate": predicate });
    let results = statement(TEST_RESULT, &test_result(report, &bytes));
    let exposed = report.exposure.as_ref().map(numbers::summary);
    let predicate = json!({ "report": value, "reportSha256": Digest::of(&bytes), "exposure": exposed });
    let whole = statement(PREDICATE, &predicate);
    Ok(format!("{}\n{}\n", envelope(&results, signer)?, envelope(&whole, signer)?))
}

/// The predicate test-result v0.1.
fn test_result(report: &Report, bytes: &[u8]) -> Value {
    let (mut passed, mut warned, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let probes = report.isolation.iter().flat_map(|i| &i.probes);
    for p in probes {
        match p.outcome {
            ProbeOutcome::Pass => passed.push(p.id.as_str()),
            // Not looked is not passed.
            ProbeOutcome::Fail | ProbeOutcome::NotEvaluated => failed.push(p.id.as_str()),
        }
    }
    for c in &report.checks {
        match c.outcome {
            Outcome::Pass => passed.push(c.id.as_str()),
            Outcome::Finding if c.severity < Severity::Medium => warned.push(c.id.as_str()),
            Outcome::Waived => warned.push(c.id.as_str()),
            Outcome::Finding | Outcome::NotEvaluated | Outcome::Error => failed.push(c.id.as_str()),
            // There was nothing to test.
            Outcome::NotApplicable => {}
        }
    }
    for (e, c) in report.exposure.iter().flat_map(|e| e.checks.iter().map(move |c| (e, c))) {
        match (c.outcome, worst_open(c)) {
            (Outcome::Pass, _) => passed.push(c.id.as_str()),
            (_, Some(_)) if exposed(e, c).is_some() => failed.push(c.id.as_str()),
            (_, Some(_)) | (Outcome::Waived, _) => warned.push(c.id.as_str()),
            _ if e.required_open.contains(&c.id) => failed.push(c.id.as_str()),
            _ => {}
        }
    }
    let result = match report.verdict {
        Verdict::Passed if warned.is_empty() => "PASSED",
        Verdict::Passed => "WARNED",
        Verdict::Failed | Verdict::Inconclusive | Verdict::Unsafe => "FAILED",
    };
    json!({
        "result": result,
        "configuration": [{
            "name": format!("{}.json", report.stem()),
            "digest": { "sha256": Digest::of(bytes) },
            "mediaType": "application/json",
        }],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    })
}

/// A DSSE envelope with one signature.
fn envelope(statement: &Value, signer: &Signer) -> Result<String> {
    let payload = serde_json::to_vec(statement).map_err(|e| unwritable(&e))?;
    let signature = signer.sign_raw(&pae(PAYLOAD_TYPE, &payload))?;
    let envelope = json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": Base64::encode_string(&payload),
        "signatures": [{ "keyid": signer.fingerprint(), "sig": Base64::encode_string(&signature) }],
    });
    Ok(envelope.to_string())
}

/// DSSE's pre-authentication encoding: `DSSEv1 SP LEN(type) SP type SP LEN(body)
/// SP body`, lengths in decimal.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

fn unwritable(e: &serde_json::Error) -> Error {
    Error::internal(format!("cannot write the attestation: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::sample;

    fn payloads(report: &Report) -> Vec<Value> {
        let text = render(report, &Signer::of_test()).unwrap();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let decoded = |v: &Value| Base64::decode_vec(v["payload"].as_str().unwrap()).unwrap();
        lines.iter().map(|v| serde_json::from_slice(&decoded(v)).unwrap()).collect()
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of DSSE's protocol.md.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn both_statements_are_about_the_manifest() {
        let all = payloads(&sample());
        assert_eq!(all.len(), 2);
        for s in &all {
            assert_eq!(s["_type"], STATEMENT);
            assert_eq!(s["subject"][0]["digest"]["sha256"], Digest::of(b"m").to_string());
        }
        assert_eq!(all[0]["predicateType"], TEST_RESULT);
        let p = &all[0]["predicate"];
        assert_eq!(p["result"], "FAILED");
        assert_eq!(p["passedTests"], json!(["ISO-004", "INT-SEQ", "EXP-ROLE-901"]));
        assert_eq!(p["warnedTests"], json!(["EXP-HBA-907", "EXP-LOG-901"]));
        let failed = ["ISO-009", "INT-ROWS", "PHY-AMCHECK", "USR-SQL", "EXP-HBA-901", "EXP-PRIV-901", "EXP-AUTH-901"];
        assert_eq!(p["failedTests"], json!(failed));
        assert_eq!(all[1]["predicate"]["exposure"]["open"]["critical"], 1);
        let bytes = document::render(&sample()).unwrap();
        assert_eq!(p["configuration"][0]["digest"]["sha256"], Digest::of(&bytes).to_string());
        let back: Report = serde_json::from_value(all[1]["predicate"]["report"].clone()).unwrap();
        assert_eq!((all[1]["predicateType"].as_str(), back), (Some(PREDICATE), sample()));
    }

    #[test]
    fn nothing_but_a_pass_looks_like_one() {
        let said = |verdict, checks: bool| {
            let mut r = sample();
            r.verdict = verdict;
            r.exposure = None;
            if !checks {
                r.checks.clear();
            }
            payloads(&r)[0]["predicate"]["result"].as_str().unwrap().to_owned()
        };
        for verdict in [Verdict::Failed, Verdict::Inconclusive, Verdict::Unsafe] {
            assert_eq!(said(verdict, false), "FAILED");
        }
        assert_eq!(said(Verdict::Passed, false), "PASSED");
        let mut r = sample();
        r.verdict = Verdict::Passed;
        r.checks.truncate(1);
        r.exposure = None;
        r.checks[0].severity = Severity::Low;
        let p = &payloads(&r)[0]["predicate"];
        assert_eq!((p["result"].as_str(), &p["warnedTests"]), (Some("WARNED"), &json!(["INT-ROWS"])));
    }
}
