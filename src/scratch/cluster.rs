//! `initdb`, our own configuration files, and what `pg_controldata` says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::io::AsyncWriteExt as _;

use super::{Jail, Scratch};
use crate::error::{Code, Error, Result, Stage};
use crate::process::{Stdin, Stdout};
use crate::types::text::quote_ident;

/// How a fresh cluster is made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Name of the bootstrap superuser; the source's, so that what it owns can
    /// be restored under its name.
    pub superuser: String,
    /// Encoding of the template databases, `UTF8`.
    pub encoding: String,
    /// Locale of the template databases, `C`.
    pub locale: String,
}

impl ClusterOptions {
    /// UTF8 and C; restored databases bring their own.
    pub fn new(superuser: impl Into<String>) -> Self {
        Self { superuser: superuser.into(), encoding: "UTF8".into(), locale: "C".into() }
    }
}

/// Makes a fresh cluster with data checksums in the scratch data directory,
/// with `initdb` of `bindir`.
///
/// # Errors
/// 53 where initdb fails.
pub async fn init_cluster(scratch: &Scratch, bindir: &Path, options: &ClusterOptions) -> Result<()> {
    // initdb does not take these (its script would have to quote them), but a
    // running server lets such a name be given.
    let odd = options.superuser.contains(['"', '$', '\'', '\\', '\n', '\r']);
    let first = if odd { FIRST_NAME } else { &options.superuser };
    let tool = scratch
        .jail()
        .tool(bindir.join("initdb"))
        .arg("--pgdata")
        .arg(scratch.data_dir().into_os_string())
        .arg(format!("--username={first}"))
        .arg(format!("--encoding={}", options.encoding))
        .arg(format!("--locale={}", options.locale))
        .args(["--auth-local=peer", "--auth-host=reject", "--data-checksums", "--no-sync"]);
    let failed =
        |e: Error| e.or_hint("Nothing was learned about the backup: this host could not make a fresh cluster.");
    tool.spawn().await?.wait().await?.success(Code::CouldNotRun, Stage::Scratch).map_err(failed)?;
    if odd { rename_superuser(scratch, bindir, &options.superuser).await } else { Ok(()) }
}

/// Name of the bootstrap superuser until it gets an odd one.
const FIRST_NAME: &str = "pgseal_bootstrap";

/// Renames the bootstrap superuser in single-user mode. Nobody may rename the
/// role of his own session, so another one does it and goes.
async fn rename_superuser(scratch: &Scratch, bindir: &Path, name: &str) -> Result<()> {
    let sql = format!(
        "create role pgseal_renamer superuser;\n\nset session authorization pgseal_renamer;\n\n\
         alter role {FIRST_NAME} rename to {0};\n\nset session authorization {0};\n\ndrop role pgseal_renamer;\n\n",
        quote_ident(name)
    );
    let tool = scratch
        .jail()
        .tool(bindir.join("postgres"))
        // -j: a command ends at a semicolon before an empty line.
        .args(["--single", "-j", "-D"])
        .arg(scratch.data_dir().into_os_string())
        .args(["-c", "exit_on_error=on", "-c", "log_error_verbosity=terse", "-c", "log_min_error_statement=panic"])
        .arg("template1")
        .stdin(Stdin::Piped);
    let mut running = tool.spawn().await?;
    if let Some(mut into) = running.take_stdin() {
        // A child that ends early is seen by its exit status.
        let _ = into.write_all(sql.as_bytes()).await;
    }
    running.wait().await?.success(Code::CouldNotRun, Stage::Scratch).map(drop)
}

/// Limits that recovery needs to be as high as at the source, from
/// `pg_controldata`. With `hot_standby = off` only those of prepared
/// transactions matter (PostgreSQL manual, "Hot Standby", administrator's overview).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    /// `max_prepared_transactions`.
    pub prepared_transactions: u32,
    /// `max_locks_per_transaction`.
    pub locks_per_transaction: u32,
    /// Size of a WAL segment, MiB: `min_wal_size` must be twice as large (PostgreSQL
    /// manual, "WAL Configuration").
    pub wal_segment_mib: u32,
}

impl Default for Floors {
    fn default() -> Self {
        Self { prepared_transactions: 0, locks_per_transaction: 64, wal_segment_mib: 16 }
    }
}

impl Floors {
    /// Highest that is taken over: a forged control file must not eat the
    /// host's memory.
    const MOST: u32 = 10_000;

    /// From the output of `pg_controldata`. Of a directory that it could not read
    /// there is none, which gives the defaults: the start then says what is wrong.
    pub(crate) fn of(text: &str) -> Self {
        let number = |label: &str, least: u32| {
            field(text, label).and_then(|v| v.parse::<u32>().ok()).unwrap_or(least).clamp(least, Self::MOST)
        };
        Self {
            prepared_transactions: number("max_prepared_xacts setting", 0),
            locks_per_transaction: number("max_locks_per_xact setting", 64),
            // Of 1 MiB to 1 GiB.
            wal_segment_mib: field(text, "Bytes per WAL segment")
                .and_then(|v| v.parse::<u32>().ok())
                .map_or(16, |bytes| (bytes >> 20).clamp(1, 1024)),
        }
    }
}

