//! The sections of the guide, each with the worst that is open in it.

use std::collections::BTreeMap;

use super::outcome::{Grade, Section, is_waived, saw_all, severity_of};
use super::{Severity, catalogue};
use crate::checks::{CheckResult, Outcome};

/// All 25, by what the checks of one run said. A section of which less than four
/// fifths was evaluated, or nothing was there to look at, has no grade but a bad one.
pub fn sections(checks: &[CheckResult]) -> Vec<Section> {
    let by_id: BTreeMap<&str, &CheckResult> = checks.iter().map(|c| (c.id.as_str(), c)).collect();
    (1..=25).map(|number| section(number, &by_id)).collect()
}

fn section(number: u8, results: &BTreeMap<&str, &CheckResult>) -> Section {
    let mut section = Section { number, grade: Grade::Unknown, checks: 0, evaluated: 0, open: 0, waived: 0 };
    let (mut looked, mut worst) = (false, None);
    for check in catalogue::all().filter(|c| c.about.guide.contains(&number)) {
        section.checks += 1;
        let Some(result) = results.get(check.about.id) else { continue };
        section.evaluated += u32::from(saw_all(result));
        looked |= saw_all(result) && result.outcome != Outcome::NotApplicable;
        for finding in &result.findings {
            if is_waived(result, finding) {
                section.waived += 1;
            } else {
                section.open += 1;
                worst = worst.max(Some(severity_of(result, finding)));
            }
        }
    }
    section.grade = grade(worst, looked && section.evaluated * 5 >= section.checks * 4);
    section
}

/// The grade by the worst that is open; `covered` says whether enough was evaluated.
fn grade(worst: Option<Severity>, covered: bool) -> Grade {
    match worst {
        Some(Severity::Critical) => Grade::E,
        Some(Severity::High) => Grade::D,
        _ if !covered => Grade::Unknown,
        Some(Severity::Medium) => Grade::C,
        Some(Severity::Low) => Grade::B,
        Some(Severity::Info) | None => Grade::A,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_bad_has_a_grade_without_coverage() {
        for (worst, with, without) in [
            (None, Grade::A, Grade::Unknown),
            (Some(Severity::Info), Grade::A, Grade::Unknown),
            (Some(Severity::Low), Grade::B, Grade::Unknown),
            (Some(Severity::Medium), Grade::C, Grade::Unknown),
            (Some(Severity::High), Grade::D, Grade::D),
            (Some(Severity::Critical), Grade::E, Grade::E),
        ] {
            assert_eq!((grade(worst, true), grade(worst, false)), (with, without), "{worst:?}");
        }
    }

    #[test]
    fn nothing_looked_at_gives_no_grade_to_any_section() {
        let all = sections(&[]);
        assert_eq!(all.iter().map(|s| s.number).collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
        assert!(all.iter().all(|s| s.grade == Grade::Unknown && s.evaluated == 0));
    }
}
