//! Findings beside those of earlier looks: reports and ledger.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use pgseal::checks::{Change, CheckResult, Outcome, Severity};
use pgseal::error::Code;
use pgseal::exposure::drift::{Ledger, Past, Telling};
use pgseal::exposure::outcome::{Credential, Drift, Pictures, RULESET, ReachRow};
use pgseal::exposure::{Exposure, Found, Looked, Plane, Policy, Seen, assemble, catalogue, verdict};
use pgseal::types::{Redaction, SourceName};

use super::looked::sessions;
use super::{days_ago, now, telling};

/// Two checks that findings are made up for.
const A: &str = "EXP-GOV-004";
const B: &str = "EXP-GOV-005";

fn shop() -> SourceName {
    "shop".parse().unwrap()
}

fn seen(findings: &[(&str, &str)]) -> Seen {
    let mut seen = Seen::all_of(findings.len().max(1));
    for (object, message) in findings {
        seen.add(Found::new(*object, *message));
    }
    seen
}

fn judged(id: &str, seen: Seen) -> CheckResult {
    seen.judged(&catalogue::find(id).unwrap().about, Some(&shop()))
}

pub fn exposure(results: Vec<CheckResult>, reach: Vec<ReachRow>) -> Exposure {
    after(results, reach, &[])
}

fn after(results: Vec<CheckResult>, reach: Vec<ReachRow>, past: &[Past]) -> Exposure {
    let looked = Looked {
        planes: vec![Plane::Live],
        posture_at: None,
        results,
        pictures: Pictures { reach, ..Pictures::default() },
    };
    assemble(looked, &Policy::default(), &shop(), past, &telling(), now())
}

/// A report of `results`, as a later look reads it.
fn reported(results: Vec<CheckResult>, days: i64) -> Past {
    Past::of(&exposure(results, vec![]), Redaction::None, days_ago(days), &telling()).unwrap()
}

#[track_caller]
fn counts(e: &Exposure, [new, unchanged, changed, fixed, unknown]: [u32; 5]) {
    let since = e.drift.as_ref().unwrap().since;
    assert_eq!(e.drift, Some(Drift { since, new, unchanged, changed, fixed, unknown }), "{e:#?}");
}

fn change(e: &Exposure, object: &str) -> Option<Change> {
    e.open().find(|(_, f, _)| f.object == object).unwrap_or_else(|| panic!("{object}")).1.change
}

#[test]
fn findings_are_new_unchanged_changed_or_fixed() {
    let past = [reported(vec![judged(A, seen(&[("role a", "x"), ("role b", "x"), ("role c", "x")]))], 7)];
    let e = after(vec![judged(A, seen(&[("role a", "x"), ("role b", "y"), ("role d", "x")]))], vec![], &past);
    counts(&e, [1, 1, 1, 1, 0]);
    assert_eq!(e.drift.as_ref().unwrap().since, days_ago(7));
    assert_eq!(change(&e, "role a"), Some(Change::Unchanged));
    assert_eq!(change(&e, "role b"), Some(Change::Changed));
    assert_eq!(change(&e, "role d"), Some(Change::New));
    // Another severity is a change, too.
    let worse = Seen::one(Some(Found::new("role a", "x").at(Severity::High)));
    assert_eq!(change(&after(vec![judged(A, worse)], vec![], &past), "role a"), Some(Change::Changed));
}

#[test]
fn the_first_look_changes_nothing() {
    let e = exposure(vec![judged(A, seen(&[("role a", "x")]))], vec![]);
    assert_eq!((e.drift.as_ref(), change(&e, "role a")), (None, None));
    // Nor does one by another catalogue.
    let other = Past { ruleset: RULESET + 1, ..reported(vec![judged(A, seen(&[]))], 7) };
    assert_eq!(after(vec![judged(A, seen(&[("role a", "x")]))], vec![], &[other]).drift, None);
}

