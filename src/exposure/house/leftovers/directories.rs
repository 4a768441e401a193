//! EXP-LEFT-002: no restored copy lies around.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::exposure::house::{House, walk};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::process::lease::Lease;
use crate::sys::plain_file;

/// Largest `postmaster.pid` that is read, bytes.
const PID_FILE: u64 = 16 * 1024;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LEFT-002",
        title: "no restored copy and nothing of a dead drill of this user lies around",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[22, 23],
        refs: &["SRG-APP-000243"],
        why: "A data directory in /tmp is production's data as plain files, for whoever comes by: the next owner of \
              the disk, its backup, or an intruder who looks for PG_VERSION first.",
        inspects: "Scratch and temporary directories and the home of this user, three levels deep: directories with a \
                   lease of pgseal whose run is dead, and data directories (PG_VERSION beside global/pg_control) that \
                   no living drill owns and no server runs from. What other users own is theirs (root sees all). Data directories elsewhere are not looked for.",
        remedy: "`pgseal sweep` removes what carries pgseal's mark. Remove the rest: rm -rf DIR, on disks that are \
                 not encrypted after overwriting.",
        false_positives: "A test cluster of your own that is stopped: keep it elsewhere, or waive it by path.",
        source: "PostgreSQL manual, \"Database File Layout\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    let mut open = Vec::new();
    walk::each(&house.places, house.uid, &mut seen, |path, meta, seen| {
        if !meta.is_dir() {
            return false;
        }
        seen.present += 1;
        seen.examined += 1;
        if let Some(lease) = Lease::read(path) {
            if !lease.is_alive() {
                found.push((path.to_owned(), format!("the run that made it, process {}, is over", lease.pid)));
            }
            // Its own business while it lives, one finding when it is dead.
            return false;
        }
        match data_directory(path) {
            Ok(true) if !serves(path) => {
                let since = meta.modified().ok().and_then(|t| Timestamp::try_from(t).ok());
                let since = since.map_or_else(String::new, |t| format!(", last changed at {t:.0}"));
                found.push((path.to_owned(), format!("the data directory of a stopped server{since}")));
                false
            }
            Ok(is) => !is,
            // Whose inside is not ours to see; a directory of systemd's, mostly.
            Err(e) => {
                open.push(format!("{} cannot be looked into: {e}", path.display()));
                false
            }
        }
    });
    for (path, what) in found {
        seen.add(Found::new(format!("directory {}", path.display()), what));
    }
    seen.open.extend(open);
    if seen.present == 0 && seen.open.is_empty() && seen.note.is_none() {
        seen.note = Some("there are no directories below scratch, temporary and home directories".into());
    }
    seen
}

/// Whether `dir` is PGDATA.
fn data_directory(dir: &Path) -> std::io::Result<bool> {
    let there = |name: &str| match std::fs::symlink_metadata(dir.join(name)) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(e),
    };
    Ok(there("PG_VERSION")? && there("global/pg_control")?)
}

/// Whether a server runs from `dir`: the process of its lock file is alive, and works there.
fn serves(dir: &Path) -> bool {
    let text = plain_file::read_below(dir, "postmaster.pid", PID_FILE).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let Some(pid) = text.lines().next().and_then(|l| l.trim().parse::<i32>().ok()) else { return false };
    match std::fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(cwd) => cwd == dir,
        // Another user's: that it lives is all that can be seen.
        Err(e) => e.kind() == std::io::ErrorKind::PermissionDenied,
    }
}
