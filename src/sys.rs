//! The one place with `unsafe`: what a process keeps from its children and from others,
//! and how much memory it may use. [`plain_file`] is how files of others are read.
#![allow(unsafe_code)]

pub mod plain_file;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};

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

/// Closes this process to others of the same user: no core files, which would hold keys and
/// rows, no debugger, and nobody else reads its memory or its open files in `/proc`
/// (`prctl(2)`, PR_SET_DUMPABLE). Children have no core files either; the rest ends with `execve`.
///
/// # Errors
/// Those of the system calls; nothing else may be done then.
pub fn close_to_others() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Bytes that are in use, of those that went through [`Bounded`].
static USED: AtomicUsize = AtomicUsize::new(0);
/// Most of them.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The system's allocator with a limit, so that what a hostile store, server or backup makes
/// this process keep cannot exhaust the host. Every known way has a limit of its own, with an
/// error that names it; this one is behind all of them.
#[derive(Debug)]
pub struct Bounded;

/// Sets the limit of [`Bounded`] in bytes.
pub fn limit_memory(bytes: u64) {
    LIMIT.store(usize::try_from(bytes).unwrap_or(usize::MAX), Ordering::Relaxed);
}

/// Half of the host's memory in bytes.
pub fn half_of_the_host() -> u64 {
    let host = rustix::system::sysinfo();
    host.totalram.saturating_mul(u64::from(host.mem_unit)) / 2
}

/// What may still be allocated, in bytes.
pub fn memory_left() -> u64 {
    LIMIT.load(Ordering::Relaxed).saturating_sub(USED.load(Ordering::Relaxed)) as u64
}

fn take(bytes: usize) {
    if USED.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > LIMIT.load(Ordering::Relaxed) {
        exhausted();
    }
}

/// Ends the process with 44, as `kill -9` would: nothing may allocate any more. Children die
/// with it ([`own_child`]), the next run removes what is left behind.
#[cold]
fn exhausted() -> ! {
    const TEXT: &[u8] = b"\npgseal: error: the limit of pgseal's own memory is reached\n\
        hint: What it reads is larger than anything it writes, or the limit is too small for this database: \
        raise limits.memory (PGSEAL_LIMITS_MEMORY) if you trust the source and the store.\n";
    unsafe extern "C" {
        safe fn _exit(status: i32) -> !;
    }
    let _ = rustix::io::write(rustix::stdio::stderr(), TEXT);
    _exit(44)
}

// SAFETY: every call goes to `System` as it is; the counters do not touch memory that is handed out.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise is the one that `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}
