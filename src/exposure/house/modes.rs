//! Who may read or write a file, and put another in its place.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::exposure::{Found, Seen, Severity};

/// What others may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing: it holds a secret.
    Closed,
    /// Read it.
    Readable,
}

/// Judges one file and the directories above it, as user `uid`, with what else is
/// known to be wrong with it. A file that is not there is no file: nothing is
/// counted. Gives back whether it is there.
pub fn judge(path: &Path, limit: Limit, uid: u32, known: &[String], seen: &mut Seen) -> bool {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return false,
        Err(e) => {
            seen.present += 1;
            seen.open.push(format!("{} cannot be looked at: {e}", path.display()));
            return true;
        }
    };
    seen.present += 1;
    seen.examined += 1;
    let mode = meta.mode() & 0o7777;
    let mut wrong = Vec::new();
    if mode & 0o022 != 0 {
        wrong.push(format!("others can write it (mode {mode:04o})"));
    } else if limit == Limit::Closed && mode & 0o077 != 0 {
        wrong.push(format!("others can read it (mode {mode:04o})"));
    }
    if meta.uid() != uid && meta.uid() != 0 {
        wrong.push(format!("it belongs to another user ({})", meta.uid()));
    }
    if has_acl(path) {
        wrong.push("an access list gives more rights than its mode shows".to_owned());
    }
    wrong.extend_from_slice(known);
    let above = open_above(path, uid);
    let found = |wrong: &[String]| Found::new(super::file(path), wrong.join("; "));
    match above {
        Some(above) => {
            wrong.push(format!("others can put another file in its place: {above}"));
            seen.add(found(&wrong).at(Severity::High));
        }
        None if !wrong.is_empty() => seen.add(found(&wrong)),
        None => {}
    }
    true
}

/// Why others can replace what lies at `path`: a directory above it that they can write.
pub fn open_above(path: &Path, uid: u32) -> Option<String> {
    let real = path.canonicalize().ok()?;
    real.ancestors().skip(1).find_map(|dir| {
        let meta = std::fs::metadata(dir).ok()?;
        let mode = meta.mode() & 0o7777;
        // In a sticky directory only the owner of a file can rename it.
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Some(format!("{} has mode {mode:04o}", dir.display()));
        }
        (meta.uid() != uid && meta.uid() != 0).then(|| format!("{} belongs to user {}", dir.display(), meta.uid()))
    })
}

/// Whether a POSIX access list names more than owner, group and others. The mode
/// shows its mask as the group's bits, so that such a file looks open to its group.
fn has_acl(path: &Path) -> bool {
    let mut value = [0u8; 1024];
    // Four bytes of version, eight for each entry (linux/posix_acl_xattr.h); a
    // minimal list has three entries.
    rustix::fs::getxattr(path, "system.posix_acl_access", &mut value[..]).is_ok_and(|n| n > 4 + 3 * 8)
}
