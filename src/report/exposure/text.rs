//! Exposure for people, without colour. What was not looked at stands beside what
//! was found.

use std::fmt::{Result, Write as _};

use super::entry::danger;
use super::numbers::{self, SEVERITIES, Told, some};
use super::{about, section};
use crate::checks::{Change, CheckResult, Outcome, Severity};
use crate::exposure::Exposure;
use crate::exposure::outcome::{Grade, worst_open};
use crate::types::shown;

/// Ways in, rows of reach and credentials that are listed.
const LISTED: usize = 40;

/// Writes it. Every text that a database user may have chosen is escaped.
pub fn write(out: &mut String, e: &Exposure) -> Result {
    writeln!(out, "\nExposure: {}", numbers::headline(e))?;
    let reach = match numbers::over(e) {
        0 => "nothing open reaches it".to_owned(),
        1 => "1 open finding reaches it".to_owned(),
        n => format!("{n} open findings reach it"),
    };
    writeln!(out, "  threshold    {}: {reach}", numbers::threshold(e))?;
    let planes: Vec<&str> = e.planes.iter().map(|p| p.name()).collect();
    let at = e.posture_at.map_or_else(String::new, |at| format!("; the posture as of {}", at.strftime("%F %H:%MZ")));
    writeln!(out, "  looked at    {}{at}", if planes.is_empty() { "nothing".into() } else { planes.join(", ") })?;
    if let Some(drift) = numbers::drift(e) {
        writeln!(out, "  changes      {drift}")?;
    }
    if let Some(d) = &e.declarations {
        writeln!(out, "  declared     waivers and intent with SHA-256 {d}")?;
    }
    findings(out, e)?;
    waived(out, e)?;
    not_evaluated(out, e)?;
    sections(out, e)?;
    entry(out, e)?;
    reach_rows(out, e)?;
    credentials(out, e)
}

fn sections(out: &mut String, e: &Exposure) -> Result {
    if e.sections.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nSections of the guide (A: nothing open … E: critical; ?: too little evaluated)")?;
    for s in &e.sections {
        let title = section(s.number);
        let open = if s.open > 0 { format!(", {} open", s.open) } else { String::new() };
        let waived = if s.waived > 0 { format!(", {} waived", s.waived) } else { String::new() };
        let looked = format!("{} of {} evaluated", s.evaluated, s.checks);
        writeln!(out, "  {}  {:>2} {title:<40} {looked}{open}{waived}", grade(s.grade), s.number)?;
    }
    Ok(())
}

/// `A` to `E`, or `?`.
pub const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::A => "A",
        Grade::B => "B",
        Grade::C => "C",
        Grade::D => "D",
        Grade::E => "E",
        Grade::Unknown => "?",
    }
}

fn entry(out: &mut String, e: &Exposure) -> Result {
    if e.entry.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWho can enter, the worst first ({})", some(e.entry.len(), "way"))?;
    for way in e.entry.iter().take(LISTED) {
        let admin = if way.superuser { ", a superuser among them" } else { "" };
        let maybe = if way.maybe { " (maybe)" } else { "" };
        writeln!(
            out,
            "  {:<8}  from {} ({}), {}, {}: {}{admin}{maybe}",
            if danger(way) == Severity::Info { "-" } else { danger(way).name() },
            shown(&way.from),
            shown(&way.class),
            shown(&way.transport),
            shown(&way.method),
            some(way.role_count as usize, "role"),
        )?;
        writeln!(out, "            {}", shown(&way.rule))?;
    }
    rest(out, e.entry.len())
}

fn findings(out: &mut String, e: &Exposure) -> Result {
    let with: Vec<&CheckResult> = e.checks.iter().filter(|c| c.outcome == Outcome::Finding).collect();
    writeln!(out, "\nOpen findings ({})", numbers::all_open(e))?;
    for severity in SEVERITIES {
        for c in with.iter().filter(|c| worst_open(c) == Some(severity)) {
            writeln!(out, "  {:<8}  {:<12} {}", severity.name(), shown(&c.id), shown(&c.title))?;
            let open: Vec<Told<'_>> = numbers::of(c).filter(|t| !t.waived).collect();
            let mut last = None;
            for t in &open {
                let level = if t.severity == severity { "" } else { t.severity.name() };
                let tags: Vec<&str> = [level, change(t.finding.change)].into_iter().filter(|t| !t.is_empty()).collect();
                let tags = if tags.is_empty() { String::new() } else { format!(" [{}]", tags.join(", ")) };
                writeln!(out, "            - {}: {}{tags}", shown(&t.finding.object), shown(&t.finding.message))?;
                // The same next step is not said twice in a row.
                if !t.finding.remedy.is_empty() && last != Some(&t.finding.remedy) {
                    remedy(out, &c.id, &t.finding.remedy)?;
                }
                last = Some(&t.finding.remedy);
            }
            if let Some(about) = about(&c.id) {
                writeln!(out, "            why: {}", about.why)?;
            }
            if let Some(reason) = &c.reason {
                writeln!(out, "            {}", shown(reason))?;
            }
        }
    }
    Ok(())
}

/// A next step. Only the catalogue's own may have lines.
fn remedy(out: &mut String, id: &str, remedy: &str) -> Result {
    if about(id).is_some_and(|a| a.remedy == remedy) {
        return remedy.lines().try_for_each(|l| writeln!(out, "              {l}"));
    }
    writeln!(out, "              {}", shown(remedy))
}

/// The word for what a finding is since the last look.
pub const fn change(change: Option<Change>) -> &'static str {
    match change {
        Some(Change::New) => "new",
        Some(Change::Changed) => "changed",
        Some(Change::Unchanged) | None => "",
    }
}

