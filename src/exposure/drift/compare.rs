//! Findings beside those of earlier looks.

use std::collections::BTreeSet;

use super::{Past, PastFinding, Telling};
use crate::checks::{Change, CheckResult};
use crate::exposure::outcome::{Drift, RULESET, saw_all, severity_of};

/// Says of each finding what it is since the last look, and counts. `None` where
/// there was no look that can be compared.
///
/// Each check is compared with the last look in which it saw everything, so that
/// one that was blind in between neither forgets findings nor makes old ones new.
/// What a check does not find although it was there is *fixed* only where it saw
/// everything now; else it is *unknown*.
pub fn compare(results: &mut [CheckResult], past: &[Past], telling: &Telling<'_>) -> Option<Drift> {
    let past: Vec<&Past> = past.iter().filter(|p| p.ruleset == RULESET).collect();
    let since = past.last()?.at;
    let mut drift = Drift { since, new: 0, unchanged: 0, changed: 0, fixed: 0, unknown: 0 };
    let mut looked = BTreeSet::new();
    for check in results.iter_mut() {
        looked.insert(check.id.clone());
        let base = base(&past, &check.id);
        let whole = base.iter().any(|p| p.saw.contains(&check.id));
        let saw_all_now = saw_all(check);
        let mut here = BTreeSet::new();
        let severities: Vec<_> = check.findings.iter().map(|f| severity_of(check, f)).collect();
        for (finding, severity) in check.findings.iter_mut().zip(severities) {
            let content = telling.tag(&finding.message);
            let print = telling.print(&finding.fingerprint);
            let before = base.iter().rev().find_map(|p| p.findings.get(&print));
            finding.change = match before {
                Some(b) if b.is(severity, &content) => Some(Change::Unchanged),
                Some(_) => Some(Change::Changed),
                None if whole => Some(Change::New),
                // It may have been there and not been seen.
                None => None,
            };
            match finding.change {
                Some(Change::New) => drift.new += 1,
                Some(Change::Unchanged) => drift.unchanged += 1,
                Some(Change::Changed) => drift.changed += 1,
                None => {}
            }
            here.insert(print);
        }
        let gone = of_check(&base, &check.id).filter(|(print, _)| !here.contains(*print));
        let gone = gone.map(|(print, _)| print).collect::<BTreeSet<_>>().len() as u32;
        if saw_all_now {
            drift.fixed += gone;
        } else {
            drift.unknown += gone;
        }
    }
    // Findings of checks that did not look at all this time.
    let others: BTreeSet<&str> = past
        .iter()
        .flat_map(|p| p.findings.values())
        .map(|f| f.check.as_str())
        .filter(|id| !looked.contains(*id))
        .collect();
    for id in others {
        let base = base(&past, id);
        drift.unknown += of_check(&base, id).map(|(print, _)| print).collect::<BTreeSet<_>>().len() as u32;
    }
    Some(drift)
}

/// The last look in which the check saw everything, and those after it; all where
/// there is none.
fn base<'a>(past: &[&'a Past], check: &str) -> Vec<&'a Past> {
    let from = past.iter().rposition(|p| p.saw.contains(check)).unwrap_or(0);
    past[from..].to_vec()
}

fn of_check<'a>(base: &'a [&'a Past], check: &'a str) -> impl Iterator<Item = (&'a String, &'a PastFinding)> {
    base.iter().flat_map(|p| p.findings.iter()).filter(move |(_, f)| f.check == check)
}
