//! Exposure for the summary of a CI job: what is open first, the rest folded away.

use std::fmt::Write as _;

use super::entry::{self, Cell, Proof};
use super::numbers::{self, SEVERITIES, Told, some};
use super::text::{accepted, change, grade, silent};
use super::{about, section};
use crate::checks::{CheckResult, Outcome, Severity};
use crate::exposure::Exposure;
use crate::exposure::outcome::{Grade, worst_open};
use crate::report::markdown::{Sections, bullets, fold, name, safe};

/// Rows of a table.
const LISTED: usize = 200;

/// Its sections, the most pressing first.
pub fn sections(e: &Exposure) -> Sections {
    [vec![head(e)], findings(e), entry_matrix(e), guide(e), not_evaluated(e), waived(e), ways(e), reach(e), rotate(e)]
        .concat()
}

/// A word with a sign whose form tells as much as its colour.
pub const fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "⛔ **critical**",
        Severity::High => "🔴 **high**",
        Severity::Medium => "🟠 medium",
        Severity::Low => "🔸 low",
        Severity::Info => "▫️ info",
    }
}

fn head(e: &Exposure) -> String {
    let mut out = "\n### Exposure\n\n| | |\n|---|---|\n".to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| Open | {} |", or(&numbers::by_severity(e), "nothing"));
    let over = numbers::over(e);
    let _ = writeln!(out, "| Threshold | {}: {} at or above it |", numbers::threshold(e), some(over, "open finding"));
    let looked = format!("{} of {}", numbers::evaluated(e), some(e.checks.len(), "check"));
    let planes: Vec<&str> = e.planes.iter().map(|p| p.name()).collect();
    let _ = writeln!(out, "| Evaluated | {looked}, looking at {} |", or(&planes.join(", "), "nothing"));
    if let Some(drift) = numbers::drift(e) {
        let _ = writeln!(out, "| Since the last look | {drift} |");
    }
    if let Some(day) = numbers::oldest_waiver(e) {
        let _ = writeln!(out, "| Waived | {}; the first waiver ends on {day} |", some(numbers::waived(e), "finding"));
    }
    out
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

fn findings(e: &Exposure) -> Sections {
    let mut all = Vec::new();
    for severity in SEVERITIES {
        for c in e.checks.iter().filter(|c| worst_open(c) == Some(severity)) {
            let open: Vec<Told<'_>> = numbers::of(c).filter(|t| !t.waived).collect();
            let mut body = String::new();
            if let Some(about) = about(&c.id) {
                let _ = writeln!(body, "{}\n", safe(about.why));
            }
            let lines = open.iter().map(|t| line(t, severity));
            let _ = bullets(&mut body, lines, open.len());
            if let Some(why) = &c.reason {
                let _ = writeln!(body, "\n{}", safe(why));
            }
            let found = some(open.len().max(1), "finding");
            all.push(fold(&format!("{} {}: {found}: {}", sign(severity), safe(&c.id), safe(&c.title)), &body));
        }
    }
    if all.is_empty() { all } else { [vec!["\n#### Open findings\n".to_owned()], all].concat() }
}

fn line(t: &Told<'_>, worst: Severity) -> String {
    let level = if t.severity == worst { String::new() } else { format!(" ({})", t.severity.name()) };
    let new = change(t.finding.change);
    let new = if new.is_empty() { String::new() } else { format!(" **{new}**") };
    // The catalogue's own may have lines.
    let remedy = match about(&t.check.id) {
        Some(a) if a.remedy == t.finding.remedy => safe(&a.remedy.replace('\n', " ")),
        _ => safe(&t.finding.remedy),
    };
    format!("{}{level}{new}: {} {remedy}", name(&t.finding.object), safe(&t.finding.message))
}

/// Who can enter from where, by what proof, as what.
fn entry_matrix(e: &Exposure) -> Sections {
    let lines = entry::matrix(&e.entry);
    if lines.is_empty() {
        return Vec::new();
    }
    let mut out = "\n#### Who can enter\n\n| from |".to_owned();
    for p in Proof::ALL {
        let _ = write!(out, " {} ({}) |", p.name(), p.methods());
    }
    let _ = writeln!(out, "\n|---|---|---|---|---|---|");
    for l in lines {
        let cells: Vec<String> = l.cells.iter().map(|c| c.as_ref().map_or_else(|| "–".to_owned(), cell)).collect();
        let _ = writeln!(out, "| {} | {} |", l.place.name(), cells.join(" | "));
    }
    vec![out]
}

fn cell(c: &Cell) -> String {
    let word = if c.danger == Severity::Info { "✔ as meant" } else { sign(c.danger) };
    let admin = if c.superuser { ", a superuser" } else { "" };
    let plain = if c.plain { ", not encrypted" } else { "" };
    let maybe = if c.maybe { ", maybe" } else { "" };
    format!("{word}: {}{admin}{plain}{maybe}", some(c.roles as usize, "role"))
}

fn guide(e: &Exposure) -> Sections {
    if e.sections.is_empty() {
        return Vec::new();
    }
    let mut body = "| grade | section | evaluated | open | waived |\n|---|---|---:|---:|---:|\n".to_owned();
    for s in &e.sections {
        let (number, title) = (s.number, section(s.number));
        let word = match s.grade {
            Grade::D | Grade::E => format!("**{}**", grade(s.grade)),
            other => grade(other).to_owned(),
        };
        let looked = format!("{} of {}", s.evaluated, s.checks);
        let _ = writeln!(body, "| {word} | {number}. {title} | {looked} | {} | {} |", s.open, s.waived);
    }
    let count = |g: Grade| e.sections.iter().filter(|s| s.grade == g).count();
    let grades = [Grade::E, Grade::D, Grade::C, Grade::B, Grade::A, Grade::Unknown];
    let tally: Vec<String> =
        grades.iter().filter(|g| count(**g) > 0).map(|g| format!("{} × {}", count(*g), grade(*g))).collect();
    vec![fold(&format!("Sections of the guide: {}", tally.join(", ")), &body)]
}

fn not_evaluated(e: &Exposure) -> Sections {
    let silent = silent(e);
    let open: Vec<&(&CheckResult, &str)> = silent.iter().filter(|(c, _)| c.outcome != Outcome::NotApplicable).collect();
    let mut out = "\n#### Not evaluated\n\n".to_owned();
    if e.checks.is_empty() {
        let _ = writeln!(out, "**No check of exposure was run.**");
        return vec![out];
    }
    if open.is_empty() {
        return Vec::new();
    }
    let required = |id: &String| if e.required_open.contains(id) { " **required**" } else { "" };
    let lines =
        open.iter().map(|(c, why)| format!("{} ({}){}: {}", safe(&c.id), c.outcome.name(), required(&c.id), safe(why)));
    let _ = bullets(&mut out, lines, open.len());
    vec![out]
}

fn waived(e: &Exposure) -> Sections {
    let all = numbers::findings(e);
    let waived: Vec<&Told<'_>> = all.iter().filter(|t| t.waived).collect();
    if waived.is_empty() {
        return Vec::new();
    }
    let mut body = String::new();
    let lines = waived.iter().map(|t| {
        format!("{} ({}): {}: {}", safe(&t.check.id), t.severity.name(), name(&t.finding.object), safe(&accepted(t)))
    });
    let _ = bullets(&mut body, lines, waived.len());
    vec![fold(&format!("Waived: {}", some(waived.len(), "finding")), &body)]
}

fn ways(e: &Exposure) -> Sections {
    if e.entry.is_empty() {
        return Vec::new();
    }
    let mut body = "| danger | from | transport | method | roles | rule |\n|---|---|---|---|---:|---|\n".to_owned();
    for w in e.entry.iter().take(LISTED) {
        let danger = entry::danger(w);
        let word = if danger == Severity::Info { "–" } else { sign(danger) };
        let admin = if w.superuser { ", superuser" } else { "" };
        let maybe = if w.maybe { " (maybe)" } else { "" };
        let (from, rule) = (name(&w.from), name(&w.rule));
        let _ = writeln!(
            body,
            "| {word} | {from}{maybe} | {} | {} | {}{admin} | {rule} |",
            safe(&w.transport),
            safe(&w.method),
            w.role_count
        );
    }
    more(&mut body, e.entry.len());
    vec![fold(&some(e.entry.len(), "way in").replace("way ins", "ways in"), &body)]
}

fn reach(e: &Exposure) -> Sections {
    if e.reach.is_empty() {
        return Vec::new();
    }
    let mut body = "| object | data | readers | writers | from |\n|---|---|---:|---:|---|\n".to_owned();
    for r in e.reach.iter().take(LISTED) {
        let public = if r.public { ", PUBLIC" } else { "" };
        let from = r.widest_entry.as_deref().map_or_else(|| "not known".to_owned(), safe);
        let plain = if r.without_tls == Some(true) { ", not encrypted" } else { "" };
        let (object, classes) = (name(&r.object), safe(&r.classes.join(", ")));
        let readers = format!("{} of {}{public}", r.readers, r.logins);
        let _ = writeln!(body, "| {object} | {classes} | {readers} | {} | {from}{plain} |", r.writers);
    }
    more(&mut body, e.reach.len());
    vec![fold("Who can read what", &body)]
}

fn rotate(e: &Exposure) -> Sections {
    if e.credentials.is_empty() {
        return Vec::new();
    }
    let mut body = String::new();
    let lines = e
        .credentials
        .iter()
        .map(|c| format!("{} ({}), there since {}", name(&c.object), safe(&c.kind), c.first_seen.strftime("%F")));
    let _ = bullets(&mut body, lines, e.credentials.len());
    vec![fold(&format!("To rotate if this leaks: {}", some(e.credentials.len(), "credential")), &body)]
}

fn more(body: &mut String, all: usize) {
    if all > LISTED {
        let _ = writeln!(body, "\nAnd {} more.", all - LISTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::exposure::sample::sample;

    #[test]
    fn what_is_open_comes_first_and_everything_is_said() {
        let md = sections(&sample()).concat();
        for said in [
            "| Open | 1 critical, 1 high, 1 medium, 1 low, 1 info |",
            "| Threshold | high, medium for what is new: 2 open findings at or above it |",
            "| Since the last look | 3 new, 1 changed,",
            "the first waiver ends on 2026-12-31 |",
            "<details><summary>⛔ **critical** EXP-HBA-901: 1 finding: nobody enters",
            "Whoever reaches the port is in, as any role of the rule.",
            "| The internet | ⛔ **critical**: 12 roles, a superuser, not encrypted | – | – | – | – |",
            "| Private networks | – | 🔴 **high**: 12 roles, not encrypted, maybe | – | ✔ as meant: 12 roles | – |",
            "| **E** | 1. Keep the server off the public internet | 4 of 4 | 1 | 0 |",
            "- EXP-AUTH-901 (not&#95;evaluated) **required**",
            "until 2027-02-01",
            "9 of 12, PUBLIC",
            "To rotate if this leaks: 1 credential",
        ] {
            let said = said.replace("not&#95;evaluated", "not_evaluated");
            assert!(md.contains(&said), "{said}\n{md}");
        }
        assert!(md.find("critical** EXP-HBA").unwrap() < md.find("high** EXP-PRIV").unwrap());
    }

    #[test]
    fn nothing_looked_at_says_so() {
        let mut e = sample();
        e.checks.clear();
        e.entry.clear();
        let md = sections(&e).concat();
        assert!(md.contains("No check of exposure was run") && !md.contains("Who can enter"), "{md}");
    }
}
