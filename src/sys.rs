//! The one place with `unsafe`: what a process keeps from its children and from others,
//! and how much memory it may use. [`filter`] is what jailed children are refused,
//! [`plain_file`] how files of others are read.
#![allow(unsafe_code)]

pub mod filter;
pub mod plain_file;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
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

/// Gives the child of `command` a session keyring of its own (`keyrings(7)`): it
/// would inherit that of whoever runs pgseal, with Kerberos tickets, keys of
/// encrypted file systems and what else lies in there. Where the kernel has or
/// gives no keyrings there is nothing to inherit.
pub fn own_keyring(command: &mut Command) {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: between fork and exec one system call without pointers to our
    // memory; an anonymous keyring is asked for by a null name.
    unsafe {
        command.pre_exec(|| {
            let none = std::ptr::null::<libc::c_char>();
            if libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, none) != -1 {
                return Ok(());
            }
            match io::Error::last_os_error() {
                e if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EACCES)) => Ok(()),
                e => Err(e),
            }
        });
    }
}

/// Puts the child of `command` under a filter of system calls ([`filter`]), and
/// takes from it the way to rights by set-user-id programs, which is the price.
pub fn filtered(command: &mut Command, program: Vec<u8>) {
    const SET_MODE_FILTER: libc::c_long = 1;
    // SAFETY: between fork and exec two system calls; the filter lies in memory
    // that the closure owns, and `sock_fprog` is laid out as the kernel's.
    unsafe {
        command.pre_exec(move || {
            rustix::thread::set_no_new_privs(true)?;
            let steps = libc::sock_fprog {
                len: u16::try_from(program.len() / 8).unwrap_or(0),
                filter: program.as_ptr().cast_mut().cast(),
            };
            match libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const steps) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}

/// Leaves `file` open in the child of `command`, under its number.
pub fn keep_for_child(command: &mut Command, file: OwnedFd) {
    // SAFETY: between fork and exec one system call on a descriptor that the
    // closure owns, so that it is open until then.
    unsafe {
        command.pre_exec(move || {
            fcntl_setfd(BorrowedFd::borrow_raw(file.as_raw_fd()), FdFlags::empty()).map_err(Into::into)
        });
    }
}

/// A key in the session keyring of this process that only those have who share
/// that keyring. Gone when dropped.
#[derive(Debug)]
pub struct CanaryKey(libc::c_long);

impl CanaryKey {
    /// Adds it under `name`, for `uid` to see if he has it.
    ///
    /// # Errors
    /// Where the kernel has or gives no keys.
    pub fn plant(name: &str, uid: u32) -> io::Result<Self> {
        const SESSION: libc::c_long = -3;
        const CHOWN: libc::c_long = 4;
        const SETPERM: libc::c_long = 5;
        // Everything for those who possess it, nothing for anybody else.
        const POSSESSORS: libc::c_long = 0x3f00_0000;
        let name = CString::new(name)?;
        let done = |answer: libc::c_long| if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) };
        // SAFETY: system calls with two C strings that live until they return, and numbers.
        unsafe {
            let key =
                done(libc::syscall(libc::SYS_add_key, c"user".as_ptr(), name.as_ptr(), name.as_ptr(), 1, SESSION))?;
            let key = Self(key);
            done(libc::syscall(libc::SYS_keyctl, SETPERM, key.0, POSSESSORS))?;
            if uid != rustix::process::geteuid().as_raw() {
                done(libc::syscall(libc::SYS_keyctl, CHOWN, key.0, uid, -1))?;
            }
            Ok(key)
        }
    }
}

impl Drop for CanaryKey {
    fn drop(&mut self) {
        const REVOKE: libc::c_long = 3;
        // SAFETY: a system call with numbers alone.
        let _ = unsafe { libc::syscall(libc::SYS_keyctl, REVOKE, self.0) };
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
