//! What of the host's files is visible inside a mount namespace of our own, as
//! arguments of bubblewrap (`bwrap(1)`).
//!
//! Everything lies under the path it has outside, so that arguments, messages
//! and `/proc` mean the same on both sides. What is not named here is not there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Programs and libraries of the system; on merged systems the short names are links.
const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// Of `/etc`, what the loader and the C library read: no names, no secrets.
const ETC: [&str; 3] = ["/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"];

/// Below the top of an installation (`…/usr/lib/postgresql/17/bin` or
/// `…/bin`), what belongs to it.
const INSTALLATION: [&str; 6] = ["bin", "lib", "lib32", "lib64", "share", "usr"];

/// Files of one scratch instance. Without them only programs are visible.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Directories that can be written.
    pub writable: Vec<PathBuf>,
    /// Files and directories that can be read.
    pub readable: Vec<PathBuf>,
    /// What stands at `/tmp`.
    pub tmp: Option<PathBuf>,
    /// Files that stand in `/etc`.
    pub etc: Vec<PathBuf>,
}

impl View {
    /// Arguments that show this, and what `program` needs to run.
    pub fn args(&self, program: &Path) -> Vec<OsString> {
        let mut args = Args::default();
        for path in SYSTEM.iter().map(Path::new) {
            match std::fs::read_link(path) {
                Ok(to) => args.push(&["--symlink".as_ref(), to.as_os_str(), path.as_os_str()]),
                Err(_) if path.is_dir() => args.bind("--ro-bind", path, path),
                Err(_) => {}
            }
        }
        args.push(&["--proc", "/proc", "--dev", "/dev", "--dir", "/run", "--dir", "/etc"].map(OsString::from));
        for path in ETC.iter().map(Path::new) {
            args.bind("--ro-bind-try", path, path);
        }
        for file in &self.etc {
            if let Some(name) = file.file_name() {
                args.bind("--ro-bind", file, &Path::new("/etc").join(name));
            }
        }
        match &self.tmp {
            Some(dir) => args.bind("--bind", dir, Path::new("/tmp")),
            None => args.push(&["--dir", "/tmp"].map(OsString::from)),
        }
        for path in installation(program).iter().chain(&self.readable) {
            args.bind("--ro-bind", path, path);
        }
        for path in &self.writable {
            args.bind("--bind", path, path);
        }
        args.push(&["--remount-ro", "/", "--chdir", "/"].map(OsString::from));
        args.words
    }
}

/// Names that the root directory may hold inside, where nothing of a scratch
/// instance is shown.
pub(super) fn root_names() -> BTreeSet<&'static str> {
    let own = ["proc", "dev", "run", "etc", "tmp"];
    SYSTEM.iter().filter_map(|p| p.split('/').nth(1)).chain(own).collect()
}

#[derive(Default)]
struct Args {
    words: Vec<OsString>,
    made: BTreeSet<PathBuf>,
}

impl Args {
    fn push(&mut self, words: &[impl AsRef<std::ffi::OsStr>]) {
        self.words.extend(words.iter().map(|w| w.as_ref().to_owned()));
    }

    /// `to` inside is `from` outside. The directories above are made so that
    /// everyone may pass: bubblewrap's own would belong to whoever runs it.
    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        let above: Vec<&Path> = to.ancestors().skip(1).filter(|p| p.parent().is_some()).collect();
        for dir in above.into_iter().rev() {
            if !is_system(dir) && self.made.insert(dir.to_owned()) {
                self.push(&["--dir".as_ref(), dir.as_os_str()]);
            }
        }
        self.push(&[how.as_ref(), from.as_os_str(), to.as_os_str()]);
    }
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|s| path.starts_with(s))
}

/// The directories of the installation that `program` belongs to, where that is
/// not the system's own.
fn installation(program: &Path) -> Vec<PathBuf> {
    let mut all = BTreeSet::new();
    for program in [Some(program.to_owned()), program.canonicalize().ok()].into_iter().flatten() {
        let Some(dir) = program.parent().filter(|d| !is_system(d)) else { continue };
        all.insert(dir.to_owned());
        let above_usr = dir.ancestors().find(|a| a.file_name().is_some_and(|n| n == "usr")).and_then(Path::parent);
        let beside_bin = dir.parent().filter(|_| dir.file_name().is_some_and(|n| n == "bin"));
        // The root directory itself is no installation.
        if let Some(top) = above_usr.or(beside_bin).filter(|t| t.parent().is_some()) {
            all.extend(INSTALLATION.iter().map(|d| top.join(d)).filter(|d| d.is_dir()));
        }
    }
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(view: &View, program: &str) -> String {
        let words = view.args(Path::new(program));
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nothing_but_programs_is_shown_by_itself() {
        let text = text(&View::default(), "/usr/bin/true");
        assert!(text.contains("--ro-bind /usr /usr") && text.ends_with("--remount-ro / --chdir /"), "{text}");
        assert!(!text.contains("--bind") && !text.contains("/var") && !text.contains("/home"), "{text}");
    }

    #[test]
    fn an_unpacked_installation_is_shown_whole_and_nothing_beside_it() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let bin = top.join("pg/usr/lib/postgresql/17/bin");
        for dir in [&bin, &top.join("pg/lib64"), &top.join("pg/etc"), &top.join("private")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let program = bin.join("postgres");
        let found = installation(&program);
        assert_eq!(found, [top.join("pg/lib64"), top.join("pg/usr"), bin.clone()]);
        // A prefix of its own.
        let bin = top.join("local/bin");
        for dir in [&bin, &top.join("local/share"), &top.join("local/secret")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        assert_eq!(installation(&bin.join("postgres")), [bin, top.join("local/share")]);
        // A link leads elsewhere: both ends are needed.
        std::fs::write(&program, "").unwrap();
        std::os::unix::fs::symlink(&program, top.join("private/postgres")).unwrap();
        let found = installation(&top.join("private/postgres"));
        assert!(found.contains(&top.join("private")) && found.contains(&top.join("pg/usr")), "{found:?}");
        assert!(!found.contains(&top));
        assert!(installation(Path::new("/bin/sh")).is_empty());
    }

    #[test]
    fn the_instance_lies_where_it_lies_outside() {
        let view = View {
            writable: vec!["/var/tmp/x/data".into()],
            readable: vec!["/var/tmp/x/conf".into()],
            tmp: Some("/var/tmp/x/tmp".into()),
            etc: vec!["/var/tmp/x/etc/passwd".into()],
        };
        let text = text(&view, "/usr/bin/true");
        for part in [
            "--dir /var --dir /var/tmp --dir /var/tmp/x --ro-bind /var/tmp/x/conf /var/tmp/x/conf",
            "--bind /var/tmp/x/data /var/tmp/x/data",
            "--bind /var/tmp/x/tmp /tmp",
            "--ro-bind /var/tmp/x/etc/passwd /etc/passwd",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
