//! EXP-TOOL-003: files with passwords, and those that decide what is done, are closed.

use std::path::{Path, PathBuf};

use crate::exposure::house::House;
use crate::exposure::house::modes::{Limit, judge};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-TOOL-003",
        title: "configuration, password and credential files are closed to other users",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[10],
        refs: &["CIS 2.4", "SRG-APP-000176"],
        why: "Who can read the password file has the backup role, which reads every row. Who can write the \
              configuration or the allowed signers decides for whom backups are sealed and whom a restore believes.",
        inspects: "The configuration file, keys.allowed_signers, keys.revoked_keys, service files without a password: \
                   not writable by others. Password files (~/.pgpass, PGPASSFILE, passfile=), service files with a \
                   password, client keys, ~/.aws/credentials: not readable either. All owned by this user or root, \
                   without access lists, in directories that others cannot write.",
        remedy: "chmod 600 FILE; chown USER FILE; chmod go-w DIRECTORY. Where others could read a password, change it.",
        false_positives: "A credential that a CI system mounts for a group of its own (0440): run the job as its owner, \
                          or waive it.",
        source: "PostgreSQL manual, \"The Password File\", \"The Connection Service File\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judged(house))))
}

fn judged(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    let mut all = files(house);
    all.sort();
    all.dedup();
    for (path, closed) in all {
        judge(&path, if closed { Limit::Closed } else { Limit::Readable }, house.uid, &[], &mut seen);
    }
    if seen.present == 0 {
        seen.note = Some("there is no configuration file, no password file and no credential file".into());
    }
    seen
}

/// The files, and whether they hold a secret.
fn files(house: &House<'_>) -> Vec<(PathBuf, bool)> {
    let set = |name: &str| house.env.get(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let below_home = |name: &str| house.home.as_ref().map(|h| h.join(name));
    let keys = &house.config.keys;
    let mut all: Vec<(PathBuf, bool)> = Vec::new();
    all.extend(house.config_file.map(|p| (p.to_owned(), false)));
    all.extend(keys.allowed_signers.iter().chain(&keys.revoked_keys).map(|p| (p.clone(), false)));
    all.extend(set("PGPASSFILE").or_else(|| below_home(".pgpass")).map(|p| (p, true)));
    all.extend(set("AWS_SHARED_CREDENTIALS_FILE").or_else(|| below_home(".aws/credentials")).map(|p| (p, true)));
    all.extend(set("AWS_CONFIG_FILE").or_else(|| below_home(".aws/config")).map(|p| (p, false)));
    let services = [
        set("PGSERVICEFILE").or_else(|| below_home(".pg_service.conf")),
        set("PGSYSCONFDIR").map(|d| d.join("pg_service.conf")),
        Some(house.root.join("etc/postgresql-common/pg_service.conf")),
    ];
    for path in services.into_iter().flatten() {
        let secret = holds_password(&path);
        all.push((path, secret));
    }
    for source in house.config.sources.values() {
        let named = crate::source::conninfo::parse(&source.connection).unwrap_or_default();
        all.extend(named.get("passfile").map(|p| (PathBuf::from(p), true)));
    }
    all.extend(house.connections().filter_map(|(_, c)| c.ok()?.sslkey).map(|p| (p, true)));
    all
}

/// Whether a service file has a password in it. One that cannot be read has one
/// as far as we know.
fn holds_password(path: &Path) -> bool {
    match std::fs::read_to_string(path) {
        Ok(text) => text.lines().any(|l| {
            let l = l.trim();
            l.starts_with("password=") || l.starts_with("sslpassword=")
        }),
        Err(e) => e.kind() != std::io::ErrorKind::NotFound,
    }
}
