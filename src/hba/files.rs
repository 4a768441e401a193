//! What was captured, and what could not be.

use std::collections::BTreeMap;

/// Most bytes of all files together; more is refused, not cut.
pub const MOST_BYTES: usize = 8 << 20;

/// Most lines of all files together, continuations counted.
pub const MOST_LINES: usize = 100_000;

/// How deep files may include files: the server's own limit since 16.
pub const MOST_DEPTH: usize = 10;

/// Files that a configuration may name; more are refused.
pub const MOST_FILES: usize = 1_000;

/// What is known of one file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// A file's content. Bytes that are no UTF-8 were replaced by U+FFFD.
    Text(String),
    /// The names in a directory.
    Names(Vec<String>),
    /// It is known not to exist.
    Absent,
    /// It could not be read, or is out of reach; the reason is for people.
    Unread(String),
}

impl Captured {
    /// A file's bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        if bytes.len() > MOST_BYTES {
            return Self::Unread(format!("the file has {} bytes", bytes.len()));
        }
        Self::Text(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// A file or directory that a configuration needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its path: absolute where the path of the main file is.
    pub path: String,
    /// A directory of `include_dir`, whose names are wanted.
    pub directory: bool,
}

/// The main file, and what it includes, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    main: String,
    known: BTreeMap<String, Captured>,
}

impl Files {
    /// The main file with its path (`hba_file` or `ident_file` of the server).
    /// Relative names in it are looked for beside it.
    pub fn new(path: &str, main: Captured) -> Self {
        let main_path = normal(path);
        Self { known: BTreeMap::from([(main_path.clone(), main)]), main: main_path }
    }

    /// A main file alone.
    pub fn of_text(path: &str, text: &str) -> Self {
        Self::new(path, Captured::bytes(text.as_bytes()))
    }

    /// Adds an included file or a directory.
    #[must_use]
    pub fn with(mut self, path: &str, what: Captured) -> Self {
        self.known.insert(normal(path), what);
        self
    }

    /// The main file, and everything that it includes as `resolve` answers;
    /// for the major version `major`, which decides what includes there are.
    /// Nothing is asked for twice, and at most [`MOST_FILES`] things are asked for.
    pub fn gather(path: &str, main: Captured, major: u32, resolve: impl FnMut(&Wanted) -> Captured) -> Self {
        Self::new(path, main).gather_more(major, resolve)
    }

    /// As [`Files::gather`], for what is not known yet.
    #[must_use]
    pub fn gather_more(mut self, major: u32, mut resolve: impl FnMut(&Wanted) -> Captured) -> Self {
        let mut bytes = self.bytes();
        while self.known.len() < MOST_FILES {
            let missing = self.wanted(major);
            if missing.is_empty() {
                break;
            }
            for wanted in missing.into_iter().take(MOST_FILES - self.known.len()) {
                let mut what = resolve(&wanted);
                if let Captured::Text(text) = &what {
                    bytes = bytes.saturating_add(text.len());
                    if bytes > MOST_BYTES {
                        what = Captured::Unread(format!("all files together have more than {MOST_BYTES} bytes"));
                    }
                }
                self.known.insert(wanted.path, what);
            }
        }
        self
    }

    /// What these files name and nobody looked at yet, for the major version `major`.
    pub fn wanted(&self, major: u32) -> Vec<Wanted> {
        super::expand::wanted(self, major)
    }

    /// Everything that was looked at, by path.
    pub fn known(&self) -> impl Iterator<Item = (&str, &Captured)> {
        self.known.iter().map(|(path, what)| (path.as_str(), what))
    }

    /// Path of the main file.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// What is known of a path; `None` where nobody looked.
    pub fn get(&self, path: &str) -> Option<&Captured> {
        self.known.get(&normal(path))
    }

    /// Bytes of all texts.
    pub(super) fn bytes(&self) -> usize {
        self.known.values().map(|c| if let Captured::Text(t) = c { t.len() } else { 0 }).sum()
    }
}

/// The path of `name`, written in the file `from`.
pub(super) fn beside(from: &str, name: &str) -> String {
    if name.starts_with('/') {
        return normal(name);
    }
    let parent = from.rfind('/').map_or("", |at| &from[..=at]);
    normal(&format!("{parent}{name}"))
}

/// A path without `.`, `..` and doubled slashes.
fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if rooted { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_beside_the_file_that_names_them() {
        assert_eq!(beside("/etc/pg/pg_hba.conf", "conf.d"), "/etc/pg/conf.d");
        assert_eq!(beside("/etc/pg/pg_hba.conf", "../x//./y"), "/etc/x/y");
        assert_eq!(beside("/etc/pg/pg_hba.conf", "/a/../../b"), "/b");
        assert_eq!(beside("pg_hba.conf", "a/b"), "a/b");
        assert_eq!(beside("d/pg_hba.conf", "../../b"), "../b");
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        assert!(matches!(Captured::bytes(&vec![b'x'; MOST_BYTES + 1]), Captured::Unread(_)));
        assert_eq!(Captured::bytes(b"a\xff"), Captured::Text("a\u{fffd}".into()));
    }
}
