//! The drill for Prometheus' textfile collector: text format 0.0.4, gauges only,
//! one sample set per source. The run, the backup and names of databases are no
//! labels: every drill would make new time series.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{AuditReport, ProofLevel, Report, Verdict, exposure};
use crate::checks::{Outcome, Severity};
use crate::scratch::ProbeOutcome;

/// Renders it.
pub fn render(report: &Report) -> String {
    let mut out = Metrics::new("drill", report.source.as_str());
    let verdicts = [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive, Verdict::Unsafe];
    let is = |yes: bool| f64::from(u8::from(yes));
    out.family(
        "verdict",
        "What the newest drill said: 1 for the verdict that it gave, 0 for the others.",
        verdicts.map(|v| (vec![("verdict", v.name())], is(v == report.verdict))),
    );
    let levels = [ProofLevel::None, ProofLevel::Stored, ProofLevel::Restored, ProofLevel::Booted, ProofLevel::Data];
    out.family(
        "proof_level",
        "How far the proof of the newest drill goes: 1 for the level that it reached.",
        levels.map(|l| (vec![("level", l.name())], is(l == report.proof_level))),
    );
    out.one("exit_code", "Exit code of the newest drill; 0 is a pass.", f64::from(report.exit_code));
    if let Some(rto) = report.rto_s {
        out.one("rto_seconds", "Measured time to fetch, restore and start the newest drilled backup.", rto);
    }
    out.one(
        "rpo_seconds",
        "Age of the drilled backup's snapshot when the drill began: what would have been lost.",
        report.rpo_s as f64,
    );
    out.one(
        "backup_age_seconds",
        "Time from the end of the drilled backup to the start of the drill.",
        report.backup_age_s as f64,
    );
    out.one("duration_seconds", "Time that the newest drill took.", report.timings_s.total);
    let mut stages: BTreeMap<&str, f64> = BTreeMap::new();
    for s in &report.stages {
        *stages.entry(&s.name).or_default() += s.to_s - s.from_s;
    }
    out.family(
        "stage_duration_seconds",
        "Time that each stage of the newest drill took.",
        stages.iter().map(|(name, s)| (vec![("stage", *name)], *s)),
    );
    out.one("plain_bytes", "Size of the drilled backup's data before compression.", report.plain_bytes as f64);
    out.one("stored_bytes", "Size of the drilled backup in the store.", report.stored_bytes as f64);
    let checks = |o: Outcome| report.checks.iter().filter(|c| c.outcome == o).count() as f64;
    out.family(
        "checks",
        "Checks of the newest drill by outcome.",
        Outcome::ALL.map(|o| (vec![("outcome", o.name())], checks(o))),
    );
    let severities = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    let found = |s: Severity| {
        let all = report.checks.iter().filter(|c| c.outcome == Outcome::Finding && c.severity == s);
        all.map(|c| c.findings.len()).sum::<usize>() as f64
    };
    out.family(
        "findings",
        "Findings of the newest drill by severity; at most 100 a check.",
        severities.map(|s| (vec![("severity", s.name())], found(s))),
    );
    let probes =
        |o: ProbeOutcome| report.isolation.iter().flat_map(|i| &i.probes).filter(|p| p.outcome == o).count() as f64;
    let kinds =
        [(ProbeOutcome::Pass, "pass"), (ProbeOutcome::Fail, "fail"), (ProbeOutcome::NotEvaluated, "not_evaluated")];
    out.family(
        "probes",
        "Isolation probes of the newest drill by outcome.",
        kinds.map(|(o, word)| (vec![("outcome", word)], probes(o))),
    );
    out.one(
        "last_run_timestamp_seconds",
        "When the newest drill ended, in Unix time.",
        report.finished_at.as_second() as f64,
    );
    if let Some(at) = last_success(report) {
        out.one(
            "last_success_timestamp_seconds",
            "When a drill last passed, by this report and the signed reports before it; absent where none did.",
            at.as_second() as f64,
        );
    }
    if let Some(e) = &report.exposure {
        exposure::prometheus::add(&mut out, e);
    }
    out.text
}

/// Renders the report of an audit.
pub fn audit(report: &AuditReport) -> String {
    let mut out = Metrics::new("audit", report.source.as_str());
    out.one("exit_code", "Exit code of the newest audit; 0 is clear.", f64::from(report.exit_code));
    out.one(
        "last_run_timestamp_seconds",
        "When the newest audit ended, in Unix time.",
        report.finished_at.as_second() as f64,
    );
    exposure::prometheus::add(&mut out, &report.exposure);
    out.text
}

/// This drill, or the newest before it that passed.
fn last_success(report: &Report) -> Option<jiff::Timestamp> {
    if report.verdict == Verdict::Passed {
        return Some(report.finished_at);
    }
    report.history.iter().filter(|p| p.verdict == Verdict::Passed).map(|p| p.finished_at).max()
}

/// Families of one run, as they are written.
pub(super) struct Metrics {
    text: String,
    /// `drill` or `audit`.
    run: &'static str,
    source: String,
}

impl Metrics {
    fn new(run: &'static str, source: &str) -> Self {
        Self { text: String::new(), run, source: escape(source) }
    }

    /// A family with one sample.
    pub(super) fn one(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, [(Vec::new(), value)]);
    }

    /// Nothing at all where there is no sample: a family without samples is noise.
    pub(super) fn family<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        // Writing to a String cannot fail.
        let name = format!("pgseal_{}_{name}", self.run);
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = write!(self.text, "{name}{{source=\"{}\"", self.source);
            for (key, text) in labels {
                let _ = write!(self.text, ",{key}=\"{}\"", escape(text));
            }
            let _ = writeln!(self.text, "}} {value}");
        }
    }
}

