//! Pages about the checks, made from what the checks tell of themselves.
//!
//! `src/exposure/pages/` holds them as files, held up to date by a test
//! (`tests/it/exposure/pages.rs`); `pgseal audit explain` prints them.

use std::fmt::Write as _;

use super::catalogue::{GUIDE, all};
use super::{About, Look};

/// The page of one check, Markdown.
pub fn page(about: &About, look: &Look) -> String {
    let planes: Vec<&str> = about.planes.iter().map(|p| p.name()).collect();
    let mut out = format!("# {}: {}\n\n", about.id, about.title);
    let _ = writeln!(out, "| | |\n|---|---|");
    let _ = writeln!(out, "| severity | {} |", about.severity.name());
    let _ = writeln!(out, "| looked at in | {} ({}) |", planes.join(", "), way(look));
    let sections: Vec<String> = about
        .guide
        .iter()
        .map(|g| format!("{g} ({})", GUIDE.get(usize::from(*g).saturating_sub(1)).copied().unwrap_or_default()))
        .collect();
    let _ = writeln!(out, "| guide | {} |", sections.join("; "));
    if !about.refs.is_empty() {
        let _ = writeln!(out, "| also known as | {} |", about.refs.join(", "));
    }
    let _ = writeln!(out, "| source | {} |", about.source.replace('|', "\\|"));
    for (head, text) in [
        ("Why it matters", about.why),
        ("What is looked at", about.inspects),
        ("How to mend it", about.remedy),
        ("When it is none", about.false_positives),
    ] {
        let _ = write!(out, "\n## {head}\n\n{text}\n");
    }
    out
}

/// How a check looks, for people.
fn way(look: &Look) -> &'static str {
    match look {
        Look::Server(_) => "settings, rules and roles",
        Look::Database(_) => "the catalogue of each database",
        Look::Files(_) => "files of a restored physical copy",
        Look::Trail(_) => "the store",
        Look::House(_) => "this host",
        Look::History(_) => "earlier looks",
        Look::Declarations(_) => "the declarations",
    }
}

/// The table from the guide's sections to the checks that answer them, Markdown.
pub fn guide() -> String {
    let mut out = "# The guide's 25 sections, and the checks that answer them\n\n\
                   A section is graded by its worst open finding, from A (none) to E (critical); `?` where less than four \
                   fifths of its checks could be evaluated. There is no average.\n\n\
                   | # | section | checks |\n|---|---|---|\n"
        .to_owned();
    for (number, title) in (1u8..).zip(GUIDE) {
        let ids: Vec<String> = all()
            .filter(|c| c.about.guide.contains(&number))
            .map(|c| format!("[{0}](pages/{0}.md)", c.about.id))
            .collect();
        let _ = writeln!(out, "| {number} | {title} | {} |", ids.join(", "));
    }
    out
}
