//! The commands, one file each. A command gets what it needs, prints data
//! through [`super::output::Out`] and returns the exit code.

pub mod completions;
pub mod config;
pub mod init;
pub mod keygen;
pub mod man;
pub mod store;

use super::args::Command;
use super::output::Ui;
use crate::error::{Code, Result};

/// Runs one command.
pub async fn run(command: Command, ui: &Ui) -> Result<Code> {
    match command {
        Command::Init(args) => init::run(args, ui).await,
        Command::Keygen(args) => keygen::run(&args, ui),
        Command::Config(args) => config::run(&args, ui),
        Command::Store(args) => store::run(args, ui).await,
        Command::Completions(args) => completions::run(&args, ui),
        Command::Man(args) => man::run(&args, ui),
    }
}
