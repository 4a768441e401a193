//! `audit explain`: the page of a check.

use std::fmt::Write as _;

use crate::checks::Severity;
use crate::cli::output::Ui;
use crate::config::origin::nearest;
use crate::error::{Code, Error, Result};
use crate::exposure::{catalogue, pages};

/// Options of `audit explain`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal audit explain EXP-HBA-003\n  \
    pgseal audit explain | grep critical")]
pub struct Args {
    /// Its id; without one, all checks are listed
    check: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    let text = match &args.check {
        Some(id) => {
            let id = id.to_uppercase();
            let check = catalogue::find(&id).ok_or_else(|| {
                let e = Error::usage("there is no such check").on(id.clone());
                match nearest(&id, catalogue::all().map(|c| c.about.id)) {
                    Some(near) => e.hint(format!("Did you mean {near}?")),
                    None => e.hint("`pgseal audit explain` lists all checks."),
                }
            })?;
            pages::page(&check.about, &check.look)
        }
        None => list(),
    };
    ui.out.text(&text)?;
    Ok(Code::Done)
}

fn list() -> String {
    let mut out = String::new();
    for check in catalogue::all() {
        let about = &check.about;
        let severity = if about.severity == Severity::Info { "info" } else { about.severity.name() };
        let _ = writeln!(out, "{:<13} {severity:<9} {}", about.id, about.title);
    }
    out
}
