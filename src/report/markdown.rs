//! The report as GitHub-flavoured Markdown for the summary of a CI job: the
//! verdict first, tables, findings folded away. A job's summary may have 1 MiB, so
//! what would not fit is left out and that is said.
//!
//! Names are hostile to Markdown *and* to the HTML it becomes: every character
//! that means something to either is written as a character reference, which both
//! take as text, and names stand in `<code>`, where no mention or link is made.

use std::fmt::Write as _;

use super::audit::Standing;
use super::{AuditReport, ErrorEntry, ProofLevel, Report, ToolRef, Verdict, exposure, text};
use crate::checks::{CheckResult, Outcome};
use crate::scratch::ProbeOutcome;
use crate::types::{Redaction, shown};

/// Where folded sections stop. A summary of 1 MiB or more is dropped whole.
const LIMIT: usize = 900 * 1024;
/// Findings of a check and stages that are listed.
const LISTED: usize = 100;
/// Reasons and errors that are listed in the head, which is never left out.
const FIRST: usize = 20;
/// Tables that are listed.
const TABLES: usize = 500;
/// Longest text of one cell or line, in characters.
const LONGEST: usize = 600;

/// Renders it. Less than 1 MiB whatever the report holds.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, report);
    let exposed = report.exposure.as_ref().map(exposure::markdown::sections).unwrap_or_default();
    let mut sections = vec![findings(report), checks(report), not_checked(report)];
    sections.extend([exposed, isolation(report), tables(report), stages(report)]);
    within_limit(&mut out, sections.concat());
    foot(&mut out, &report.tool, &report.run, report.redaction);
    out
}

/// Renders the report of an audit. Less than 1 MiB, too.
pub fn audit(report: &AuditReport) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = audit_head(&mut out, report);
    within_limit(&mut out, exposure::markdown::sections(&report.exposure));
    foot(&mut out, &report.tool, &report.run, report.redaction);
    out
}

fn audit_head(out: &mut String, r: &AuditReport) -> std::fmt::Result {
    let mark = match r.standing() {
        Standing::Clear => "✅",
        Standing::Exposed => "❌",
        Standing::Incomplete => "⚠️",
    };
    writeln!(out, "## {mark} Audit of {}: {}\n", safe(r.source.as_str()), r.standing().name().to_uppercase())?;
    let major = r.server_major.map_or_else(|| "none was looked at".to_owned(), |m| format!("PostgreSQL {m}"));
    writeln!(out, "| | |\n|---|---|\n| Server | {major} |\n| Exit code | {} |", r.exit_code)?;
    why(out, &r.reasons, &r.errors)
}

fn within_limit(out: &mut String, sections: Sections) {
    let mut left_out = 0;
    for section in sections {
        if out.len() + section.len() > LIMIT {
            left_out += 1;
        } else {
            *out += &section;
        }
    }
    if left_out > 0 {
        let _ = writeln!(out, "\n**{left_out} sections are left out here for their size; the JSON report has them.**");
    }
}

fn foot(out: &mut String, tool: &ToolRef, run: &str, redaction: Redaction) {
    let names = match redaction {
        Redaction::None => "are shown",
        Redaction::Names => "are pseudonyms",
        Redaction::Details => "are left out",
    };
    let (tool, version, run) = (safe(&tool.name), safe(&tool.version), safe(run));
    let _ = writeln!(out, "\n<sub>{tool} {version} · run {run} · names {names}</sub>");
}

