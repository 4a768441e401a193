//! Exposure for Prometheus. Numbers only: no name is a label.

use jiff::tz::TimeZone;

use super::numbers::{self, SEVERITIES};
use crate::checks::Outcome;
use crate::exposure::Exposure;
use crate::exposure::outcome::Grade;
use crate::report::prometheus::Metrics;

/// Adds its families. They have other names for drills and for audits, so that the
/// textfiles of both can lie beside each other.
pub(in crate::report) fn add(out: &mut Metrics, e: &Exposure) {
    out.family(
        "exposure_findings",
        "Open findings by severity; at most 100 a check. Waived ones are not open.",
        SEVERITIES.map(|s| (vec![("severity", s.name())], numbers::open(e, s) as f64)),
    );
    out.one("exposure_findings_over_threshold", "Open findings that end a run with 52.", numbers::over(e) as f64);
    out.family(
        "exposure_checks",
        "Checks of exposure by outcome.",
        Outcome::ALL.map(|o| (vec![("outcome", o.name())], numbers::with(e, o) as f64)),
    );
    out.one(
        "exposure_required_not_evaluated",
        "Checks that must be evaluated and were not.",
        e.required_open.len() as f64,
    );
    let numbers: Vec<String> = e.sections.iter().map(|s| s.number.to_string()).collect();
    let sections = || numbers.iter().map(String::as_str).zip(&e.sections);
    out.family(
        "exposure_section_coverage_ratio",
        "Part of a section's checks that was evaluated, by section of the guide.",
        sections().map(|(n, s)| {
            (vec![("section", n)], if s.checks > 0 { f64::from(s.evaluated) / f64::from(s.checks) } else { 0.0 })
        }),
    );
    out.family(
        "exposure_section_grade",
        "Worst open finding of a section: 0 none, 1 low, 2 medium, 3 high, 4 critical; absent where too little was evaluated.",
        sections().filter_map(|(n, s)| Some((vec![("section", n)], grade(s.grade)?))),
    );
    out.one("exposure_waivers", "Findings that are waived.", self::numbers::waived(e) as f64);
    let ends = self::numbers::oldest_waiver(e).and_then(|day| {
        let midnight = day.tomorrow().ok()?.at(0, 0, 0, 0);
        TimeZone::UTC.to_timestamp(midnight).ok()
    });
    if let Some(ends) = ends {
        out.one(
            "exposure_waiver_expires_timestamp_seconds",
            "When the first waiver ends, in Unix time; absent where there is none.",
            ends.as_second() as f64,
        );
    }
    if let Some(d) = &e.drift {
        out.family(
            "exposure_drift_findings",
            "Findings beside those of the last look; absent where there was none.",
            [
                ("new", d.new),
                ("changed", d.changed),
                ("unchanged", d.unchanged),
                ("fixed", d.fixed),
                ("unknown", d.unknown),
            ]
            .map(|(state, n)| (vec![("state", state)], f64::from(n))),
        );
    }
    out.one(
        "exposure_ruleset",
        "Version of the catalogue: compare numbers of equal versions only.",
        f64::from(e.ruleset),
    );
}

const fn grade(grade: Grade) -> Option<f64> {
    match grade {
        Grade::A => Some(0.0),
        Grade::B => Some(1.0),
        Grade::C => Some(2.0),
        Grade::D => Some(3.0),
        Grade::E => Some(4.0),
        Grade::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::report::prometheus::{self, tests::parse};
    use crate::report::{audit, json};

    #[test]
    fn the_numbers_are_those_of_the_exposure_and_drill_and_audit_do_not_collide() {
        let drill = parse(&prometheus::render(&json::tests::sample()));
        let audit = parse(&prometheus::audit(&audit::tests::sample()));
        assert!(drill.keys().all(|k| !audit.contains_key(k)));
        for (run, all) in [("drill", &drill), ("audit", &audit)] {
            for (key, value) in [
                ("findings{source=\"shop\",severity=\"critical\"}", 1.0),
                ("findings{source=\"shop\",severity=\"info\"}", 1.0),
                ("findings_over_threshold{source=\"shop\"}", 2.0),
                ("checks{source=\"shop\",outcome=\"not_evaluated\"}", 1.0),
                ("required_not_evaluated{source=\"shop\"}", 1.0),
                ("section_coverage_ratio{source=\"shop\",section=\"8\"}", 0.9),
                ("section_grade{source=\"shop\",section=\"1\"}", 4.0),
                ("waivers{source=\"shop\"}", 2.0),
                // 2027-01-01T00:00:00Z: the day after the last.
                ("waiver_expires_timestamp_seconds{source=\"shop\"}", 1_798_761_600.0),
                ("drift_findings{source=\"shop\",state=\"unknown\"}", 5.0),
                ("ruleset{source=\"shop\"}", 1.0),
            ] {
                let key = format!("pgseal_{run}_exposure_{key}");
                assert_eq!(all.get(&key), Some(&value), "{key}\n{all:#?}");
            }
            let unknown = format!("pgseal_{run}_exposure_section_grade{{source=\"shop\",section=\"4\"}}");
            assert!(!all.contains_key(&unknown), "not known is no number");
        }
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let mut r = audit::tests::sample();
        r.exposure.drift = None;
        r.exposure.checks.clear();
        let all = parse(&prometheus::audit(&r));
        assert!(!all.keys().any(|k| k.contains("drift") || k.contains("waiver_expires")));
        let mut drill = json::tests::sample();
        drill.exposure = None;
        assert!(!parse(&prometheus::render(&drill)).keys().any(|k| k.contains("exposure")));
    }
}
