//! A directory for password files.

use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::lease::{Lease, Purpose};
use crate::error::{Code, Error, Result, Stage};

/// A fresh 0700 directory, whatever the umask; removed when dropped. It is
/// marked, so that `pgseal sweep` finds what a killed run leaves.
pub fn private_dir() -> Result<TempDir> {
    let failed = |e: std::io::Error| {
        Error::new(Code::Usage, Stage::Usage, "cannot make a private directory").hint("Check TMPDIR.").because(e)
    };
    let dir = tempfile::Builder::new()
        .prefix("pgseal-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(failed)?;
    Lease::ours(Purpose::Private, &dir.path().canonicalize().map_err(failed)?)?.write()?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_marked_and_gone_afterwards() {
        let dir = private_dir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let lease = Lease::read(&path).unwrap();
        assert!(lease.format == Purpose::Private && lease.is_alive());
        drop(dir);
        assert!(!path.exists());
    }
}
