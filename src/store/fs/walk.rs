//! Listings of a directory tree, in key order.
//!
//! A listing is one page: to begin again behind the last object would be to read
//! every directory on the way once more, for each page.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::super::{Key, ObjectMeta, Page, Room, StoreError};
use super::{failed, meta, open_dir, regular};

/// The objects whose key starts with `prefix`, behind `after`.
pub(super) fn page(root: BorrowedFd<'_>, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
    let mut walk = Walk { prefix, after, objects: Vec::new(), room: Room::new() };
    walk.directory(root, "")?;
    Ok(Page { objects: walk.objects, next: None })
}

/// Collects objects in key order, skipping whole directories that cannot hold any of them.
struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    objects: Vec<ObjectMeta>,
    room: Room,
}

impl Walk<'_> {
    /// `path` is empty or ends with `/`.
    fn directory(&mut self, dir: BorrowedFd<'_>, path: &str) -> Result<(), StoreError> {
        for name in self.names(dir, path)? {
            let full = format!("{path}{name}");
            if let Some(bare) = name.strip_suffix('/') {
                match open_dir(dir, OsStr::new(bare)) {
                    Ok(below) => self.directory(below.as_fd(), &full)?,
                    // Removed meanwhile, or made a link.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(e) => return Err(failed("list", e)),
                }
            } else {
                match rustix::fs::statat(dir, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) if regular(&stat).is_ok() => self.objects.push(meta(full, &stat)?),
                    Ok(_) | Err(Errno::NOENT) => {}
                    Err(e) => return Err(failed("list", e)),
                }
            }
        }
        Ok(())
    }

    /// The wanted names of one directory in key order; directories end with
    /// `/`, which is what makes the order right: `a.b` < `a/b` < `a0`.
    fn names(&mut self, dir: BorrowedFd<'_>, path: &str) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(dir).map_err(|e| failed("list", e))? {
            let entry = entry.map_err(|e| failed("list", e))?;
            let Ok(name) = std::str::from_utf8(entry.file_name().to_bytes()) else { continue };
            // Temporary files, `.`, `..` and whatever pgseal cannot have written.
            if Key::parse(&format!("{path}{name}")).is_err() {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                },
                known => known,
            };
            let name = match kind {
                FileType::Directory => format!("{name}/"),
                FileType::RegularFile => name.to_owned(),
                _ => continue,
            };
            let full = format!("{path}{name}");
            if self.wanted(&full) {
                // For the object too, which takes the place of the name.
                self.room.take(&full)?;
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn wanted(&self, full: &str) -> bool {
        let directory = full.ends_with('/');
        let in_prefix = full.starts_with(self.prefix) || (directory && self.prefix.starts_with(full));
        let to_come = self.after.is_none_or(|after| full > after || (directory && after.starts_with(full)));
        in_prefix && to_come
    }
}
