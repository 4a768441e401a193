//! Waives what is waived, and judges the waivers.

use jiff::civil::Date;

use super::governance::{Declared, EXPIRED, IMPROPER, UNMATCHED};
use super::{Policy, WaiverRule, is_about_waivers};
use crate::checks::{CheckResult, Outcome};
use crate::exposure::Look;
use crate::exposure::drift::Telling;
use crate::exposure::outcome::{is_cut, saw_all, severity_of};
use crate::types::SourceName;

/// What a waiver met in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met {
    /// Findings that it is about, in force or not.
    pub findings: u32,
    /// Why it could not waive one of them.
    pub refused: Option<String>,
}

/// Waives findings and adds what the checks of the waivers themselves say.
///
/// A waived finding keeps its severity. A check with nothing but waived findings
/// becomes "waived" where it saw everything, and "not evaluated" where it did not;
/// where it found more than it lists it stays a finding.
pub fn waive(results: &mut Vec<CheckResult>, policy: &Policy, source: &SourceName, telling: &Telling<'_>, today: Date) {
    results.retain(|r| !is_about_waivers(&r.id));
    let mut met = vec![Met::default(); policy.waivers.len()];
    for result in results.iter_mut() {
        one(result, &policy.waivers, &mut met, *telling, today);
    }
    let declared = Declared { policy, results, met: &met, today };
    let about = [&EXPIRED, &UNMATCHED, &IMPROPER];
    let looked: Vec<CheckResult> = about
        .into_iter()
        .filter_map(|check| match check.look {
            Look::Declarations(look) => Some(look(&declared).judged(&check.about, Some(source))),
            _ => None,
        })
        .collect();
    // They come before the others of their family, as in the catalogue.
    let at = results.iter().position(|r| r.id.starts_with("EXP-GOV-")).unwrap_or(results.len());
    results.splice(at..at, looked);
}

fn one(result: &mut CheckResult, waivers: &[WaiverRule], met: &mut [Met], telling: Telling<'_>, today: Date) {
    if result.findings.is_empty() {
        return;
    }
    let (whole, cut) = (saw_all(result), is_cut(result));
    let severities: Vec<_> = result.findings.iter().map(|f| severity_of(result, f)).collect();
    for (finding, severity) in result.findings.iter_mut().zip(severities) {
        for (waiver, met) in waivers.iter().zip(met.iter_mut()) {
            if !waiver.target.fits(&result.id, finding, &telling) {
                continue;
            }
            met.findings += 1;
            if waiver.expired(today) || waiver.improper(today).is_some() {
                continue;
            }
            match waiver.refused(&result.id, severity, today) {
                Some(why) => met.refused = Some(why),
                None if finding.waiver.is_none() => finding.waiver = Some(waiver.told()),
                None => {}
            }
        }
    }
    if result.outcome == Outcome::Finding && !cut && result.findings.iter().all(|f| f.waiver.is_some()) {
        result.outcome = if whole { Outcome::Waived } else { Outcome::NotEvaluated };
    }
}