/// A label's value: backslash, quote and line end are escaped (the text format's
/// own rule), other control characters shown as ours.
fn escape(text: &str) -> String {
    crate::types::shown(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::Span;
    use crate::report::json::tests::{HOSTILE, sample};

    /// The grammar of the text format 0.0.4, strictly: families in one piece with
    /// HELP and TYPE first, sorted out labels, no sample twice. Gives the samples.
    pub fn parse(text: &str) -> BTreeMap<String, f64> {
        let name = |n: &str| {
            !n.is_empty()
                && n.chars()
                    .enumerate()
                    .all(|(i, c)| c.is_ascii_alphabetic() || c == '_' || (i > 0 && c.is_ascii_digit()))
        };
        let mut samples = BTreeMap::new();
        let mut families: Vec<String> = Vec::new();
        let mut lines = text.strip_suffix('\n').expect("ends in a line end").lines().peekable();
        while let Some(line) = lines.next() {
            let help = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("no HELP: {line}"));
            let (family, words) = help.split_once(' ').unwrap();
            assert!(name(family) && !words.is_empty() && !families.contains(&family.to_owned()), "{line}");
            families.push(family.to_owned());
            assert_eq!(lines.next().unwrap(), format!("# TYPE {family} gauge"));
            let before = samples.len();
            while let Some(line) = lines.next_if(|l| !l.starts_with('#')) {
                let rest =
                    line.strip_prefix(family).and_then(|l| l.strip_prefix('{')).unwrap_or_else(|| panic!("{line}"));
                let mut rest = rest;
                let mut labels = Vec::new();
                loop {
                    let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                    assert!(name(key) && !key.contains(':') && !labels.contains(&key), "{line}");
                    labels.push(key);
                    let mut end = None;
                    let mut chars = after.char_indices();
                    while let Some((at, c)) = chars.next() {
                        match c {
                            '\\' => assert!(matches!(chars.next().unwrap().1, '\\' | '"' | 'n'), "{line}"),
                            '"' => {
                                end = Some(at);
                                break;
                            }
                            c => assert!(!c.is_control(), "{line}"),
                        }
                    }
                    rest = &after[end.unwrap_or_else(|| panic!("open quote: {line}")) + 1..];
                    match rest.strip_prefix(',') {
                        Some(more) => rest = more,
                        None => break,
                    }
                }
                let value = rest.strip_prefix("} ").unwrap_or_else(|| panic!("{line}"));
                let number: f64 = value.parse().unwrap();
                let key = line[..line.len() - value.len() - 1].to_owned();
                assert!(samples.insert(key, number).is_none(), "twice: {line}");
            }
            assert!(samples.len() > before, "no sample of {family}");
        }
        samples
    }

    #[test]
    fn the_numbers_are_those_of_the_report() {
        let all = parse(&render(&sample()));
        for (key, value) in [
            ("pgseal_drill_verdict{source=\"shop\",verdict=\"failed\"}", 1.0),
            ("pgseal_drill_verdict{source=\"shop\",verdict=\"passed\"}", 0.0),
            ("pgseal_drill_proof_level{source=\"shop\",level=\"booted\"}", 1.0),
            ("pgseal_drill_proof_level{source=\"shop\",level=\"data\"}", 0.0),
            ("pgseal_drill_exit_code{source=\"shop\"}", 51.0),
            ("pgseal_drill_rto_seconds{source=\"shop\"}", 5.65),
            ("pgseal_drill_rpo_seconds{source=\"shop\"}", 3600.0),
            ("pgseal_drill_backup_age_seconds{source=\"shop\"}", 3000.0),
            ("pgseal_drill_stage_duration_seconds{source=\"shop\",stage=\"fetch\"}", 1.25),
            ("pgseal_drill_checks{source=\"shop\",outcome=\"not_evaluated\"}", 1.0),
            ("pgseal_drill_checks{source=\"shop\",outcome=\"waived\"}", 0.0),
            ("pgseal_drill_findings{source=\"shop\",severity=\"high\"}", 1.0),
            ("pgseal_drill_probes{source=\"shop\",outcome=\"not_evaluated\"}", 1.0),
            ("pgseal_drill_stored_bytes{source=\"shop\"}", 300_000.0),
            // 2026-11-23T04:00:08Z, and the drill of the day before, which passed.
            ("pgseal_drill_last_run_timestamp_seconds{source=\"shop\"}", 1_795_406_408.0),
            ("pgseal_drill_last_success_timestamp_seconds{source=\"shop\"}", 1_795_320_008.0),
        ] {
            assert_eq!(all.get(key), Some(&value), "{key}\n{all:#?}");
        }
    }

    #[test]
    fn what_is_not_known_is_absent_and_not_zero() {
        let mut r = sample();
        (r.rto_s, r.isolation) = (None, None);
        r.history.clear();
        r.stages.clear();
        let all = parse(&render(&r));
        for absent in ["rto_seconds", "last_success", "stage_duration"] {
            assert!(!all.keys().any(|k| k.contains(absent)), "{absent}");
        }
        r.verdict = Verdict::Passed;
        assert!(parse(&render(&r)).keys().any(|k| k.contains("last_success")));
    }

    #[test]
    fn hostile_stages_stay_in_their_label() {
        for name in HOSTILE {
            let mut r = sample();
            r.stages = vec![Span { name: name.to_owned(), from_s: 0.0, to_s: 1.0 }];
            let text = render(&r);
            assert_eq!(parse(&text).keys().filter(|k| k.contains("stage=")).count(), 1, "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']));
        }
    }
}