/// Output of `pg_controldata`; `None` where it fails.
pub(crate) async fn control_data(jail: &Jail, bindir: &Path, data: &Path) -> Result<Option<String>> {
    let tool = jail.tool(bindir.join("pg_controldata")).arg(data.as_os_str()).stdout(Stdout::Piped);
    let (exit, out) = tool.spawn().await?.output(64 * 1024).await?;
    Ok((exit.code() == Some(0)).then(|| String::from_utf8_lossy(&out).into_owned()))
}

/// A value of `pg_controldata`'s output.
pub(crate) fn field<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|l| l.strip_prefix(label)?.strip_prefix(':')).map(str::trim)
}

/// Writes the only configuration the server reads: of ours, outside PGDATA.
///
/// Connections are enough for the most streams and jobs that a configuration
/// allows (64 each, with a worker and a leader), and then some.
///
/// Only the scratch user and pgseal's own user come in, over the socket, as
/// `superuser`; all else is rejected.
///
/// # Errors
/// 53 where the files cannot be written or the name cannot be mapped.
pub async fn write_config(scratch: &Scratch, major: u32, superuser: &str, floors: Floors) -> Result<()> {
    let us = scratch.jail().our_name().await?;
    let ident = ident_file(major, superuser, &[scratch.jail().user(), &us])?;
    let conf = format!(
        "# Written by pgseal; every sealed setting stands on the command line.\n\
         max_connections = 250\nsuperuser_reserved_connections = 3\nmax_prepared_transactions = {}\n\
         max_locks_per_transaction = {}\nmax_replication_slots = 64\nshared_buffers = 128MB\n\
         maintenance_work_mem = 256MB\nmax_wal_size = 4GB\nmin_wal_size = {}MB\ncheckpoint_timeout = 30min\nfull_page_writes = off\n\
         synchronous_commit = off\nlog_line_prefix = '{}'\nlog_checkpoints = off\nlc_messages = 'C'\nhuge_pages = off\n\
         update_process_title = on\n",
        floors.prepared_transactions,
        floors.locks_per_transaction,
        (2 * floors.wal_segment_mib).max(80),
        super::failure::LINE_PREFIX,
    );
    let hba = "local replication all reject\nlocal all all peer map=pgseal\nhost all all all reject\n";
    for (name, text) in [("postgresql.conf", conf.as_str()), ("pg_hba.conf", hba), ("pg_ident.conf", &ident)] {
        let path = scratch.conf_dir().join(name);
        std::fs::write(&path, text)
            .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)))
            .map_err(|e| {
                Error::new(Code::CouldNotRun, Stage::Scratch, "cannot write the configuration")
                    .on(path.display().to_string())
                    .because(e)
            })?;
        scratch.jail().show(&path)?;
    }
    Ok(())
}

/// `pg_ident.conf`: who may come in as the superuser.
fn ident_file(major: u32, superuser: &str, users: &[&str]) -> Result<String> {
    // It is one word of one line. From 16 on a word that begins with a slash is
    // a regular expression, which can spell what a word cannot.
    let role = match superuser.contains(['\n', '\r']) {
        odd if major >= 16 && (odd || superuser.starts_with('/')) => quoted(&format!("/^{}$", regex(superuser))),
        true => {
            return Err(Error::new(Code::CouldNotRun, Stage::Scratch, "the superuser's name cannot be mapped")
                .on(superuser)
                .hint("PostgreSQL before 16 cannot map a role name that holds a line end."));
        }
        false => quoted(superuser),
    };
    let lines: Vec<String> = users.iter().map(|user| format!("pgseal {} {role} # end\n", quoted(user))).collect();
    Ok(lines.concat())
}

/// A regular expression for this text alone (PostgreSQL manual, "Regular
/// Expression Escapes": a backslash takes the meaning off what is no letter or digit).
fn regex(text: &str) -> String {
    let one = |c: char| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        c if c.is_ascii_punctuation() => format!("\\{c}"),
        c => c.to_string(),
    };
    text.chars().map(one).collect()
}

/// A quoted word of a pg_ident.conf line (PostgreSQL manual, "User Name Maps").
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ident_lines_hold_odd_names_or_refuse_them() {
        assert_eq!(ident_file(15, "a\"b #\\", &["root"]).unwrap(), "pgseal \"root\" \"a\"\"b #\\\" # end\n");
        assert_eq!(ident_file(16, "all", &["root"]).unwrap(), "pgseal \"root\" \"all\" # end\n", "not everyone");
        assert_eq!(ident_file(16, "x\ny", &["root"]).unwrap(), "pgseal \"root\" \"/^x\\ny$\" # end\n");
        assert_eq!(ident_file(16, "/^.*$", &["root"]).unwrap(), "pgseal \"root\" \"/^\\/\\^\\.\\*\\$$\" # end\n");
        assert_eq!(ident_file(15, "/^.*$", &["root"]).unwrap(), "pgseal \"root\" \"/^.*$\" # end\n");
        assert_eq!(ident_file(15, "x\ny", &["root"]).unwrap_err().code(), Code::CouldNotRun);
    }

    #[test]
    fn control_data_fields() {
        let text = "pg_control version number:            1300\nmax_prepared_xacts setting:           7\n";
        assert_eq!(field(text, "max_prepared_xacts setting"), Some("7"));
        assert_eq!(field(text, "max_prepared"), None);
    }
}
