//! Files of a directory that its listing leaves out: those with names that no
//! object of pgseal can have. A dump called `shop (copy).sql` is one.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};

use crate::store::{Key, ObjectMeta};

/// The strays below `root`, at most `most`; links are not followed.
///
/// # Errors
/// Where a directory cannot be read, or there are more.
pub(in crate::exposure::trail) fn find(root: &Path, most: usize) -> io::Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for item in std::fs::read_dir(&dir)? {
            let item = item?;
            let Ok(m) = item.metadata() else { continue };
            let path = item.path();
            if m.is_dir() {
                dirs.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if m.is_file() && Key::parse(&name).is_err() {
                let modified = Timestamp::from_second(m.mtime()).unwrap_or(Timestamp::UNIX_EPOCH);
                found.push(ObjectMeta { key: name, size: m.len(), modified });
            }
            if found.len() > most {
                return Err(io::Error::other(format!("there are more than {most} files that are no objects")));
            }
        }
    }
    Ok(found)
}

/// The first bytes of one.
pub(super) fn peek(root: &Path, name: &str, most: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(root.join(name), flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
