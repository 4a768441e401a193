//! EXP-LEFT-004: what a drill writes cannot be read from a stolen disk.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exposure::house::House;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::scratch::dir::PREFIX;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LEFT-004",
        title: "scratch directories and swap are encrypted or in memory, and closed",
        severity: Severity::Medium,
        planes: &[Plane::House],
        guide: &[17, 23],
        refs: &["SRG-APP-000231"],
        why: "A drill writes the database in the clear. Deleting does not erase it from an SSD, and what was paged out \
              stays in the swap area.",
        inspects: "The file system below scratch.dir: memory (tmpfs), or a disk with dm-crypt somewhere below it; every \
                   swap area likewise (zram counts as memory); the modes of scratch directories that are there.",
        remedy: "Put scratch.dir on LUKS or tmpfs: scratch.dir = \"/dev/shm\" for small databases. Encrypt swap with a \
                 random key (crypttab(5), option swap), or use zram.",
        false_positives: "Disks that the cloud provider or the drive encrypts: that cannot be seen from here. Waive it \
                          with what does.",
        source: "crypttab(5); proc(5), \"mountinfo\", \"swaps\"; sysfs, dm/uuid.",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

/// Whether what is written somewhere can be read from the disk later.
enum Kept {
    /// It never reaches a disk, or only encrypted.
    No,
    /// It does, in the clear; on what.
    Yes(String),
    /// That cannot be told, and why.
    Unclear(String),
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    let scratch = &house.config.scratch.dir;
    let object = format!("directory {}", scratch.display());
    tell(&mut seen, &object, "what a drill restores lies in the clear on", below(scratch));
    match swaps() {
        Ok(all) => {
            for (name, kept) in all {
                tell(&mut seen, &format!("swap {name}"), "what is paged out lies in the clear on", kept);
            }
        }
        Err(e) => seen.open.push(format!("the swap areas cannot be listed: {e}")),
    }
    for item in std::fs::read_dir(scratch).into_iter().flatten().flatten() {
        let ours = item.file_name().to_str().is_some_and(|n| n.starts_with(PREFIX));
        let Some(meta) = item.metadata().ok().filter(|m| ours && m.is_dir()) else { continue };
        seen.present += 1;
        seen.examined += 1;
        let mode = meta.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let what = format!("others can look into it (mode {mode:04o})");
            seen.add(Found::new(format!("directory {}", item.path().display()), what));
        }
    }
    seen
}

fn tell(seen: &mut Seen, object: &str, what: &str, kept: Kept) {
    seen.present += 1;
    match kept {
        Kept::No => seen.examined += 1,
        Kept::Yes(on) => {
            seen.examined += 1;
            seen.add(Found::new(object, format!("{what} {on}")));
        }
        Kept::Unclear(why) => seen.open.push(format!("{object}: {why}")),
    }
}

/// What lies below a path.
fn below(path: &Path) -> Kept {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(e) => return Kept::Unclear(format!("it cannot be looked at: {e}")),
    };
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The longest mount point wins, of equal ones the last.
    let mount = table
        .lines()
        .filter_map(mount)
        .filter(|m| real.starts_with(&m.point))
        .max_by_key(|m| m.point.components().count());
    let Some(m) = mount else { return Kept::Unclear("its file system is not known".into()) };
    match m.kind.as_str() {
        "tmpfs" | "ramfs" => Kept::No,
        _ => match std::fs::metadata(&m.source) {
            Ok(device) if rustix::fs::FileType::from_raw_mode(device.mode()) == rustix::fs::FileType::BlockDevice => {
                on_device(device.rdev(), &m.source)
            }
            _ => Kept::Unclear(format!("what {} stores on cannot be seen from here", m.kind)),
        },
    }
}

struct Mount {
    point: PathBuf,
    kind: String,
    source: String,
}

/// A line of mountinfo (proc(5)): blanks in paths are written as `\040`.
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let point = before.split(' ').nth(4)?.replace("\\040", " ");
    let mut after = after.split(' ');
    Some(Mount { point: point.into(), kind: after.next()?.to_owned(), source: after.next()?.to_owned() })
}

/// Whether a block device, or all that it consists of, is dm-crypt's.
fn on_device(device: u64, name: &str) -> Kept {
    let sys = PathBuf::from(format!("/sys/dev/block/{}:{}", rustix::fs::major(device), rustix::fs::minor(device)));
    if !sys.exists() {
        return Kept::Unclear(format!("the system does not tell what {name} is made of"));
    }
    if encrypted(&sys, 0) { Kept::No } else { Kept::Yes(format!("{name}, as far as this host can tell")) }
}

fn encrypted(sys: &Path, depth: u32) -> bool {
    if std::fs::read_to_string(sys.join("dm/uuid")).is_ok_and(|u| u.starts_with("CRYPT-")) {
        return true;
    }
    let below: Vec<PathBuf> =
        std::fs::read_dir(sys.join("slaves")).into_iter().flatten().flatten().map(|e| e.path()).collect();
    // A stack of devices is never deep.
    depth < 8 && !below.is_empty() && below.iter().all(|s| encrypted(s, depth + 1))
}

/// The swap areas (proc(5), "swaps").
fn swaps() -> std::io::Result<Vec<(String, Kept)>> {
    let text = std::fs::read_to_string("/proc/swaps")?;
    let area = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        let kept = if name.starts_with("/dev/zram") {
            Kept::No
        } else if kind == "file" {
            below(Path::new(name))
        } else {
            match std::fs::metadata(name) {
                Ok(m) => on_device(m.rdev(), name),
                Err(e) => Kept::Unclear(format!("it cannot be looked at: {e}")),
            }
        };
        Some((name.to_owned(), kept))
    };
    Ok(text.lines().skip(1).filter_map(area).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_the_kernel_writes_them() {
        let m =
            mount("36 35 98:0 /mnt1 /mnt/my\\040disk rw,noatime master:1 - ext3 /dev/root rw,errors=continue").unwrap();
        assert_eq!((m.point, m.kind.as_str(), m.source.as_str()), ("/mnt/my disk".into(), "ext3", "/dev/root"));
        assert!(mount("36 35 98:0").is_none());
    }
}