fn head(out: &mut String, r: &Report) -> std::fmt::Result {
    let mark = match r.verdict {
        Verdict::Passed => "✅",
        Verdict::Failed => "❌",
        Verdict::Inconclusive => "⚠️",
        Verdict::Unsafe => "⛔",
    };
    writeln!(out, "## {mark} Drill of {}: {}\n", safe(r.source.as_str()), r.verdict.name().to_uppercase())?;
    writeln!(out, "| | |\n|---|---|")?;
    writeln!(out, "| Backup | <code>{}</code>, slot {}, {} |", r.backup_id, r.seq, r.kind.name())?;
    let ladder = [ProofLevel::None, ProofLevel::Stored, ProofLevel::Restored, ProofLevel::Booted, ProofLevel::Data];
    let steps: Vec<String> = ladder
        .iter()
        .skip(1)
        .map(|l| if *l <= r.proof_level { format!("**{}**", l.name()) } else { format!("~~{}~~", l.name()) })
        .collect();
    writeln!(out, "| Proof level | {}: {} |", r.proof_level.name(), steps.join(" → "))?;
    let rto = r.rto_s.map_or_else(|| "not measured".to_owned(), |s| format!("{s:.1} s"));
    writeln!(out, "| Restorable in | {rto} |")?;
    writeln!(out, "| Data as of | {} before the drill |", text::duration(r.rpo_s))?;
    let isolation = r.isolation.as_ref().map_or_else(
        || "no instance was started".to_owned(),
        |i| format!("{} (required {})", safe(&i.level), safe(&i.required)),
    );
    writeln!(out, "| Isolation | {isolation} |")?;
    let gone =
        r.teardown.as_ref().map_or("nothing was made", |t| if t.is_clean() { "complete" } else { "**INCOMPLETE**" });
    writeln!(out, "| Teardown | {gone} |")?;
    let signer = r.signer.as_deref().map_or_else(|| "nobody that is trusted".to_owned(), name);
    writeln!(out, "| Backup signed by | {signer} |")?;
    writeln!(out, "| Exit code | {} |", r.exit_code)?;
    why(out, &r.reasons, &r.errors)
}

fn why(out: &mut String, reasons: &[String], errors: &[ErrorEntry]) -> std::fmt::Result {
    if !reasons.is_empty() {
        writeln!(out, "\n**Why**\n")?;
        bullets(out, reasons.iter().take(FIRST).map(|t| safe(t)), reasons.len())?;
    }
    if !errors.is_empty() {
        writeln!(out, "\n**Errors**\n")?;
        let lines = errors.iter().take(FIRST).map(|e| {
            let object = e.object.as_deref().map_or_else(String::new, |o| format!("{}: ", name(o)));
            let hint = e.hint.as_deref().map_or_else(String::new, |h| format!(" ({})", safe(h)));
            format!("{} {}: {object}{}{hint}", e.code, safe(&e.stage), safe(&e.message))
        });
        bullets(out, lines, errors.len())?;
    }
    Ok(())
}

/// `items` of `all`, as a list.
pub(super) fn bullets(out: &mut String, items: impl Iterator<Item = String>, all: usize) -> std::fmt::Result {
    let mut listed = 0;
    for item in items.take(LISTED) {
        writeln!(out, "- {item}")?;
        listed += 1;
    }
    if all > listed {
        writeln!(out, "- and {} more", all - listed)?;
    }
    Ok(())
}

/// Each is left out as a whole, or not.
pub(super) type Sections = Vec<String>;

fn findings(r: &Report) -> Sections {
    let with = r.checks.iter().filter(|c| !c.findings.is_empty());
    let all: Vec<String> = with
        .map(|c| {
            let mut body = String::new();
            let lines =
                c.findings.iter().map(|f| format!("{}: {} {}", name(&f.object), safe(&f.message), safe(&f.remedy)));
            let _ = bullets(&mut body, lines, c.findings.len());
            if let Some(why) = &c.reason {
                let _ = writeln!(body, "\n{}", safe(why));
            }
            let word = if c.outcome == Outcome::Waived { "waived" } else { c.severity.name() };
            fold(
                &format!("{}: {} ({word}): {}", safe(&c.id), count(c.findings.len(), "finding"), safe(&c.title)),
                &body,
            )
        })
        .collect();
    if all.is_empty() { all } else { [vec!["\n### Findings\n".to_owned()], all].concat() }
}

fn checks(r: &Report) -> Sections {
    let row = |c: &CheckResult| {
        format!("| {} | {} | {} | {} of {} |\n", outcome(c.outcome), safe(&c.id), safe(&c.title), c.examined, c.present)
    };
    let head = "\n### Checks\n\n| outcome | check | what | examined |\n|---|---|---|---:|\n";
    let rows: String = r.checks.iter().map(row).collect();
    vec![if rows.is_empty() { "\n### Checks\n\n**No check was run.**\n".to_owned() } else { head.to_owned() + &rows }]
}

