//! What a restored data directory would do when it is started: follow another
//! server, write into its archive, run its jobs. The first is taken out, of the
//! rest is said where it stands.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;

use super::conf::{self, AUTO, Conf};
use crate::source::facts::CONFIGURED_BY;
use crate::source::left_out::Part;
use crate::source::{Facts, LeftOut};

/// What a directory of a standby's backup becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standby {
    /// A server of its own: it follows nobody, and fetches from no archive.
    Alone,
    /// What it was.
    AsBackedUp,
    /// Every byte stays as it was backed up, and nothing is said of it: whoever
    /// compares the files takes these out afterwards.
    Untouched,
}

/// Files that make a server follow another one or read an archive (PostgreSQL
/// manual, "Standby Server Operation", "Recovering Using a Continuous Archive Backup").
const SIGNALS: [&str; 2] = ["standby.signal", "recovery.signal"];

/// Settings that name the server to follow.
const FOLLOWED: [&str; 2] = ["primary_conninfo", "primary_slot_name"];

/// Settings that reach out of the directory once a server is started in it, and
/// what they do. The values of these may hold secrets.
const REACHING: [(&str, &str); 12] = [
    ("archive_command", "is run for every WAL segment: it may write into the archive of the server that was backed up"),
    (
        "archive_library",
        "is called for every WAL segment: it may write into the archive of the server that was backed up",
    ),
    ("restore_command", "is run when the server recovers from an archive"),
    ("recovery_end_command", "is run when a recovery from an archive ends"),
    ("archive_cleanup_command", "is run by a standby"),
    ("primary_conninfo", "names the server that a standby follows"),
    ("primary_slot_name", "names the replication slot of a standby"),
    ("ssl_passphrase_command", "is run when the server starts"),
    ("synchronous_standby_names", "lets commits wait for standbys, which the restored server does not have"),
    ("data_directory", "names the directory that is started: not necessarily this one"),
    ("hba_file", "names the file that says who may log in: not necessarily the one in this directory"),
    ("external_pid_file", "names a file that the server writes"),
];

/// Settings that load libraries, which may run jobs of their own; their values
/// are names and hold no secret.
const PRELOADED: [&str; 3] = ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"];

/// What was found in, and taken out of, a restored data directory.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Carried {
    /// Files and settings that were removed.
    pub removed: Vec<String>,
    /// Files without which a server does not start, and which are not there.
    pub missing: Vec<String>,
    /// Names of settings that reach out of the directory.
    pub settings: Vec<String>,
    /// What a person should know before starting a server in it, a sentence each.
    pub notes: Vec<String>,
}

/// Looks through the data directory `data` and, unless it is to stay a standby,
/// takes out what makes it one.
///
/// # Errors
/// Where a file cannot be changed.
pub(super) fn settle(data: &Path, standby: Standby, was_standby: bool, durable: bool) -> io::Result<Carried> {
    let mut carried = Carried::default();
    if standby == Standby::Untouched {
        return Ok(carried);
    }
    let conf = Conf::read(data);
    if standby == Standby::Alone {
        signals(data, &mut carried)?;
        let names_one = conf.entries.iter().any(|e| FOLLOWED.contains(&e.name.as_str()) && !e.value.is_empty());
        // Debian keeps its configuration outside of the directory, and that may name one, too.
        if names_one || was_standby || !carried.removed.is_empty() {
            unfollow(data, durable)?;
            carried.removed.extend(names_one.then(|| FOLLOWED[0].to_owned()));
        }
    }
    let conf = Conf::read(data);
    describe(&conf, &mut carried);
    for name in CONFIGURED_BY.into_iter().filter(|name| std::fs::symlink_metadata(data.join(name)).is_err()) {
        carried.missing.push(name.to_owned());
        carried.notes.push(unconfigured(name));
    }
    let follows = SIGNALS.iter().any(|s| std::fs::symlink_metadata(data.join(s)).is_ok());
    match standby {
        _ if follows => carried.notes.insert(
            0,
            "the directory is a standby's: started, it follows the server that primary_conninfo names".to_owned(),
        ),
        _ if !carried.removed.is_empty() => carried.notes.insert(
            0,
            format!(
                "removed {}: the restored server is one of its own and follows nobody (see --as-standby)",
                carried.removed.join(", ")
            ),
        ),
        _ => {}
    }
    Ok(carried)
}

/// What to do where such a file is not in the directory: the server that was backed
/// up had it elsewhere.
fn unconfigured(name: &str) -> String {
    let (lost, next) = match name {
        "pg_hba.conf" => (
            "who may log in",
            "for a test, a file with the line \"local all all peer\" lets in whom the system knows by the same name",
        ),
        _ => (
            "how the server was set",
            "where there is none, initdb makes one in a directory of its own, with the settings of a new server",
        ),
    };
    format!(
        "there is no {name} in the directory, and without it no server starts: the server that was backed up kept it \
         elsewhere (Debian: /etc/postgresql/VERSION/CLUSTER, which pg_ctlcluster uses), and no base backup holds {lost}. \
         Copy it from that host or from your configuration management into the directory; {next}"
    )
}

