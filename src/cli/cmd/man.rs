//! `pgseal man`.

use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::cli::args::Cli;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result, Stage};

/// Options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal man | man -l -\n  \
    pgseal man /usr/local/share/man/man1")]
pub struct Args {
    /// Write a page for every command into this directory
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(Cli::command(), dir).map_err(|e| {
            Error::new(Code::Usage, Stage::Usage, "cannot write the manual pages")
                .on(dir.display().to_string())
                .hint("The directory must exist.")
                .because(e)
        })?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|e| Error::internal("cannot make the manual page").because(e))?;
        ui.out.text(&String::from_utf8_lossy(&page))?;
    }
    Ok(Code::Done)
}
