//! A directory for password files.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use crate::error::{Code, Error, Result, Stage};

/// A fresh 0700 directory, whatever the umask; removed when dropped.
pub fn private_dir() -> Result<TempDir> {
    tempfile::Builder::new().prefix("pgseal-").permissions(std::fs::Permissions::from_mode(0o700)).tempdir().map_err(
        |e| Error::new(Code::Usage, Stage::Usage, "cannot make a private directory").hint("Check TMPDIR.").because(e),
    )
}