fn not_checked(r: &Report) -> Sections {
    let mut lines: Vec<String> = r
        .checks
        .iter()
        .filter(|c| matches!(c.outcome, Outcome::NotEvaluated | Outcome::NotApplicable | Outcome::Error))
        .map(|c| {
            let why = c.reason.as_deref().unwrap_or("no reason given");
            format!("{} ({}): {}", safe(&c.id), safe(c.outcome.name()), safe(why))
        })
        .collect();
    let probes = r.isolation.iter().flat_map(|i| &i.probes).filter(|p| p.outcome == ProbeOutcome::NotEvaluated);
    lines.extend(probes.map(|p| format!("{} (not evaluated): {}", safe(&p.id), safe(&p.evidence))));
    let mut out = "\n### Not checked\n\n".to_owned();
    let all = lines.len();
    let _ = bullets(&mut out, lines.into_iter(), all);
    if all > 0 { vec![out] } else { Vec::new() }
}

fn isolation(r: &Report) -> Sections {
    let Some(i) = r.isolation.as_ref() else { return Vec::new() };
    let mut body = "| outcome | probe | what | seen |\n|---|---|---|---|\n".to_owned();
    for p in &i.probes {
        let word = match p.outcome {
            ProbeOutcome::Pass => "pass",
            ProbeOutcome::Fail => "**FAIL**",
            ProbeOutcome::NotEvaluated => "**not evaluated**",
        };
        let _ = writeln!(body, "| {word} | {} | {} | {} |", safe(&p.id), safe(&p.title), safe(&p.evidence));
    }
    let _ = writeln!(body);
    let _ = bullets(&mut body, i.reasons.iter().map(|n| safe(n)), i.reasons.len());
    vec![fold(&format!("Isolation {}: {}", safe(&i.level), count(i.probes.len(), "probe")), &body)]
}

fn tables(r: &Report) -> Sections {
    if r.tables.is_empty() {
        return Vec::new();
    }
    let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let mut body = "| database | table | rows expected | rows | content |\n|---|---|---:|---:|---|\n".to_owned();
    for t in r.tables.iter().take(TABLES) {
        let same = match t.content_matches {
            Some(true) => "same",
            Some(false) => "**DIFFERS**",
            None => "not known",
        };
        let (expected, rows) = (number(t.expected_rows), number(t.rows));
        let _ = writeln!(body, "| {} | {} | {expected} | {rows} | {same} |", name(&t.database), name(&t.table));
    }
    if r.tables.len() > TABLES {
        let _ = writeln!(body, "\nAnd {} more.", r.tables.len() - TABLES);
    }
    vec![fold(&count(r.tables.len(), "table"), &body)]
}

fn stages(r: &Report) -> Sections {
    let mut body = "| stage | from | seconds |\n|---|---:|---:|\n".to_owned();
    for s in r.stages.iter().take(LISTED) {
        let _ = writeln!(body, "| {} | {:.1} | {:.1} |", safe(&s.name), s.from_s, s.to_s - s.from_s);
    }
    vec![fold(&format!("Time: {:.1} s", r.timings_s.total), &body)]
}

/// Blank lines around the body, so that it is read as Markdown again.
pub(super) fn fold(summary: &str, body: &str) -> String {
    format!("\n<details><summary>{summary}</summary>\n\n{}\n\n</details>\n", body.trim_end())
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn outcome(o: Outcome) -> &'static str {
    match o {
        Outcome::Pass => "✅ pass",
        Outcome::Finding => "❌ **finding**",
        Outcome::Waived => "🟡 waived",
        Outcome::NotEvaluated => "⚠️ **not evaluated**",
        Outcome::NotApplicable => "➖ not applicable",
        Outcome::Error => "⚠️ **error**",
    }
}

/// A name: text that is no prose.
pub(super) fn name(text: &str) -> String {
    format!("<code>{}</code>", safe(text))
}

