//! What a program runs under: other programs before it, and what the kernel
//! keeps from it.

use std::ffi::OsString;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::error::{Error, Result};
use crate::sys;

/// Programs that run before another one, and what is kept from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Under {
    /// Programs with their arguments (`unshare … --`, `setpriv … --`); the
    /// program's own path follows.
    pub words: Vec<OsString>,
    /// Whether it gets a session keyring of its own instead of the caller's.
    pub own_keyring: bool,
    /// Who puts it under a filter of system calls.
    pub filter: Filter,
}

/// Who puts a program under a filter of system calls ([`crate::sys::filter`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Filter {
    /// Nobody.
    #[default]
    No,
    /// We, before the first of the words: it must leave room for what they do.
    First,
    /// The word at this place reads it from the open file whose number it is
    /// given (`bwrap --seccomp`), once everything else is done.
    By(usize),
}

impl From<Vec<OsString>> for Under {
    fn from(words: Vec<OsString>) -> Self {
        Self { words, ..Self::default() }
    }
}

impl Under {
    /// What `command` gets beside its words; where a word takes the number of an
    /// open file, that word.
    pub(super) fn prepare(&self, command: &mut std::process::Command) {
        if self.own_keyring {
            sys::own_keyring(command);
        }
        if self.filter == Filter::First
            && let Some(program) = sys::filter::program(false)
        {
            sys::filtered(command, program);
        }
    }

    /// The words, and the file that one of them names.
    pub(super) fn opened(&self) -> Result<(Vec<OsString>, Option<std::os::fd::OwnedFd>)> {
        use std::os::fd::AsRawFd as _;
        let mut words = self.words.clone();
        let (Filter::By(at), Some(program)) = (self.filter, sys::filter::program(true)) else {
            return Ok((words, None));
        };
        // One for each program: they read it from where it is, and would share that place.
        let file = (|| {
            let file = memfd_create("pgseal-filter", MemfdFlags::CLOEXEC)?;
            rustix::io::pwrite(&file, &program, 0)?;
            Ok::<_, rustix::io::Errno>(file)
        })();
        let file = file.map_err(|e| Error::internal("cannot keep a filter in memory").because(e))?;
        if let Some(word) = words.get_mut(at) {
            *word = file.as_raw_fd().to_string().into();
        }
        Ok((words, Some(file)))
    }
}
