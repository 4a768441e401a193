//! The one place with `unsafe`: what a process keeps from its children.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

/// Makes `command` start in its own process group, without core files, and die
/// with the thread that spawned it (`prctl(2)`, PR_SET_PDEATHSIG), so that
/// `kill -9` of pgseal leaves nothing behind.
///
/// The signal follows the *thread* that forked: spawn from a thread that lives
/// as long as the program ([`crate::process`] does).
pub fn own_child(command: &mut Command, on_parent_death: Signal) {
    command.process_group(0);
    let parent = rustix::process::getpid();
    // SAFETY: the closure runs in the child between fork and exec and calls only
    // async-signal-safe system calls (prctl, getppid, setrlimit); it does not
    // allocate, lock or touch memory shared with other threads.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(on_parent_death))?;
            // The parent may have died before prctl took effect.
            if rustix::process::getppid() != Some(parent) {
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::CHILD.raw_os_error()));
            }
            setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
            Ok(())
        });
    }
}

/// Keeps files that were open when this process was started, but its standard input
/// and outputs, from its children: whoever started it may have left any of them open
/// (a log, a lock, a key on `/dev/fd/7`), and a restored server has no business with
/// them. Here they stay open. Call it before there is another thread.
pub fn keep_open_files() {
    // Without /proc nothing can be kept; a drill's probes look at what the server got.
    for entry in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        let Some(fd) = entry.file_name().to_str().and_then(|n| n.parse::<RawFd>().ok()).filter(|fd| *fd > 2) else {
            continue;
        };
        // SAFETY: the descriptor is borrowed for one call that sets a flag of it; where it
        // is closed by now, the call fails.
        let _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::CLOEXEC);
    }
}
