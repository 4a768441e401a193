//! However large the report, the page stays small and quick to make.

use std::time::{Duration, Instant};

use pgseal::report::html;

use crate::html::reports;
use crate::support::exposure;

const LARGEST: usize = 2_000_000;

#[test]
fn fifty_thousand_tables_and_four_thousand_findings_fit() {
    let report = reports::huge();
    let began = Instant::now();
    let page = html::render(&report).unwrap();
    let took = began.elapsed();
    assert!(page.len() < LARGEST, "{} bytes", page.len());
    assert!(took < Duration::from_secs(10), "{took:?}");
    // What is left out is counted.
    assert!(page.contains("more tables are not listed here, all identical"), "tables");
    assert!(page.contains("more findings stand in the JSON report"), "findings");
    assert!(page.contains("older drills stand in the JSON report"), "drills");
}

#[test]
fn an_audit_with_ten_thousand_findings_fits() {
    let report = exposure::audit(exposure::huge());
    let began = Instant::now();
    let page = html::audit::render(&report).unwrap();
    let took = began.elapsed();
    assert!(page.len() < LARGEST / 2, "{} bytes", page.len());
    // Far from what it takes, on a busy machine too: what grows with the square would not end.
    assert!(took < Duration::from_secs(10), "{took:?}");
    for said in [
        "more findings stand in the JSON report",
        "more ways stand in the JSON report",
        "more stand in the JSON report",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn every_state_has_its_example() {
    let all = exposure::outcomes(&exposure::shop());
    assert_eq!(all.len(), 6, "{all:?}");
}

#[test]
fn the_worst_texts_in_the_longest_lists_fit_too() {
    let mut r = reports::huge();
    let worst = "<\u{202e}\"".repeat(5_000);
    for t in r.tables.iter_mut().take(2_000) {
        t.table.clone_from(&worst);
        t.database.clone_from(&worst);
    }
    for c in &mut r.checks {
        c.title.clone_from(&worst);
        c.reason = Some(worst.clone());
        for f in &mut c.findings {
            f.object.clone_from(&worst);
            f.remedy.clone_from(&worst);
        }
    }
    r.reasons = vec![worst.clone(); 1_000];
    r.errors = vec![r.errors[0].clone(); 1_000];
    for e in &mut r.errors {
        e.message.clone_from(&worst);
        e.hint = Some(worst.clone());
    }
    let i = r.isolation.as_mut().unwrap();
    i.reasons = vec![worst.clone(); 1_000];
    i.probes = vec![i.probes[0].clone(); 1_000];
    for p in &mut i.probes {
        p.title.clone_from(&worst);
        p.evidence.clone_from(&worst);
    }
    r.recipients = vec![r.recipients[0].clone(); 1_000];
    r.stages = vec![r.stages[0].clone(); 1_000];
    for s in &mut r.stages {
        s.name.clone_from(&worst);
    }
    let e = r.exposure.as_mut().unwrap();
    for c in &mut e.checks {
        (c.title, c.reason) = (worst.clone(), Some(worst.clone()));
        for f in &mut c.findings {
            (f.object, f.message, f.remedy) = (worst.clone(), worst.clone(), worst.clone());
        }
    }
    for w in &mut e.entry {
        (w.from, w.rule, w.roles) = (worst.clone(), worst.clone(), vec![worst.clone(); 20]);
    }
    for row in &mut e.reach {
        (row.object, row.classes) = (worst.clone(), vec![worst.clone(); 100]);
    }
    for c in &mut e.credentials {
        (c.object, c.kind) = (worst.clone(), worst.clone());
    }
    let page = html::render(&r).unwrap();
    assert!(page.len() < LARGEST, "{} bytes", page.len());
}