/// A server asks whether something of that name is there, whatever it is.
fn signals(data: &Path, carried: &mut Carried) -> io::Result<()> {
    for name in SIGNALS {
        let path = data.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(m) if m.is_dir() => std::fs::remove_dir_all(&path)?,
            Ok(_) => std::fs::remove_file(&path)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        }
        carried.removed.push(name.to_owned());
    }
    Ok(())
}

/// Takes the settings out of the file that `ALTER SYSTEM` writes, and overrides
/// them there for all other files: no file is read after this one.
fn unfollow(data: &Path, durable: bool) -> io::Result<()> {
    let path = data.join(AUTO);
    let text = match conf::text_of(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e),
    };
    let stays = |line: &&str| conf::setting(line).is_none_or(|(name, _)| !FOLLOWED.contains(&name.as_str()));
    let mut out: String = text.lines().filter(stays).fold(String::new(), |out, line| out + line + "\n");
    for name in FOLLOWED {
        out.push_str(name);
        out.push_str(" = ''\n");
    }
    let new = data.join(format!("{AUTO}.pgseal"));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(out.as_bytes())?;
    if durable {
        file.sync_all()?;
    }
    std::fs::rename(&new, &path)?;
    if durable {
        File::open(data)?.sync_all()?;
    }
    Ok(())
}

fn describe(conf: &Conf, carried: &mut Carried) {
    let archives = conf
        .in_force("archive_mode")
        .is_some_and(|e| !["off", "false", "no", "0"].contains(&e.value.to_ascii_lowercase().as_str()));
    for (name, what) in REACHING {
        let Some(found) = conf.in_force(name) else { continue };
        if name.starts_with("archive_") && name != "archive_cleanup_command" && !archives {
            continue;
        }
        carried.settings.push(name.to_owned());
        carried.notes.push(format!("{name} in {} line {} {what}", found.file, found.line));
    }
    if archives {
        carried.notes.push("set archive_mode = off before you start a server in this directory for a test".to_owned());
    }
    for name in PRELOADED {
        if let Some(found) = conf.in_force(name) {
            carried.settings.push(name.to_owned());
            carried.notes.push(format!("{name} = '{}' in {} line {}", found.value, found.file, found.line));
        }
    }
    if !conf.unread.is_empty() {
        carried.notes.push(format!(
            "configuration files that are not in the directory, or could not be read: {}",
            conf.unread.join(", ")
        ));
    }
}

/// What the facts of a backup say of this, before it is restored.
pub fn foreseen(facts: &Facts, standby: Standby) -> Vec<String> {
    let mut notes = Vec::new();
    let server = &facts.server;
    if server.in_recovery {
        notes.push(match standby {
            Standby::Alone => {
                "the backup is a standby's: standby.signal and primary_conninfo are removed, the restored \
                               server follows nobody (see --as-standby)"
                    .to_owned()
            }
            _ => "the backup is a standby's: started, it follows the server that primary_conninfo names".to_owned(),
        });
    }
    if server.settings.get("archive_mode").is_some_and(|m| m != "off") {
        notes.push(
            "archive_mode is on: set it to off before you start a server in the directory for a test, or it may write \
             into the archive of the server that was backed up"
                .to_owned(),
        );
    }
    let preload: Vec<&str> = server.preload_libraries.iter().map(String::as_str).filter(|l| !l.is_empty()).collect();
    if !preload.is_empty() {
        notes.push(format!("shared_preload_libraries = '{}'", preload.join(",")));
    }
    notes.extend(lacking(facts).map(LeftOut::text));
    notes.extend(without_content(facts));
    let there = facts.physical.as_ref().and_then(|p| p.configured_by.as_ref());
    notes.extend(
        there
            .into_iter()
            .flat_map(|there| CONFIGURED_BY.into_iter().filter(|name| !there.contains(*name)).map(unconfigured)),
    );
    notes.extend(subscriptions(facts));
    notes
}

/// What the backup should hold and does not.
pub fn lacking(facts: &Facts) -> impl Iterator<Item = &LeftOut> {
    facts.left_out.iter().filter(|l| !l.files.is_empty() && !l.why.is_by_design())
}

/// Relations that a base backup has without their content.
pub fn without_content(facts: &Facts) -> impl Iterator<Item = String> {
    facts.left_out.iter().filter(|l| l.part == Part::Content).map(LeftOut::text)
}

/// Subscriptions lie in the catalogs, where no file of settings tells of them.
pub fn subscriptions(facts: &Facts) -> Option<String> {
    let count: u64 = facts.databases.iter().filter_map(|d| d.object_counts.get("subscription")).sum();
    (count > 0).then(|| {
        format!(
            "subscriptions in the backup: {count}. Start the server with -c max_logical_replication_workers=0 and \
             disable them, or it takes changes that are meant for the server that was backed up"
        )
    })
}
