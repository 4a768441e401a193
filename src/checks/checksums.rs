//! PHY-CHECKSUMS: every page has the checksum it was written with.

use std::path::Path;

use super::subject::RESTORE_AGAIN;
use super::{CheckResult, Rule, Severity};
use crate::error::{Code, Error, Stage};
use crate::process::Stdout;
use crate::scratch::Jail;
use crate::scratch::cluster::{control_data, field};

/// The check.
pub const RULE: Rule = Rule { id: "PHY-CHECKSUMS", title: "page checksums are right", severity: Severity::Critical };

/// Runs `pg_checksums --check` of `bindir` on a data directory whose server was
/// shut down cleanly: the program refuses any other. So it comes after the last
/// check of the running instance. Not applicable where the source had checksums off.
pub async fn run(jail: &Jail, bindir: &Path, data: &Path) -> CheckResult {
    let control = match control_data(jail, bindir, data).await {
        Ok(Some(text)) => text,
        Ok(None) => return RULE.not_evaluated(1, "pg_controldata cannot read the control file"),
        Err(e) => return RULE.error(1, 0, &e),
    };
    match field(&control, "Data page checksum version") {
        Some("0") => return RULE.not_applicable("the source has data checksums off"),
        Some(_) => {}
        None => return RULE.not_evaluated(1, "pg_controldata does not tell whether checksums are on"),
    }
    let program = bindir.join("pg_checksums");
    if !program.is_file() {
        return RULE.not_evaluated(1, "pg_checksums is not installed");
    }
    let tool = jail.tool(program).args(["--check", "-D"]).arg(data.as_os_str()).stdout(Stdout::Piped);
    let ended = match tool.spawn().await {
        Ok(running) => running.output(64 * 1024).await,
        Err(e) => Err(e),
    };
    let (exit, out) = match ended {
        Ok(ended) => ended,
        Err(e) => return RULE.error(1, 0, &e),
    };
    let out = String::from_utf8_lossy(&out).into_owned();
    let number = |label: &str| field(&out, label).and_then(|v| v.parse::<u64>().ok());
    let (blocks, bad) = (number("Blocks scanned"), number("Bad checksums"));
    match (exit.code(), blocks, bad) {
        (Some(0), Some(n), Some(0)) if n > 0 => RULE.judged(n, n, Vec::new()),
        (Some(1), Some(n), Some(bad)) if bad > 0 => {
            let found =
                RULE.finding("data directory", format!("{bad} of {n} pages have a wrong checksum"), RESTORE_AGAIN);
            RULE.judged(n, n, vec![found])
        }
        (Some(1), None, _) if exit.stderr().text().contains("could not read block") => {
            RULE.judged(1, 1, vec![RULE.finding("data directory", "a page cannot be read", RESTORE_AGAIN)])
        }
        _ => {
            let said = exit.stderr().last_lines(1);
            RULE.error(
                1,
                0,
                &Error::new(Code::CouldNotRun, Stage::Checks, format!("pg_checksums did not finish: {said}")),
            )
        }
    }
}
