//! The report for people: readable without colour, and what was *not* checked
//! stands beside what was.

use std::fmt::Write as _;

use super::{AuditReport, ErrorEntry, ProofLevel, Report, Verdict, exposure};
use crate::checks::{CheckResult, Outcome};
use crate::scratch::ProbeOutcome;
use crate::types::{Redaction, shown};

/// Renders it. Every text that a database user may have chosen is escaped.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, report);
    out
}

/// Renders the report of an audit.
pub fn audit(report: &AuditReport) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_audit(&mut out, report);
    out
}

fn write_audit(out: &mut String, r: &AuditReport) -> std::fmt::Result {
    writeln!(out, "Audit of {}: {}", r.source, r.standing().name().to_uppercase())?;
    writeln!(out, "  exit code    {}", r.exit_code)?;
    let major = r.server_major.map_or_else(|| "none was looked at".to_owned(), |m| format!("PostgreSQL {m}"));
    writeln!(out, "  server       {major}")?;
    writeln!(out, "  looked       {} to {}", r.started_at.strftime("%F %TZ"), r.finished_at.strftime("%F %TZ"))?;
    names(out, r.redaction)?;
    list(out, "Why", &r.reasons)?;
    exposure::text::write(out, &r.exposure)?;
    errors(out, &r.errors)
}

fn names(out: &mut String, redaction: Redaction) -> std::fmt::Result {
    let names = match redaction {
        Redaction::None => None,
        Redaction::Names => {
            Some("pseudonyms stand for them; on the host that wrote this, `pgseal report show RUN --names` tells which")
        }
        Redaction::Details => Some("left out, with all that depends on them (redact = \"details\")"),
    };
    names.map_or(Ok(()), |how| writeln!(out, "  names        {how}"))
}

fn errors(out: &mut String, all: &[ErrorEntry]) -> std::fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nErrors")?;
    for e in all {
        let object = e.object.as_deref().map_or_else(String::new, |o| format!("{}: ", shown(o)));
        writeln!(out, "  [{}] {}: {object}{}", e.code, shown(&e.stage), shown(&e.message))?;
        if let Some(hint) = &e.hint {
            writeln!(out, "       hint: {}", shown(hint))?;
        }
    }
    Ok(())
}

fn write(out: &mut String, r: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "Drill of {} {} (slot {}, {}): {}",
        r.source,
        r.backup_id,
        r.seq,
        r.kind.name(),
        r.verdict.name().to_uppercase()
    )?;
    writeln!(out, "  proof level  {}{}", r.proof_level.name(), nothing_more(r))?;
    writeln!(out, "  exit code    {}", r.exit_code)?;
    writeln!(out, "  signed by    {}", r.signer.as_deref().map_or("nobody that is trusted".into(), shown))?;
    writeln!(out, "  manifest     {}", r.manifest_sha256)?;
    writeln!(out, "  server       PostgreSQL {}", r.server_major)?;
    writeln!(out, "  backup age   {}, data as of {} before the drill", duration(r.backup_age_s), duration(r.rpo_s))?;
    let t = &r.timings_s;
    writeln!(
        out,
        "  time         fetch {:.1} s, restore {:.1} s, start {:.1} s, checks {:.1} s, total {:.1} s",
        t.fetch, t.restore, t.start, t.checks, t.total
    )?;
    names(out, r.redaction)?;
    match r.rto_s {
        Some(s) => writeln!(out, "  restorable   in {s:.1} s (fetch, restore and start on this host)")?,
        None => writeln!(out, "  restorable   not measured")?,
    }
    list(out, "Why", &r.reasons)?;
    isolation(out, r)?;
    checks(out, r)?;
    not_checked(out, r)?;
    if let Some(e) = &r.exposure {
        exposure::text::write(out, e)?;
    }
    errors(out, &r.errors)?;
    let gone = |b: bool| if b { "gone" } else { "LEFT BEHIND" };
    match &r.teardown {
        Some(t) => {
            writeln!(out, "\nTeardown: instance {}, directory {}", gone(t.instance_gone), gone(t.directory_gone))
        }
        None => writeln!(out, "\nTeardown: nothing was made"),
    }
}

/// A pass that proves less than it could says why.
fn nothing_more(r: &Report) -> &'static str {
    if r.verdict == Verdict::Passed && r.proof_level < ProofLevel::Data && no_rows(r) {
        " (the backup is empty: there is no row to prove more with)"
    } else {
        ""
    }
}

fn no_rows(r: &Report) -> bool {
    r.checks.iter().filter(|c| c.proves_data()).all(|c| c.outcome == Outcome::NotApplicable)
}

fn list(out: &mut String, title: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    items.iter().try_for_each(|i| writeln!(out, "  - {}", shown(i)))
}

