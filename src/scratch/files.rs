//! Whose the files of an instance are: the server's, or ours and shown to it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Jail, Scratch};
use crate::error::{Code, Error, Result, Stage};

impl Jail {
    /// Lets the user that servers run under pass the directory `path`, or read
    /// the file; it stays ours.
    ///
    /// # Errors
    /// 53 where that cannot be set.
    pub(super) fn show(&self, path: &Path) -> Result<()> {
        if rustix::process::geteuid().as_raw() == self.uid() {
            return Ok(());
        }
        let shown = || {
            // No link is followed: `path` lies in a directory of ours.
            std::os::unix::fs::lchown(path, None, Some(self.gid()))?;
            // What is made in the directory gets its group, too.
            let mode = if std::fs::symlink_metadata(path)?.is_dir() { 0o2710 } else { 0o640 };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        };
        shown().map_err(|e| {
            Error::new(Code::CouldNotRun, Stage::Scratch, "cannot show the file to the scratch user")
                .on(path.display().to_string())
                .because(e)
        })
    }

    /// Gives `path` to the user that servers run under; links are not followed.
    ///
    /// # Errors
    /// 53 where the owner cannot be changed.
    pub fn give(&self, path: &Path) -> Result<()> {
        if rustix::process::geteuid().as_raw() == self.uid() {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid()), Some(self.gid())).map_err(|e| {
            Error::new(Code::CouldNotRun, Stage::Scratch, "cannot give the file to the scratch user")
                .on(path.display().to_string())
                .because(e)
        })
    }
}

impl Scratch {
    /// Writes what stands in `/etc` inside.
    pub(super) fn write_etc(&self) -> Result<()> {
        for (name, text) in self.jail().etc() {
            let path = self.path().join("etc").join(name);
            std::fs::write(&path, text).map_err(|e| {
                Error::new(Code::CouldNotRun, Stage::Scratch, "cannot write a file")
                    .on(path.display().to_string())
                    .because(e)
            })?;
            self.jail().show(&path)?;
        }
        Ok(())
    }
}
