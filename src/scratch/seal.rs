//! The sealed settings: on the command line, which outranks every file and
//! `postgresql.auto.conf` (PostgreSQL manual, "Setting Parameters"), and asked
//! of the program before it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use futures_util::future::join_all;

use super::Jail;
use super::preload::LIBRARIES;
use crate::error::{Code, Error, Result, Stage};
use crate::process::Stdout;

/// A setting and the value it must have.
pub type Setting = (&'static str, String);

/// How many programs ask at the same time.
const AT_ONCE: usize = 4;

/// The settings that keep an instance of `major` from touching anything.
/// `mark` becomes `cluster_name`.
pub fn sealed(major: u32, mark: &str) -> Vec<Setting> {
    let mut all: Vec<Setting> = [
        // Nobody reaches it but over the socket in its own directory.
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("ssl", "off"),
        ("ssl_passphrase_command", ""),
        // It archives nothing, fetches nothing and follows nobody.
        ("archive_mode", "off"),
        ("archive_command", ""),
        ("archive_cleanup_command", ""),
        ("recovery_end_command", ""),
        ("restore_command", ""),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
        ("synchronous_standby_names", ""),
        ("hot_standby", "off"),
        ("max_wal_senders", "0"),
        ("max_logical_replication_workers", "0"),
        // It loads nothing that the source's configuration names.
        (LIBRARIES, ""),
        ("session_preload_libraries", ""),
        ("local_preload_libraries", ""),
        ("dynamic_library_path", "$libdir"),
        ("jit", "off"),
        // It writes nothing outside its directory.
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("log_statement", "none"),
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("external_pid_file", ""),
        // It is thrown away: durability is of no use, and nothing is to change
        // while it is compared.
        ("fsync", "off"),
        ("autovacuum", "off"),
    ]
    .into_iter()
    .map(|(n, v)| (n, v.to_owned()))
    .collect();
    if major >= 15 {
        all.push(("archive_library", String::new()));
    } else {
        all.push(("promote_trigger_file", String::new()));
    }
    if major >= 17 {
        all.extend([
            ("event_triggers", "off".to_owned()),
            ("allow_alter_system", "off".to_owned()),
            ("summarize_wal", "off".to_owned()),
            ("sync_replication_slots", "off".to_owned()),
        ]);
    }
    all.push(("cluster_name", mark.to_owned()));
    all
}

/// `-c name=value` for each.
pub fn flags(settings: &[Setting]) -> Vec<OsString> {
    settings.iter().flat_map(|(n, v)| [OsString::from("-c"), OsString::from(format!("{n}={v}"))]).collect()
}

/// Asks the program what each sealed setting would be with exactly the
/// arguments of the start (`postgres -C`).
///
/// # Errors
/// 53 where the program does not answer or answers another value.
pub async fn ask(jail: &Jail, postgres: &Path, args: &[OsString], settings: &[Setting]) -> Result<()> {
    for some in settings.chunks(AT_ONCE) {
        for answer in join_all(some.iter().map(|s| ask_one(jail, postgres, args, s))).await {
            answer?;
        }
    }
    Ok(())
}

async fn ask_one(jail: &Jail, postgres: &Path, args: &[OsString], (name, wanted): &Setting) -> Result<()> {
    let tool = jail.tool(postgres).args(args.iter().cloned()).arg("-C").arg(*name).stdout(Stdout::Piped);
    let (exit, out) = tool.spawn().await?.output(64 * 1024).await?;
    if exit.code() != Some(0) {
        let why = super::failure::explain(&exit.stderr().text());
        return Err(why.into_error().on(*name));
    }
    let got = String::from_utf8_lossy(&out);
    let got = got.strip_suffix('\n').unwrap_or(&got);
    // `-C` gives the file mode as a decimal number, SHOW as an octal one.
    if got == wanted || (*name == "unix_socket_permissions" && got == "448") {
        return Ok(());
    }
    Err(Error::new(Code::CouldNotRun, Stage::Scratch, "a sealed setting would not hold").on(*name).hint(
        "The server was not started. Report this with the server's version: a sealed setting must win over every file.",
    ))
}

/// The settings of a running server that differ from what was sealed.
///
/// # Errors
/// 53 where the server cannot be asked.
pub async fn differing(client: &tokio_postgres::Client, settings: &[Setting]) -> Result<Vec<String>> {
    let names: Vec<&str> = settings.iter().map(|(n, _)| *n).collect();
    let rows = client
        .query("select name, current_setting(name) from pg_catalog.pg_settings where name = any($1)", &[&names])
        .await
        .map_err(|e| super::conn::failed(Code::CouldNotRun, &e))?;
    let have: BTreeMap<String, String> = rows
        .iter()
        .map(|r| Ok((r.try_get(0)?, r.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(|e| super::conn::failed(Code::CouldNotRun, &e))?;
    // What is shown of an empty archive_command while archiving is off.
    let as_sealed = |(name, wanted): &&Setting| {
        let shown = have.get(*name);
        shown == Some(wanted) || (*name == "archive_command" && shown.is_some_and(|s| s == "(disabled)"))
    };
    Ok(settings.iter().filter(|s| !as_sealed(s)).map(|(n, _)| (*n).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_servers_have_more_to_seal() {
        let has = |major, name| sealed(major, "m").iter().any(|(n, _)| *n == name);
        assert!(!has(14, "archive_library") && has(15, "archive_library"));
        assert!(!has(16, "event_triggers") && has(17, "event_triggers") && has(17, "allow_alter_system"));
        for major in 13..=18 {
            for name in ["archive_mode", "listen_addresses", "primary_conninfo", "max_logical_replication_workers"] {
                assert!(has(major, name), "{name} of {major}");
            }
        }
    }

    #[test]
    fn flags_are_pairs() {
        let f = flags(&[("a", "b=c".to_owned()), ("d", String::new())]);
        assert_eq!(f, ["-c", "a=b=c", "-c", "d="].map(OsString::from));
    }
}