#[test]
fn unknown_is_never_fixed() {
    let past = [reported(
        vec![judged(A, seen(&[("role a", "x"), ("role b", "x")])), judged(B, seen(&[("replica r", "x")]))],
        7,
    )];
    let blind = judged(A, Seen::not_evaluated("denied"));
    let failed = CheckResult { outcome: Outcome::Error, ..judged(A, seen(&[])) };
    for result in [blind, failed] {
        // The other check did not look at all.
        counts(&after(vec![result], vec![], &past), [0, 0, 0, 0, 3]);
    }
    let mut partly = seen(&[("role a", "x")]);
    partly.open.push("role b may not be seen".to_owned());
    counts(&after(vec![judged(A, partly), judged(B, seen(&[]))], vec![], &past), [0, 1, 0, 1, 1]);
    // More was found than is listed: what is not listed may be what was there.
    let names: Vec<String> = (0..101).map(|n| format!("role n{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "x")).collect();
    counts(
        &after(vec![judged(A, seen(&many)), judged(B, seen(&[("replica r", "x")]))], vec![], &past),
        [100, 1, 0, 0, 2],
    );
}

#[test]
fn a_blind_look_in_between_forgets_nothing_and_makes_nothing_new() {
    let all = || judged(A, seen(&[("role a", "x"), ("role b", "x")]));
    let blind = || judged(A, Seen::not_evaluated("denied"));
    let past = [reported(vec![all()], 14), reported(vec![blind()], 7)];
    let e = after(vec![judged(A, seen(&[("role a", "x")]))], vec![], &past);
    counts(&e, [0, 1, 0, 1, 0]);
    assert_eq!(e.drift.unwrap().since, days_ago(7));
    // What a check that never saw everything did not tell may have been there.
    let e = after(vec![all()], vec![], &[reported(vec![blind()], 7)]);
    counts(&e, [0, 0, 0, 0, 0]);
    assert_eq!(change(&e, "role a"), None);
}

#[test]
fn new_findings_end_a_run_earlier_than_known_ones() {
    let medium = || vec![judged(A, seen(&[("role a", "x")]))];
    let code = |past: &[Past]| verdict(&after(medium(), vec![], past)).code();
    assert_eq!(code(&[]), Code::Done);
    assert_eq!(code(&[reported(medium(), 7)]), Code::Done);
    assert_eq!(code(&[reported(vec![judged(A, seen(&[]))], 7)]), Code::Exposure);
    let low = vec![judged(B, seen(&[("replica r", "x")]))];
    assert_eq!(verdict(&after(low, vec![], &[reported(vec![judged(B, seen(&[]))], 7)])).code(), Code::Done);
}

#[test]
fn redacted_reports_of_this_host_can_be_compared_and_others_cannot() {
    let mut report = exposure(vec![judged(A, seen(&[("role a", "x"), ("role b", "x")]))], vec![]);
    for f in report.checks.iter_mut().flat_map(|c| &mut c.findings) {
        f.fingerprint = telling().print(&f.fingerprint);
        f.object = "role-3f2a9c01d7e4".to_owned();
        f.message = "(left out)".to_owned();
    }
    let past = [Past::of(&report, Redaction::Details, days_ago(7), &telling()).unwrap()];
    let e = after(vec![judged(A, seen(&[("role a", "x"), ("role b", "y")]))], vec![], &past);
    counts(&e, [0, 1, 1, 0, 0]);
    assert_eq!(Past::of(&report, Redaction::Details, now(), &Telling::new(&[8; 32])), None);
}

#[test]
fn credentials_keep_the_day_they_were_first_seen() {
    let credential = |first_seen: Timestamp| Credential {
        object: "password of role app".into(),
        kind: "scram verifier".into(),
        tag: "0011223344556677".into(),
        first_seen,
    };
    let looked = |at, past: &[Past]| {
        let pictures = Pictures { credentials: vec![credential(at)], ..Pictures::default() };
        let looked = Looked { planes: vec![Plane::Copy], pictures, ..Looked::default() };
        assemble(looked, &Policy::default(), &shop(), past, &telling(), now())
    };
    let first = looked(days_ago(400), &[]);
    let past = [Past::of(&first, Redaction::None, days_ago(400), &telling()).unwrap()];
    assert_eq!(looked(now(), &past).credentials, [credential(days_ago(400))]);
}

#[test]
fn the_ledger_remembers_and_holds_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(dir.path(), &shop());
    assert_eq!(ledger.read(&telling()).unwrap(), []);
    let e = exposure(vec![judged(A, seen(&[("role secretive", "secretive is bad")]))], vec![]);
    let pgseal::types::Known::Yes(who) = sessions(&[("secretive", "10.11.12.13"), ("local", "")]) else {
        unreachable!()
    };
    ledger.add(&e, Some(&who), days_ago(7), &telling()).unwrap();
    let path = dir.path().join("exposure/shop.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("secretive") && !text.contains("10.11."), "{text}");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let past = ledger.read(&telling()).unwrap();
    assert_eq!(past[0].networks.as_ref().map(|n| (n.len(), n[&telling().tag("secretive")].len())), Some((2, 1)));
    let again = after(vec![judged(A, seen(&[("role secretive", "secretive is bad"), ("role b", "x")]))], vec![], &past);
    counts(&again, [1, 1, 0, 0, 0]);
    // It keeps the newest fifty.
    for n in 0..60 {
        ledger.add(&e, None, days_ago(6) + jiff::SignedDuration::from_secs(n), &telling()).unwrap();
    }
    let past = ledger.read(&telling()).unwrap();
    assert_eq!((past.len(), past[0].at), (50, days_ago(6) + jiff::SignedDuration::from_secs(10)));
    // Another key: nothing can be told apart.
    assert_eq!(ledger.read(&Telling::new(&[8; 32])).unwrap(), []);
    // Open to others, or not what was written: refused, and not overwritten.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(ledger.read(&telling()).unwrap_err().code(), Code::Usage);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    for junk in ["", "{}", &text.replace("\"version\":1", "\"version\":2"), &text.replace("\"shop\"", "\"other\"")] {
        std::fs::write(&path, junk).unwrap();
        let e = ledger.add(&e, None, now(), &telling()).unwrap_err();
        assert_eq!(e.code(), Code::Usage, "{junk}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), junk);
    }
}
