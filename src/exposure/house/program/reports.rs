//! EXP-TOOL-006: reports tell no more names than they should, to no more people.

use std::os::unix::fs::MetadataExt as _;

use crate::exposure::house::{House, file};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::Redaction;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-006",
        title: "drill reports hold pseudonyms in place of names and are not open to everybody",
        severity: Severity::Low,
        planes: &[Plane::House],
        guide: &[10, 18],
        refs: &[],
        why: "Reports leave the host: into CI artefacts, mails, dashboards. A report with names is a map of the \
              database, with what is wrong in it.",
        inspects: "report.redact (none is a finding), and the modes of reports in the report directories that this \
                   audit was told of: readable by everybody, or writable by others.",
        remedy: "Leave report.redact at names; `pgseal report show SOURCE --names` tells them on the host that \
                 drilled. chmod o-r,go-w for the report files.",
        false_positives: "A host whose reports never leave it.",
        source: "pgseal's README, \"Reports for everyone\".",
    },
    look: Look::House(look),
};

/// Reports of one directory that are looked at.
const MOST: usize = 10_000;

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::all_of(1);
    if house.config.redact == Redaction::None {
        seen.add(Found::new("setting report.redact", "reports hold the names of databases, tables and roles"));
    }
    for dir in &house.report_dirs {
        let items = match std::fs::read_dir(dir) {
            Ok(items) => items,
            Err(e) => {
                seen.open.push(format!("{} cannot be listed: {e}", dir.display()));
                continue;
            }
        };
        for (n, item) in items.flatten().enumerate() {
            if n >= MOST {
                seen.open.push(format!("{} has more than {MOST} files", dir.display()));
                break;
            }
            let Ok(meta) = item.metadata() else { continue };
            if !meta.is_file() {
                continue;
            }
            seen.present += 1;
            seen.examined += 1;
            let mode = meta.mode() & 0o7777;
            if mode & 0o026 != 0 {
                seen.add(Found::new(file(&item.path()), format!("others can read or write it (mode {mode:04o})")));
            }
        }
    }
    if house.report_dirs.is_empty() {
        seen.note = Some("no report directory was given: only the setting was looked at".into());
    }
    seen
}
