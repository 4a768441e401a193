//! EXP-SECR-006: files that do not belong into a data directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::tree::{Entry, Tree};
use super::{object, on_disk};
use crate::detect::{Kind, Weight};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::{Files, Spotted};
use crate::exposure::{About, Blind, Collector, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-006",
        title: "no file of the data directory holds keys, passwords or a copy of data",
        severity: Severity::High,
        planes: &[Plane::Copy],
        guide: &[10, 16, 25],
        refs: &["CIS 2.3", "SRG-APP-000176"],
        why: "A base backup takes along whatever lies in the data directory. A private key, a .pgpass or last year's \
              dump there is copied to every store and standby, for as long as backups are kept.",
        inspects: "Names of all files of the restored copy, and the first MiB of each that PostgreSQL did not make \
                   (configuration files included): private keys, tokens, password files, ldapbindpasswd and \
                   radiussecrets in access rules, histories of shells, dumps, core files. A key under a passphrase is \
                   low; an age identity, a password file or a key other than server.key is critical.",
        remedy: "Keep keys, password files and dumps outside the data directory (ssl_key_file takes an absolute path, \
                 PGPASSFILE too), move the file away, then rotate what it held: the backups that exist still have it.",
        false_positives: "Test certificates of nobody. A file that a program of yours needs there: waive it by its path.",
        source: "PostgreSQL manual, \"Secure TCP/IP Connections with SSL\"; pg_basebackup copies all files",
    },
    look: Look::Files(look),
};

/// How much of one file, and of all files together, is read, bytes.
const LONGEST: u64 = 1024 * 1024;
const ALTOGETHER: u64 = 512 * 1024 * 1024;
/// Configuration that the copy does not run with; it was put aside.
const ASIDE: [&str; 4] = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"];
/// Options of access rules that are passwords.
const HBA_SECRETS: [&str; 2] = ["ldapbindpasswd", "radiussecrets"];

fn look<'a>(files: &'a Files<'a>) -> Looking<'a> {
    Box::pin(see(files))
}

async fn see(files: &Files<'_>) -> Result<Seen, Blind> {
    let (data, aside) = (files.data_dir.to_owned(), files.evidence_dir.to_owned());
    let key = files.collector.map(|c| *c.key());
    let looked = on_disk(move || Looked::at(&data, &aside, key.as_ref())).await?;
    Ok(looked.told(files.collector))
}

/// What was seen of all files.
#[derive(Default)]
struct Looked {
    count: u64,
    open: Vec<String>,
    found: BTreeMap<String, (Spotted, Option<Shape>)>,
}

impl Looked {
    fn at(data: &Path, aside: &Path, key: Option<&[u8; 32]>) -> Self {
        let mut looked = Self::default();
        let mut budget = ALTOGETHER;
        for (root, which) in [(data, "the data directory"), (aside, "the configuration put aside")] {
            match Tree::open(root) {
                Err(_) => looked.open.push(format!("{which} could not be opened")),
                Ok(tree) => {
                    let listing = tree.list(&is_foreign);
                    looked.count += listing.count;
                    looked.open.extend(listing.open);
                    for entry in &listing.files {
                        looked.file(&tree, entry, key, &mut budget);
                    }
                }
            }
        }
        looked
    }

    fn file(&mut self, tree: &Tree, entry: &Entry, key: Option<&[u8; 32]>, budget: &mut u64) {
        let path = entry.shown();
        let size = entry.size.min(LONGEST);
        if size > *budget {
            self.open.push(format!("{path} was not read: there is too much to read"));
            return;
        }
        *budget -= size;
        let Ok(text) = tree.text(&entry.path, LONGEST) else {
            self.open.push(format!("{path} could not be read"));
            return;
        };
        let spotted = spotted(&entry.name(), &text, key);
        let shape = Shape::of(&entry.name(), &text);
        if entry.size > LONGEST && shape.is_none() {
            self.open.push(format!("of {path} only the first MiB was read"));
        }
        if !spotted.is_empty() || shape.is_some() {
            let known = self.found.entry(path).or_default();
            known.0.merge(spotted);
            known.1 = known.1.or(shape);
        }
    }

