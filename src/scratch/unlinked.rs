//! Files that are held open and have no name any more: they take room on disk,
//! and no walk through the directories meets them.
//!
//! They are counted where they are held. A drill's processes are those that
//! descend from us or work in its directory. Others of the scratch user are not
//! ours to count, but what they hold of the drill's directory is: a program that
//! left its family. Only what the scratch user owns counts, so that a library
//! that was replaced on this host meanwhile does not.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::probe::processes;
use super::procfs;

/// What `/proc` puts behind the path of a file without a name (`proc(5)`).
const GONE: &[u8] = b" (deleted)";

/// `statfs(2)`: tmpfs, and with it shared memory and `memfd_create`; hugetlbfs;
/// ramfs. What lies there is memory, which is limited otherwise.
const MEMORY: [u64; 3] = [0x0102_1994, 0x9584_58f6, 0x8584_58f6];

/// Bytes on disk in files without a name that the drill in `scratch` holds, whose
/// programs run as `uid`.
pub fn bytes(scratch: &Path, uid: u32) -> u64 {
    let Ok(dev) = std::fs::metadata(scratch).map(|m| m.dev()) else { return 0 };
    let family = processes::family(processes::own_pid());
    let family: BTreeSet<i32> = family.into_iter().skip(1).chain(procfs::working_below(scratch)).collect();
    let mut files: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for pid in processes::all() {
        let ours = family.contains(&pid);
        let theirs = || std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|m| m.uid() == uid);
        if !ours && !theirs() {
            continue;
        }
        for held in nameless(pid) {
            if !ours && !held.path.starts_with(scratch) {
                continue;
            }
            // Follows the link to the file itself.
            let Ok(file) = std::fs::metadata(&held.link) else { continue };
            let counts = file.is_file() && file.nlink() == 0 && file.uid() == uid;
            if counts && (file.dev() == dev || !in_memory(&held.link)) {
                // `st_blocks` counts 512 bytes each (`stat(3type)`).
                files.insert((file.dev(), file.ino()), file.blocks() * 512);
            }
        }
    }
    files.values().sum()
}

/// What leads to an open file, and the path that it had.
struct Held {
    link: PathBuf,
    path: PathBuf,
}

/// What a process holds open or mapped without a name. Mappings can be followed by
/// root alone.
fn nameless(pid: i32) -> Vec<Held> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut links: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    let maps = std::fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mapped = maps.split(|b| *b == b'\n').filter(|line| line.ends_with(GONE));
    let range =
        |line: &[u8]| String::from_utf8_lossy(line.split(|b| *b == b' ').next().unwrap_or_default()).into_owned();
    links.extend(mapped.map(|line| PathBuf::from(format!("/proc/{pid}/map_files/{}", canonical(&range(line))))));
    let held = |link: PathBuf| {
        let target = std::fs::read_link(&link).ok()?;
        let path = target.as_os_str().as_bytes().strip_suffix(GONE)?;
        let path = std::ffi::OsString::from_vec(path.to_vec()).into();
        Some(Held { link, path })
    };
    links.into_iter().filter_map(held).collect()
}

/// `maps` fills addresses up with zeros, `map_files` does not.
fn canonical(range: &str) -> String {
    let short =
        |address: &str| u64::from_str_radix(address, 16).map_or_else(|_| address.to_owned(), |n| format!("{n:x}"));
    range.split('-').map(short).collect::<Vec<_>>().join("-")
}

fn in_memory(link: &Path) -> bool {
    rustix::fs::statfs(link).is_ok_and(|fs| MEMORY.contains(&(fs.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a script in `dir` that says when it is ready; gives what is counted then.
    fn counted(dir: &Path, uid: u32, script: &str) -> u64 {
        use std::io::Read as _;
        let mut sh = std::process::Command::new("/bin/sh");
        sh.args(["-c", script]).current_dir(dir);
        let mut child = sh.stdout(std::process::Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let counted = bytes(dir, uid);
        child.kill().unwrap();
        child.wait().unwrap();
        counted
    }

    #[test]
    fn what_has_no_name_is_counted_once_and_nothing_else() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let near = |bytes: u64| (3_000_000..3_100_000).contains(&bytes);
        let held = |uid, file: &str, then: &str| {
            let script = format!("f={file}; exec 8>$f; head -c 3000000 /dev/zero >&8; {then}; echo; exec sleep 1000");
            counted(dir.path(), uid, &script)
        };
        let counted = held(uid, "f", "exec 9<$f; rm $f");
        assert!(near(counted), "{counted}");
        assert_eq!(held(uid, "f", ":"), 0, "it has a name");
        assert_eq!(held(uid, "f", "ln $f g; rm $f"), 0, "it has another name");
        assert_eq!(held(uid + 1, "f", "rm $f"), 0, "it is another user's");
        assert_eq!(held(uid, "/dev/shm/pgseal-test-$$", "rm $f"), 0, "it is memory");
    }

    #[test]
    fn a_program_that_runs_and_has_no_name_is_counted() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let run = "cp /bin/sleep s; head -c 3000000 /dev/zero >>s; \
                   { until [ \"$(cat /proc/$$/comm)\" = s ]; do :; done; rm s; echo; } & exec ./s 1000";
        let held = counted(dir.path(), uid, run);
        assert!((3_000_000..3_200_000).contains(&held), "{held}");
    }

    #[test]
    fn addresses_are_written_as_the_kernel_names_them() {
        assert_eq!(canonical("00400000-0040a000"), "400000-40a000");
        assert_eq!(canonical("7f00a000-7f00b000"), "7f00a000-7f00b000");
    }
}
