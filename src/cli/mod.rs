//! The command line: the only folder that prints and knows clap.
//!
//! stdout carries data, stderr carries talk. A command returns the exit code
//! or an error; [`exit`] says both. To add a command: a file in [`cmd`], a
//! variant of [`args::Command`], an arm in [`cmd::run`].
//!
//! | file | holds |
//! |---|---|
//! | [`args`] | global options and the list of commands |
//! | [`cmd`] | one file a command |
//! | [`context`] | configuration, keys, store and progress for a command |
//! | [`output`] | what goes to stdout and what to stderr |
//! | [`progress`] | events as a bar, as lines or as JSON |
//! | [`exit`] | errors as text or JSON, and the exit code |
//! | [`table`] | plain tables |
//! | [`signals`] | an interrupt drops the work |

pub mod args;
pub mod cmd;
pub mod context;
pub mod exit;
pub mod output;
pub mod progress;
pub mod signals;
pub mod table;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::error::{Code, Error};

/// How long work on other threads may go on after the end.
const GRACE: Duration = Duration::from_secs(5);

/// Least default of `limits.memory`: 1 GiB.
const LEAST_MEMORY: u64 = 1 << 30;

/// Runs the program with `args` (the first is its name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::sys::keep_open_files();
    crate::sys::limit_memory(crate::sys::half_of_the_host().max(LEAST_MEMORY));
    exit::install_panic_hook();
    let args: Vec<OsString> = args.into_iter().collect();
    let done = std::panic::catch_unwind(|| parse_and_run(&args));
    // The hook has said what there is to say.
    ExitCode::from(done.unwrap_or(Code::Internal).number())
}

fn parse_and_run(args: &[OsString]) -> Code {
    let cli = match args::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => return exit::usage(&e, args.iter().any(|a| a == "--json")),
    };
    let ui = output::Ui::new(&cli.global);
    progress::log(&cli.global);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let said = cmd::interrupted(&cli.command);
            let result = runtime.block_on(signals::with_signals(cmd::run(cli.command, &ui), said));
            runtime.shutdown_timeout(GRACE);
            result
        }
        Err(e) => Err(Error::internal("cannot start the runtime").because(e)),
    };
    ui.progress.close();
    exit::report(result, &ui)
}
