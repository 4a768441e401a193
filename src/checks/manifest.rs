//! PHY-MANIFEST: the extracted files are those of the base backup.

use std::path::Path;

use super::subject::RESTORE_AGAIN;
use super::{CheckResult, Rule, Severity};
use crate::error::{Code, Error, Stage};
use crate::scratch::Jail;
use crate::sys::plain_file;

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-MANIFEST", title: "files agree with the base backup's own manifest", severity: Severity::Critical };

/// Largest `backup_manifest` whose files are counted, bytes.
const LIMIT: u64 = 512 * 1024 * 1024;

/// Runs `pg_verifybackup -n` of `bindir` on the extracted directory. Do it
/// **before** the directory is sanitised and started. `-n` because WAL is proven by
/// the recovery itself, not by parsing it.
pub async fn run(jail: &Jail, bindir: &Path, data: &Path) -> CheckResult {
    let path = data.join("backup_manifest");
    let meta = match std::fs::symlink_metadata(&path) {
        Ok(m) if m.is_file() && m.len() <= LIMIT => m,
        Ok(_) => return RULE.not_evaluated(1, "backup_manifest is no file of a usable size"),
        Err(_) => {
            let missing = RULE.finding("backup_manifest", "the base backup has no manifest", RESTORE_AGAIN);
            return RULE.judged(1, 1, vec![missing]);
        }
    };
    let files = count_files(data).unwrap_or(0);
    if files == 0 || meta.len() == 0 {
        let empty = RULE.finding("backup_manifest", "the manifest lists no files", RESTORE_AGAIN);
        return RULE.judged(1, 1, vec![empty]);
    }
    let program = bindir.join("pg_verifybackup");
    if !program.is_file() {
        return RULE.not_evaluated(files, "pg_verifybackup is not installed");
    }
    let tool = jail.tool(program).args(["-n", "-q"]).arg(data.as_os_str());
    let exit = match tool.spawn().await {
        Ok(running) => running.wait().await,
        Err(e) => Err(e),
    };
    match exit {
        Err(e) => RULE.error(files, 0, &e),
        Ok(exit) if exit.code() == Some(0) => RULE.judged(files, files, Vec::new()),
        // 1 is "the verification failed"; anything else is the program's own trouble.
        Ok(exit) if exit.code() == Some(1) => {
            let text = exit.stderr().text();
            let lines: Vec<&str> = text.lines().filter(|l| l.contains("error:")).collect();
            let of_the_host = ["could not open directory", "out of memory", "Cannot allocate memory"];
            if lines.is_empty() || lines.iter().any(|l| of_the_host.iter().any(|h| l.contains(h))) {
                let e = Error::new(Code::CouldNotRun, Stage::Checks, "pg_verifybackup did not say what is wrong");
                return RULE.error(files, 0, &e);
            }
            let found = lines.iter().map(|l| {
                let message = l.split_once("error: ").map_or(*l, |p| p.1);
                let object = message.split('"').nth(1).unwrap_or("backup_manifest");
                RULE.finding(object, message, RESTORE_AGAIN)
            });
            RULE.judged(files, files, found.collect())
        }
        Ok(exit) => {
            let e = exit.success(Code::CouldNotRun, Stage::Checks).err();
            RULE.error(files, 0, &e.unwrap_or_else(|| Error::internal("pg_verifybackup ended oddly")))
        }
    }
}

/// Entries of the manifest's `Files`, which stand on a line each.
fn count_files(data: &Path) -> Option<u64> {
    let bytes = plain_file::read_below(data, "backup_manifest", LIMIT).ok()?;
    Some(memchr::memmem::find_iter(&bytes, b"\"Size\":").count() as u64)
}
