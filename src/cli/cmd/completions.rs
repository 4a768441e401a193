//! `pgseal completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::output::Ui;
use crate::error::{Code, Error, Result};

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "EXAMPLES:\n  \
    pgseal completions bash > /etc/bash_completion.d/pgseal\n  \
    pgseal completions zsh > ~/.zfunc/_pgseal")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pgseal", &mut script);
    let script = String::from_utf8(script).map_err(|e| Error::internal("the script is not text").because(e))?;
    ui.out.text(&script)?;
    Ok(Code::Done)
}