fn isolation(out: &mut String, r: &Report) -> std::fmt::Result {
    let Some(i) = &r.isolation else { return writeln!(out, "\nIsolation: no instance was started") };
    writeln!(out, "\nIsolation {} (required {})", shown(&i.level), shown(&i.required))?;
    for p in &i.probes {
        let word = match p.outcome {
            ProbeOutcome::Pass => "pass",
            ProbeOutcome::Fail => "FAIL",
            ProbeOutcome::NotEvaluated => "????",
        };
        writeln!(out, "  {word}  {:<12} {}: {}", shown(&p.id), shown(&p.title), shown(&p.evidence))?;
    }
    i.reasons.iter().try_for_each(|n| writeln!(out, "  note  {}", shown(n)))
}

fn checks(out: &mut String, r: &Report) -> std::fmt::Result {
    writeln!(out, "\nChecks ({})", r.checks.len())?;
    for c in &r.checks {
        let word = match c.outcome {
            Outcome::Pass => "pass",
            Outcome::Finding => "FIND",
            Outcome::Waived => "waiv",
            Outcome::NotEvaluated => "????",
            Outcome::NotApplicable => "n/a ",
            Outcome::Error => "ERR ",
        };
        writeln!(out, "  {word}  {:<12} {} ({} of {} examined)", shown(&c.id), shown(&c.title), c.examined, c.present)?;
        for f in &c.findings {
            writeln!(out, "        - {}: {}", shown(&f.object), shown(&f.message))?;
            if !f.remedy.is_empty() {
                writeln!(out, "          {}", shown(&f.remedy))?;
            }
        }
        if let (Some(reason), true) =
            (&c.reason, matches!(c.outcome, Outcome::Pass | Outcome::Finding | Outcome::Waived))
        {
            writeln!(out, "        {}", shown(reason))?;
        }
    }
    Ok(())
}

fn not_checked(out: &mut String, r: &Report) -> std::fmt::Result {
    let not = |c: &&CheckResult| matches!(c.outcome, Outcome::NotEvaluated | Outcome::NotApplicable | Outcome::Error);
    let mut items: Vec<String> = r
        .checks
        .iter()
        .filter(not)
        .map(|c| format!("{} ({}): {}", c.id, c.outcome.name(), c.reason.as_deref().unwrap_or("no reason given")))
        .collect();
    if r.checks.is_empty() {
        items.push("no check was run".into());
    }
    if let Some(i) = &r.isolation {
        let open = i.probes.iter().filter(|p| p.outcome == ProbeOutcome::NotEvaluated);
        items.extend(open.map(|p| format!("{} (not_evaluated): {}", p.id, p.evidence)));
    }
    list(out, "Not checked", &items)
}

/// `1 d 02:03:04`.
pub(super) fn duration(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if d > 0 { format!("{d} d {h:02}:{m:02}:{s:02}") } else { format!("{h:02}:{m:02}:{s:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::{HOSTILE, sample, with_name};

    #[test]
    fn everything_is_said_and_nothing_hostile_gets_through() {
        let text = render(&sample());
        for line in [
            "FAILED",
            "FIND  INT-ROWS     every table has its rows (2 of 2 examined)",
            "3 rows expected, 2 restored",
            "Not checked\n  - INT-LO (not_applicable): there is nothing of this kind",
            "- PHY-AMCHECK (not_evaluated): the extension amcheck is not installed",
            "- ISO-009 (not_evaluated): no answer",
            "[51] checks: 1 check found something",
            "hint: See the checks.",
            "Teardown: instance gone, directory gone",
            "data as of 01:00:00 before the drill",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert!(text.contains("public.\\u{1b}[31m<b>\"&\\n\\u{202e}x]]>"), "{text}");
    }

    #[test]
    fn a_hostile_name_makes_no_line_and_moves_no_cursor() {
        let lines = render(&with_name("plain")).lines().count();
        for name in HOSTILE {
            let text = render(&with_name(name));
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}', '\u{200b}', '\u{2028}', '\r']), "{text}");
            assert_eq!(text.lines().count(), lines, "{text}");
        }
    }

    #[test]
    fn an_audit_says_where_it_stands() {
        let text = audit(&crate::report::audit::tests::sample());
        for line in [
            "Audit of shop: EXPOSED",
            "looked       2026-11-23 05:00:00Z to 2026-11-23 05:00:02Z",
            "- EXP-HBA-901 (nobody enters over the network without authentication) has open findings, critical",
            "Exposure: open: 1 critical",
            "hint: Allow connections.",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_report_without_checks_says_so() {
        let mut r = sample();
        r.checks.clear();
        r.isolation = None;
        let text = render(&r);
        assert!(text.contains("no check was run") && text.contains("no instance was started"));
    }

    #[test]
    fn durations() {
        assert_eq!(duration(59), "00:00:59");
        assert_eq!(duration(90_061), "1 d 01:01:01");
    }
}
