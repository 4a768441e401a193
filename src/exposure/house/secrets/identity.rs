//! EXP-KEY-006: no identity lies on a host that writes backups. EXP-KEY-001 is the
//! same about the store: another place, another remedy, another waiver, and a
//! check that looks in two ways is two checks.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exposure::contents::secret_key;
use crate::exposure::house::{House, file, is_local, walk};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-006",
        title: "no age identity lies on a host that writes backups",
        severity: Severity::Critical,
        planes: &[Plane::House],
        guide: &[10, 16, 17],
        refs: &["SRG-APP-000231"],
        why: "The database host is broken into first. While it has recipients alone, the intruder gets today's data \
              and no old backup; with an identity on it, every backup that was ever sealed for it.",
        inspects: "On a host with a signing key: keys.identity; files of up to 64 KiB in the directories of the \
                   configuration, the keys and a store that is a directory, in the home and its .config/age, \
                   .config/sops; the environment; cron tables, units and profiles: for AGE-SECRET-KEY-1…. Without a \
                   local server it is high, as on a host that only drills it is expected at keys.identity, and \
                   medium anywhere else.",
        remedy: "Take the identity off this host, to the drill host or a safe. If it was here for long, make a new \
                 one and let the old backups expire: whoever had this host may have it.",
        false_positives: "A single host that does everything, to try pgseal out.",
        source: "age-encryption.org/v1, \"Identities\".",
    },
    look: Look::House(look),
};

/// Largest file that is read.
const MOST_BYTES: u64 = 64 * 1024;
/// Files that are read.
const MOST_FILES: usize = 2_000;

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    let here = if !house.writes() {
        Severity::Medium
    } else if house.connections().any(|(_, c)| c.is_ok_and(|c| is_local(&c))) {
        Severity::Critical
    } else {
        Severity::High
    };
    let expected = (!house.writes()).then(|| house.config.keys.identity.clone()).flatten();
    let expected = expected.and_then(|p| p.canonicalize().ok());
    for path in files(house, &mut seen) {
        seen.present += 1;
        match walk::head(&path, MOST_BYTES) {
            Ok(bytes) => {
                seen.examined += 1;
                let identity = bytes.is_some_and(|b| secret_key(&b) == Some("an age identity"));
                if identity && expected.as_ref() != Some(&path) {
                    seen.add(Found::new(file(&path), "it holds an age identity").at(here));
                }
            }
            Err(e) => seen.open.push(format!("{} cannot be read: {e}", path.display())),
        }
    }
    let identity = |text: &str| text.contains("AGE-SECRET-KEY-1");
    for (name, value) in house.env {
        seen.present += 1;
        seen.examined += 1;
        if identity(value) {
            let object = format!("variable {name} of this run");
            seen.add(Found::new(object, "it holds an age identity").at(here));
        }
    }
    for t in &house.jobs.texts {
        seen.present += 1;
        seen.examined += 1;
        if identity(&t.text) {
            seen.add(Found::new(file(&t.path), "it holds an age identity").at(here));
        }
    }
    seen.open.extend(house.jobs.closed.iter().cloned());
    seen
}

/// The files that are looked into, by their real paths.
fn files(house: &House<'_>, seen: &mut Seen) -> BTreeSet<PathBuf> {
    let keys = &house.config.keys;
    let named = [&keys.identity, &keys.signing_key, &keys.report_key, &keys.allowed_signers];
    let named: Vec<&Path> = named.into_iter().flatten().map(PathBuf::as_path).chain(house.config_file).collect();
    let mut all: BTreeSet<PathBuf> = named.iter().filter_map(|p| p.canonicalize().ok()).collect();
    let mut dirs: BTreeSet<PathBuf> = named.iter().filter_map(|p| p.parent()).map(Path::to_owned).collect();
    dirs.insert(house.root.join("etc/pgseal"));
    if let Some(home) = &house.home {
        dirs.extend(["", ".config/age", ".config/sops", ".config/sops/age"].map(|d| home.join(d)));
    }
    // Beside the ciphertext.
    dirs.extend(crate::store::directory(&house.config.repository.url));
    for dir in dirs.iter().filter_map(|d| d.canonicalize().ok()) {
        let items = match std::fs::read_dir(&dir) {
            Ok(items) => items,
            Err(e) => {
                seen.open.push(format!("{} cannot be listed: {e}", dir.display()));
                continue;
            }
        };
        for item in items.flatten() {
            let small = item.metadata().is_ok_and(|m| m.is_file() && m.size() <= MOST_BYTES);
            if small {
                all.insert(item.path());
            }
            if all.len() > MOST_FILES {
                seen.open.push(format!("there are more than {MOST_FILES} files beside configuration and keys"));
                return all;
            }
        }
    }
    all
}
