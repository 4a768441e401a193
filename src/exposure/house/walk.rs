//! The files of a few directories: not deep, not many, no links followed, and
//! of this user alone.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::exposure::Seen;

/// How far down.
const DEEP: usize = 3;
/// Entries in all.
const MOST: u64 = 50_000;

/// Calls `each` for every entry below `places` that belongs to user `uid` (root
/// sees all), which says whether to go into a directory. What cannot be listed is
/// put into `seen.open`.
pub fn each(places: &[PathBuf], uid: u32, seen: &mut Seen, mut each: impl FnMut(&Path, &Metadata, &mut Seen) -> bool) {
    let (mut entries, mut foreign) = (0u64, 0u64);
    // A place may lie in another, and may be a link itself, as /tmp may: the
    // longest path is taken first, and no directory twice.
    let mut dirs: Vec<(PathBuf, usize)> = places.iter().filter_map(|p| p.canonicalize().ok()).map(|p| (p, 0)).collect();
    dirs.sort();
    let mut visited = BTreeSet::new();
    while let Some((dir, depth)) = dirs.pop() {
        if !visited.insert(dir.clone()) {
            continue;
        }
        let items = match std::fs::read_dir(&dir) {
            Ok(items) => items,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => {
                seen.open.push(format!("{} cannot be listed: {e}", dir.display()));
                continue;
            }
        };
        for item in items.flatten() {
            entries += 1;
            if entries > MOST {
                seen.open.push(format!("there are more than {MOST} entries in these directories"));
                return;
            }
            let (path, Ok(meta)) = (item.path(), item.metadata()) else { continue };
            if uid != 0 && meta.uid() != uid {
                foreign += 1;
                continue;
            }
            if each(&path, &meta, seen) && meta.is_dir() && depth + 1 < DEEP {
                dirs.push((path, depth + 1));
            }
        }
    }
    if foreign > 0 {
        seen.note = Some(format!("{foreign} entries of other users were not looked at"));
    }
}

/// The first bytes of a plain file; `None` where it is none or ended meanwhile.
///
/// # Errors
/// Where this user may not read it.
pub fn head(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