/// Text on one line in which nothing is markup.
pub(super) fn safe(text: &str) -> String {
    let cut = text.char_indices().nth(LONGEST).map_or(text, |(at, _)| &text[..at]);
    let shown = shown(cut);
    let mut out = String::with_capacity(shown.len() + 16);
    let mut chars = shown.chars().peekable();
    while let Some(c) = chars.next() {
        // Letters, digits and the punctuation of prose mean nothing by themselves
        // within a line; what begins a link or a mention is escaped with the rest.
        let prose = match c {
            ',' | '.' | '-' | '%' | ';' | '\'' | '?' | '/' | '(' | ')' => true,
            // Not where it may begin an address or an emoji.
            ':' => chars.peek() == Some(&' '),
            c => !c.is_ascii_punctuation(),
        };
        if prose {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    // The only link that needs no punctuation but the dot.
    if out.to_ascii_lowercase().contains("www.") { out.replace('.', "&#46;") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::audit::tests::sample_of;
    use crate::report::json::tests::{HOSTILE, sample, with_name};
    use crate::report::model::TableProof;

    #[test]
    fn the_verdict_comes_first_and_everything_is_said() {
        let md = render(&sample());
        assert!(md.starts_with("## ❌ Drill of shop: FAILED\n"), "{md}");
        for said in [
            "**stored** → **restored** → **booted** → ~~data~~",
            "| Restorable in | 5.7 s |",
            "<details><summary>INT-ROWS: 1 finding (high): every table has its rows</summary>",
            "| ⚠️ **not evaluated** | PHY-AMCHECK |",
            "### Not checked\n\n- INT-LO",
            "| **not evaluated** | ISO-009 | census | no answer |",
            "| 3 | 2 | **DIFFERS** |",
            "| Teardown | complete |",
        ] {
            assert!(md.contains(said), "{said}\n{md}");
        }
    }

    #[test]
    fn hostile_names_are_text_and_nothing_else() {
        let audits = HOSTILE.map(|n| (n, audit(&sample_of(exposure::sample::with_name(n)))));
        for (hostile, md) in HOSTILE.map(|n| (n, render(&with_name(n)))).into_iter().chain(audits) {
            assert!(!md.contains(['\u{1b}', '\u{202e}', '\u{9b}', '`']), "{hostile:?}\n{md}");
            let ours = ["details", "summary", "code", "sub"];
            for (at, _) in md.match_indices('<') {
                let tag = md[at + 1..].trim_start_matches('/');
                assert!(ours.iter().any(|t| tag.starts_with(&format!("{t}>"))), "{hostile:?}: {}", &md[at..]);
            }
            for never in ["](", "![", "javascript:", "www.", "@all", "https:"] {
                assert!(!md.contains(never), "{never}: {hostile:?}\n{md}");
            }
            // As many cells in every row as in the line below the head.
            let cells = |l: &str| l.matches('|').count();
            let mut wanted = 0;
            for line in md.lines() {
                wanted = if line.starts_with("|---") {
                    cells(line)
                } else if line.starts_with('|') {
                    wanted
                } else {
                    0
                };
                if wanted > 0 {
                    assert_eq!(cells(line), wanted, "{line}");
                }
            }
        }
    }

    #[test]
    fn it_stays_below_a_mebibyte() {
        let mut r = with_name(&"|<&\u{202e}".repeat(16));
        let finding = r.checks[0].findings[0].clone();
        for c in &mut r.checks {
            c.findings = vec![finding.clone(); 100];
            c.findings.iter_mut().for_each(|f| f.message = "|".repeat(3000));
        }
        let exposed = r.exposure.as_mut().unwrap();
        exposed.entry = vec![exposed.entry[0].clone(); 1000];
        exposed.checks = vec![exposed.checks[0].clone(); 100];
        exposed.checks.iter_mut().for_each(|c| c.findings = vec![finding.clone(); 100]);
        r.reasons = vec!["|".repeat(3000); 1000];
        r.checks = std::iter::repeat_n(r.checks, 20).flatten().collect();
        r.tables = vec![TableProof { database: "|".repeat(63), ..r.tables[0].clone() }; 100_000];
        let md = render(&r);
        assert!(md.len() < 1024 * 1024, "{}", md.len());
        assert!(md.contains("sections are left out here for their size"));
        assert!(md.starts_with("## ❌"));
    }
}
