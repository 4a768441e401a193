//! The program: everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: nothing that pgseal writes is for others.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    pgseal::cli::run(std::env::args_os())
}