    fn told(self, collector: Option<&Collector>) -> Seen {
        let mut seen = Seen { present: self.count, examined: self.count, open: self.open, ..Seen::default() };
        for (path, (spotted, shape)) in self.found {
            spotted.collect(&object(&path), collector);
            let by_content = severity(&path, &spotted);
            let (by_shape, what) = shape.map_or((Severity::Info, None), |s| (s.severity(), Some(s.name())));
            let words = [what.map(str::to_owned), (!spotted.is_empty()).then(|| spotted.words())];
            let words: Vec<String> = words.into_iter().flatten().collect();
            let message = format!("it is copied with every base backup, and holds: {}", words.join("; "));
            seen.add(Found::new(object(&path), message).at(by_content.max(by_shape)));
        }
        seen
    }
}

/// How bad it is what a file holds.
fn severity(path: &str, spotted: &Spotted) -> Severity {
    let is_servers_own = path == "server.key" || ASIDE.contains(&path);
    if spotted.is_empty() {
        Severity::Info
    } else if spotted.has(Kind::AgeIdentity) && spotted.weight() == Some(Weight::Sure) {
        Severity::Critical
    } else {
        spotted.severity(if is_servers_own { Severity::High } else { Severity::Critical })
    }
}

/// What is seen in a file, some of which have a form of their own.
fn spotted(name: &str, text: &str, key: Option<&[u8; 32]>) -> Spotted {
    let mut all = Spotted::in_text(text, key);
    if name == "pg_hba.conf" {
        for line in text.lines().filter(|l| !l.trim_start().starts_with('#')) {
            for option in HBA_SECRETS {
                let value =
                    line.split_once(option).and_then(|(_, rest)| rest.trim_start_matches('"').strip_prefix('='));
                let value = value.map(|v| v.trim_start_matches('"').split(['"', ' ', '\t']).next().unwrap_or(v));
                if let Some(value) = value {
                    all.merge(Spotted::value(value, key));
                }
            }
        }
    }
    if matches!(name, ".pgpass" | "pgpass" | "pgpass.conf" | "passfile") {
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            // host:port:database:role:password, with `\:` for a colon.
            let plain = line.replace("\\:", "");
            if let Some(password) = plain.splitn(5, ':').nth(4) {
                all.merge(Spotted::in_connection(&format!("password='{}'", password.replace(['\'', '\\'], "_")), key));
            }
        }
    }
    all
}

/// What a file is by its name or its first bytes, secrets or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Dump,
    Core,
    History,
}

impl Shape {
    fn of(name: &str, text: &str) -> Option<Self> {
        let is = |suffixes: &[&str]| suffixes.iter().any(|s| name.ends_with(s));
        let head = text.get(..text.floor_char_boundary(512)).unwrap_or(text);
        let core = name == "core" || name.strip_prefix("core.").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if text.starts_with("PGDMP")
            || head.contains("PostgreSQL database dump")
            || head.contains("PostgreSQL database cluster dump")
            || is(&[".sql", ".dump", ".sql.gz", ".sql.zst", ".sql.bz2", ".pgdump"])
        {
            Some(Self::Dump)
        } else if core {
            Some(Self::Core)
        } else if is(&["_history"]) && name.starts_with('.') {
            Some(Self::History)
        } else {
            None
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Dump => "a dump of a database",
            Self::Core => "the memory of a program that crashed",
            Self::History => "what somebody typed",
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Dump | Self::Core => Severity::High,
            Self::History => Severity::Medium,
        }
    }
}

/// Directories that the server fills.
const OWN_DIRS: [&str; 20] = [
    "base",
    "global",
    "pg_wal",
    "pg_xact",
    "pg_multixact",
    "pg_subtrans",
    "pg_commit_ts",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_logical",
    "pg_dynshmem",
    "pg_twophase",
    "pg_replslot",
    "pg_tblspc",
    "pg_clog",
    "log",
    "pg_log",
];
/// Files that the server writes, by their names; none of them is text of users.
const OWN_NAMES: [&str; 14] = [
    "PG_VERSION",
    "pg_control",
    "pg_filenode.map",
    "pg_internal.init",
    "postmaster.pid",
    "postmaster.opts",
    "backup_label",
    "backup_label.old",
    "backup_manifest",
    "tablespace_map",
    "tablespace_map.old",
    "state",
    "current_logfiles",
    "replorigin_checkpoint",
];

