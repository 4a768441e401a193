//! The program: everything is in the library's `cli`.

use std::process::ExitCode;

use pgseal::sys;

#[global_allocator]
static ALLOCATOR: sys::Bounded = sys::Bounded;

#[allow(clippy::print_stderr)] // before there is anything that could say it better
fn main() -> ExitCode {
    // First of all: nothing that pgseal writes or holds is for others.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if let Err(e) = sys::close_to_others() {
        eprintln!("pgseal: error: cannot close this process to others: {e}");
        return ExitCode::from(1);
    }
    pgseal::cli::run(std::env::args_os())
}