/// Why a finding is accepted, in one line. A check that is accepted as a whole says
/// it itself.
pub fn accepted(t: &Told<'_>) -> String {
    match &t.finding.waiver {
        Some(w) => {
            let ticket = w.ticket.as_deref().map_or_else(String::new, |t| format!(" ({t})"));
            format!("{}, by {}{ticket}, until {}", w.reason, w.owner, w.expires)
        }
        None => t.check.reason.clone().unwrap_or_else(|| "no reason given".to_owned()),
    }
}

fn waived(out: &mut String, e: &Exposure) -> Result {
    let all = numbers::findings(e);
    let mut waived = all.iter().filter(|t| t.waived).peekable();
    if waived.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\nWaived")?;
    for t in waived {
        writeln!(out, "  {:<8}  {:<12} {}", t.severity.name(), shown(&t.check.id), shown(&t.finding.object))?;
        writeln!(out, "            {}", shown(&accepted(t)))?;
    }
    Ok(())
}

/// Checks that said nothing, each with why.
pub fn silent(e: &Exposure) -> Vec<(&CheckResult, &str)> {
    let not = |c: &&CheckResult| matches!(c.outcome, Outcome::NotEvaluated | Outcome::NotApplicable | Outcome::Error);
    e.checks.iter().filter(not).map(|c| (c, c.reason.as_deref().unwrap_or("no reason given"))).collect()
}

fn not_evaluated(out: &mut String, e: &Exposure) -> Result {
    let all = silent(e);
    if all.is_empty() && e.required_open.is_empty() && !e.checks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nNot evaluated")?;
    if e.checks.is_empty() {
        writeln!(out, "  - no check of exposure was run")?;
    }
    for (c, why) in all {
        writeln!(out, "  - {} ({}): {}", shown(&c.id), c.outcome.name(), shown(why))?;
    }
    e.required_open.iter().try_for_each(|id| writeln!(out, "  - {} is required", shown(id)))
}

fn reach_rows(out: &mut String, e: &Exposure) -> Result {
    if e.reach.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWho can read what, the worst first")?;
    for r in e.reach.iter().take(LISTED) {
        let public = if r.public { ", PUBLIC among them" } else { "" };
        writeln!(
            out,
            "  {} of {} logins read, {} write{public}: {}",
            r.readers,
            r.logins,
            r.writers,
            shown(&r.object)
        )?;
        let from = r.widest_entry.as_deref().map_or_else(String::new, |c| format!("; from: {}", shown(c)));
        let plain = if r.without_tls == Some(true) { ", without encryption" } else { "" };
        writeln!(out, "            {}{from}{plain}", shown(&r.classes.join(", ")))?;
    }
    rest(out, e.reach.len())
}

fn credentials(out: &mut String, e: &Exposure) -> Result {
    if e.credentials.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nIf this backup leaks, rotate ({})", some(e.credentials.len(), "credential"))?;
    for c in e.credentials.iter().take(LISTED) {
        writeln!(out, "  - {} ({}), there since {}", shown(&c.object), shown(&c.kind), c.first_seen.strftime("%F"))?;
    }
    rest(out, e.credentials.len())
}

fn rest(out: &mut String, all: usize) -> Result {
    if all > LISTED { writeln!(out, "  and {} more in the JSON report", all - LISTED) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::{sample, with_name};
    use crate::report::json::tests::HOSTILE;

    fn text(e: &Exposure) -> String {
        let mut out = String::new();
        write(&mut out, e).unwrap();
        out
    }

    #[test]
    fn everything_is_said_and_the_worst_comes_first() {
        let said = text(&sample());
        for line in [
            "Exposure: open: 1 critical, 1 high, 1 medium, 1 low, 1 info, 2 waived; 6 of 8 checks evaluated",
            "threshold    high, medium for what is new: 2 open findings reach it",
            "3 new, 1 changed, 2 unchanged, 4 fixed, 5 unknown (their checks could not look)",
            "  E   1 Keep the server off the public internet  4 of 4 evaluated, 1 open",
            "  ?   4 Authenticate strongly",
            "  critical  from 0.0.0.0/0 (global), plain, trust: 12 roles, a superuser among them",
            "  critical  EXP-HBA-901  nobody enters",
            "            why: Whoever reaches the port is in",
            "[medium]",
            "narrowed by a network policy, by platform@acme.example (SEC-214), until 2027-02-01",
            "- EXP-AUTH-901 (not_evaluated): the backup role may not read pg_authid",
            "- EXP-AUTH-901 is required",
            "- EXP-FUNC-901 (error): ",
            "9 of 12 logins read, 2 write, PUBLIC among them: database shop: table public.customers",
            "email: contact, iban: financial; from: global, without encryption",
            "- password of role app (scram verifier), there since 2026-01-02",
            "not everything could be looked at: database old",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
        let at = |what: &str| said.find(what).unwrap();
        assert!(at("critical  EXP-HBA-901") < at("high      EXP-PRIV-901"));
    }

    #[test]
    fn nothing_hostile_gets_through() {
        let lines = text(&with_name("plain")).lines().count();
        for name in HOSTILE {
            let said = text(&with_name(name));
            assert!(!said.contains(['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}', '\u{200b}', '\u{2028}', '\r']), "{said}");
            assert_eq!(said.lines().count(), lines, "{said}");
        }
    }

    #[test]
    fn nothing_looked_at_says_so() {
        let mut e = sample();
        e.checks.clear();
        e.planes.clear();
        let said = text(&e);
        assert!(said.contains("no check of exposure was run") && said.contains("looked at    nothing"), "{said}");
        assert!(said.contains("Exposure: nothing open; 0 of 0 checks evaluated"), "{said}");
    }
}