/// Whether a file is none that the server made. Logs are looked at by SECR-007.
fn is_foreign(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let top = path.iter().next().unwrap_or_default().to_string_lossy().into_owned();
    if OWN_NAMES.contains(&name.as_str()) {
        return false;
    }
    let in_dir = path.components().count() > 1;
    if !in_dir || !OWN_DIRS.contains(&top.as_str()) {
        return true;
    }
    if super::logs::is_log(path) {
        return false;
    }
    !is_numbered(&name)
}

/// Names that the server gives: numbers of relations, segments and transactions.
fn is_numbered(name: &str) -> bool {
    const ENDS: [&str; 11] =
        ["_fsm", "_vm", "_init", ".partial", ".backup", ".history", ".ready", ".done", ".snap", ".stat", ".spill"];
    let mut stem = name;
    while let Some(shorter) = ENDS.iter().find_map(|e| stem.strip_suffix(e)) {
        stem = shorter;
    }
    let stem = stem.strip_prefix('t').unwrap_or(stem);
    let temporary = ["pgsql_tmp", "map-", "xid-", "db_", "pgstat", "pgss_query_texts", "pg_stat_statements", "mmap"];
    !stem.is_empty()
        && (stem.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b'_' | b'-'))
            || temporary.iter().any(|t| stem.starts_with(t))
            || matches!(stem, "saved" | "global"))
}

/// Where a file of the configuration lies: put aside, or in the data directory.
pub(super) fn configuration(files: &Files<'_>, name: &str) -> [PathBuf; 2] {
    [files.evidence_dir.join(name), files.data_dir.join(name)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_server_are_told_from_others() {
        let own = [
            "base/5/16384",
            "base/5/16384_fsm",
            "base/5/16384.12",
            "base/5/t3_16385",
            "base/5/PG_VERSION",
            "base/5/pg_internal.init",
            "base/pgsql_tmp/pgsql_tmp1234.0",
            "global/1262",
            "global/pg_control",
            "pg_wal/000000010000000000000001",
            "pg_wal/00000002.history",
            "pg_wal/archive_status/000000010000000000000001.done",
            "pg_wal/000000010000000000000001.00000028.backup",
            "pg_xact/0000",
            "pg_multixact/offsets/0000",
            "pg_stat/pgstat.stat",
            "pg_stat/db_5.stat",
            "PG_VERSION",
            "backup_label",
            "backup_manifest",
            "log/postgresql-2026-11-26.log",
            "pg_logical/replorigin_checkpoint",
            "pg_logical/snapshots/0-40796E18.snap",
            "pg_replslot/a/state",
        ];
        for path in own {
            assert!(!is_foreign(Path::new(path)), "{path}");
        }
        for path in [
            "server.key",
            ".pgpass",
            "postgresql.conf",
            "pg_hba.conf",
            "base/5/key.pem",
            "base/dump.sql",
            "core.123",
            "pg_wal/id_rsa",
            "log/notes.txt",
            "conf.d/a.conf",
            "extra/1",
            "global/.psql_history",
        ] {
            assert!(is_foreign(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn password_files_and_access_rules_have_their_own_form() {
        let pass = "# host\n*:5432:*:app:geheim\nlocalhost:*:a\\:b:c:x\\:y\n";
        assert!(spotted(".pgpass", pass, None).has(Kind::ConnectionPassword));
        assert!(spotted(".pgpass", "# nothing\n", None).is_empty());
        let rule = "host all all 10.0.0.0/8 ldap ldapserver=l ldapbindpasswd=geheim\n";
        assert!(spotted("pg_hba.conf", rule, None).has(Kind::Named));
        assert!(
            spotted("pg_hba.conf", "# ldapbindpasswd=geheim\nhost all all ::1/128 scram-sha-256\n", None).is_empty()
        );
    }
}
