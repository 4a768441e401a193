//! EXP-STO-010: a store in a directory is closed to other users of its host.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::exposure::look::{Blind, Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-010",
        title: "the store's directory is closed to other users",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[16, 17],
        refs: &["CIS 2.4", "SRG-APP-000243"],
        why: "Who can write into the store can break the history and fill the disk; who can read it learns times, \
              sizes and versions. A link in it leads readers elsewhere.",
        inspects: "The directory and all below it, up to 200,000 entries: closed to group and others (0700, 0600), \
                   owned by this user or root, no links, no devices, no set-group-ID. The directories above must not \
                   be writable by others, unless sticky.",
        remedy: "chown -R backup: DIR; chmod -R go-rwx DIR; remove links. Export it over NFS to this host only, with \
                 root_squash.",
        false_positives: "A group that is meant to read, for a copy job: give that job a user of its own instead, or \
                          waive it.",
        source: "chmod(1), path_resolution(7).",
    },
    look: Look::Trail(look),
};

/// Entries that are looked at.
const MOST: u64 = 200_000;

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    let Some(root) = trail.directory.clone() else {
        return crate::exposure::trail::ready(Seen::not_applicable("the store is no directory"));
    };
    Box::pin(async move {
        let walked = tokio::task::spawn_blocking(move || judge(&root));
        walked.await.map_err(|e| Blind::Denied(format!("the walk through the directory ended: {e}")))
    })
}

fn judge(root: &Path) -> Seen {
    let mut seen = Seen::default();
    let me = rustix::process::geteuid().as_raw();
    let real = match root.canonicalize() {
        Ok(real) => real,
        Err(e) => return Seen::not_evaluated(format!("the directory cannot be looked at: {e}")),
    };
    for above in real.ancestors().skip(1) {
        match std::fs::metadata(above) {
            Ok(m) if m.mode() & 0o022 != 0 && m.mode() & 0o1000 == 0 => {
                let what = format!("others can rename what lies in it (mode {:04o})", m.mode() & 0o7777);
                seen.add(Found::new(format!("directory {}", above.display()), what).at(Severity::High));
            }
            Ok(_) => {}
            Err(e) => seen.open.push(format!("{} cannot be looked at: {e}", above.display())),
        }
        seen.present += 1;
        seen.examined += 1;
    }
    let mut dirs = vec![real.clone()];
    entry(&real, me, &mut seen);
    while let Some(dir) = dirs.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) => {
                seen.open.push(format!("{} cannot be listed: {e}", dir.display()));
                continue;
            }
        };
        for item in entries.flatten() {
            if seen.present >= MOST {
                seen.open.push(format!("there are more than {MOST} entries"));
                return seen;
            }
            let path = item.path();
            if entry(&path, me, &mut seen) {
                dirs.push(path);
            }
        }
    }
    seen
}

/// Judges one entry; gives back whether it is a directory to go into.
fn entry(path: &Path, me: u32, seen: &mut Seen) -> bool {
    seen.present += 1;
    let Ok(m) = std::fs::symlink_metadata(path) else {
        // Gone meanwhile: a put's temporary file.
        seen.present -= 1;
        return false;
    };
    seen.examined += 1;
    let kind = m.file_type();
    let name = if kind.is_dir() { "directory" } else { "file" };
    let mut wrong = Vec::new();
    if !kind.is_dir() && !kind.is_file() {
        wrong.push(if kind.is_symlink() { "it is a link" } else { "it is no plain file" }.to_owned());
    } else {
        let mode = m.mode() & 0o7777;
        if mode & 0o077 != 0 || mode & 0o6000 != 0 {
            wrong.push(format!("mode {mode:04o}"));
        }
        if m.uid() != me && m.uid() != 0 {
            wrong.push(format!("it belongs to user {}", m.uid()));
        }
    }
    if !wrong.is_empty() {
        let writable = kind.is_dir() && m.mode() & 0o022 != 0;
        let severity = if writable || kind.is_symlink() { Severity::High } else { Severity::Medium };
        seen.add(Found::new(format!("{name} {}", path.display()), wrong.join(", ")).at(severity));
    }
    kind.is_dir()
}
