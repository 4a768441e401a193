//! The commands, one file each. A command gets what it needs, prints data
//! through [`super::output::Out`] and returns the exit code.

pub mod audit;
pub mod backup;
pub mod completions;
pub mod config;
pub mod drill;
pub mod init;
pub mod keygen;
pub mod list;
pub mod man;
pub mod report;
pub mod restore;
pub mod self_test;
pub mod show;
pub mod store;
pub mod sweep;
pub mod verify;

use super::args::Command;
use super::output::Ui;
use crate::error::{Code, Result, Stage};

/// Where a command was that a signal ended, and what is true of its work then.
pub const fn interrupted(command: &Command) -> (Stage, Option<&'static str>) {
    match command {
        Command::Backup(_) => {
            (Stage::Dump, Some("An interrupted backup is never taken for one; the next run starts afresh."))
        }
        Command::Restore(_) => {
            (Stage::Restore, Some("What the restore made itself is removed again; start it afresh."))
        }
        Command::Drill(_) => {
            (Stage::Scratch, Some("The copy is removed, and nothing is proven either way; drill again."))
        }
        Command::Verify(_) => (Stage::Verify, Some("Nothing is known of what was not looked at; run it again.")),
        Command::Init(_) | Command::Store(_) | Command::Sweep(_) => (Stage::Store, Some("Run it again.")),
        Command::Keygen(_) => (Stage::Keys, None),
        Command::Config(_) | Command::Completions(_) | Command::Man(_) => (Stage::Config, None),
        Command::List(_) | Command::Show(_) => (Stage::Manifest, None),
        Command::Audit(_) | Command::Report(_) => (Stage::Report, Some("Run it again.")),
    }
}

/// Runs one command.
pub async fn run(command: Command, ui: &Ui) -> Result<Code> {
    match command {
        Command::Init(args) => init::run(args, ui).await,
        Command::Keygen(args) => keygen::run(&args, ui),
        Command::Config(args) => config::run(&args, ui),
        Command::Backup(args) => backup::run(args, ui).await,
        Command::List(args) => list::run(args, ui).await,
        Command::Show(args) => show::run(args, ui).await,
        Command::Verify(args) => verify::run(args, ui).await,
        Command::Restore(args) => Box::pin(restore::run(args, ui)).await,
        Command::Drill(args) => Box::pin(drill::run(args, ui)).await,
        Command::Audit(args) => Box::pin(audit::run(args, ui)).await,
        Command::Report(args) => Box::pin(report::run(args, ui)).await,
        Command::Store(args) => store::run(args, ui).await,
        Command::Sweep(args) => sweep::run(args, ui).await,
        Command::Completions(args) => completions::run(&args, ui),
        Command::Man(args) => man::run(&args, ui),
    }
}
