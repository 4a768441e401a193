//! `postgresql.conf` and what it includes, as far as the files lie within one
//! directory (PostgreSQL manual, "Parameter Interaction via the Configuration
//! File", "Managing Configuration File Contents").

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

/// The files that a server reads, the stronger one last.
const FILES: [&str; 2] = ["postgresql.conf", AUTO];
/// What `ALTER SYSTEM` writes.
pub(super) const AUTO: &str = "postgresql.auto.conf";
/// Largest configuration file that is read, bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Most files that are read.
const MOST: usize = 200;

/// One setting, at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name in lower case.
    pub name: String,
    /// Its value; it may be a secret.
    pub value: String,
    /// The file, relative to the data directory.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

/// What the files of a data directory set.
#[derive(Debug, Default)]
pub struct Conf {
    /// In the order in which a server reads them: of two for one name the last counts.
    pub entries: Vec<Entry>,
    /// Files that are named and were not read: outside of the directory, unreadable, too many.
    pub unread: Vec<String>,
}

impl Conf {
    /// Reads the files of the data directory `data`.
    pub fn read(data: &Path) -> Self {
        let mut reader = Reader { data, conf: Self::default(), seen: BTreeSet::new() };
        for name in FILES {
            if std::fs::symlink_metadata(data.join(name)).is_ok() {
                reader.file(Path::new(name));
            }
        }
        reader.conf
    }

    /// The entry that counts, where the setting is given and not empty.
    pub fn in_force(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|e| e.name == name).filter(|e| !e.value.is_empty())
    }
}

struct Reader<'a> {
    data: &'a Path,
    conf: Conf,
    seen: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    /// `file` is relative to the data directory.
    fn file(&mut self, file: &Path) {
        let shown = file.display().to_string();
        if self.seen.len() >= MOST || !self.seen.insert(file.to_owned()) {
            self.conf.unread.push(shown);
            return;
        }
        let Ok(text) = text_of(&self.data.join(file)) else {
            self.conf.unread.push(shown);
            return;
        };
        for (at, line) in text.lines().enumerate() {
            let Some((name, value)) = setting(line) else { continue };
            match name.as_str() {
                "include" | "include_if_exists" => self.named(file, &value, Self::file),
                "include_dir" => self.named(file, &value, Self::folder),
                _ => self.conf.entries.push(Entry { name, value, file: shown.clone(), line: at + 1 }),
            }
        }
    }

    /// What an include names: relative names belong to the directory of the including file.
    fn named(&mut self, by: &Path, name: &str, take: impl Fn(&mut Self, &Path)) {
        match within(by.parent().unwrap_or(Path::new("")), Path::new(name)) {
            Some(path) if std::fs::symlink_metadata(self.data.join(&path)).is_ok() => take(self, &path),
            _ => self.conf.unread.push(name.to_owned()),
        }
    }

    /// Files that end in `.conf` and do not begin with a dot, in order of name.
    fn folder(&mut self, folder: &Path) {
        let all = std::fs::read_dir(self.data.join(folder)).into_iter().flatten().flatten();
        let is_conf = |n: &String| Path::new(n).extension().is_some_and(|e| e == "conf") && !n.starts_with('.');
        let names: BTreeSet<String> =
            all.filter_map(|e| e.file_name().into_string().ok()).filter(is_conf).take(MOST).collect();
        for name in names {
            self.file(&folder.join(name));
        }
    }
}

/// `name` seen from `from`, if it does not leave the directory.
fn within(from: &Path, name: &Path) -> Option<PathBuf> {
    let mut path = from.to_owned();
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

/// A regular file of bounded size; never a link, and nothing that blocks.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Name and value of a line (PostgreSQL source, guc-file.l): `name [=] value`,
/// the value bare or in single quotes.
pub(super) fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let end = line.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '$'))).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match rest.strip_prefix('\'') {
        Some(quoted) => unquoted(quoted),
        None => rest.split(|c: char| c.is_whitespace() || c == '#').next().unwrap_or_default().to_owned(),
    };
    Some((name.to_ascii_lowercase(), value))
}

/// Up to the closing quote. Doubled quotes and backslash escapes stand for one character.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => out.extend(chars.next()),
            '\'' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_server_reads_them() {
        let is = |line: &str| setting(line).map(|(n, v)| format!("{n}={v}"));
        for (line, expected) in [
            ("archive_command = 'cp \"%p\" ''x''' # note", "archive_command=cp \"%p\" 'x'"),
            ("  Primary_ConnInfo'host=a'", "primary_conninfo=host=a"),
            ("work_mem 4MB#x", "work_mem=4MB"),
            ("a.b=on", "a.b=on"),
            ("x = ''", "x="),
        ] {
            assert_eq!(is(line).as_deref(), Some(expected), "{line}");
        }
        for none in ["", "# a = b", "   ", "'x' = y", "= 3"] {
            assert_eq!(is(none), None, "{none}");
        }
    }

    #[test]
    fn includes_are_followed_within_the_directory_only() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        std::fs::create_dir_all(data.join("conf.d/.hidden.conf")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(data.join(name), text).unwrap();
        std::fs::write(home.path().join("outside.conf"), "archive_command = 'outside'\n").unwrap();
        write(
            "postgresql.conf",
            "include 'conf.d/one'\ninclude_dir 'conf.d'\ninclude '../outside.conf'\ninclude_if_exists='/etc/x.conf'\n\
             archive_command = 'a'\n",
        );
        write("conf.d/one", "include '../postgresql.conf'\nwork_mem = 1\n");
        write("conf.d/b.conf", "archive_command = 'b'\n");
        write("conf.d/c", "archive_command = 'c'\n");
        std::os::unix::fs::symlink("/etc/passwd", data.join("conf.d/link.conf")).unwrap();
        write(AUTO, "primary_conninfo = 'x'\narchive_mode = ''\n");
        let conf = Conf::read(&data);
        let all: Vec<String> = conf.entries.iter().map(|e| format!("{}:{} {}", e.file, e.line, e.value)).collect();
        let expected = [
            "conf.d/one:2 1",
            "conf.d/b.conf:1 b",
            "postgresql.conf:5 a",
            &format!("{AUTO}:1 x"),
            &format!("{AUTO}:2 "),
        ];
        assert_eq!(all, expected);
        assert_eq!(conf.unread, ["postgresql.conf", "conf.d/link.conf", "../outside.conf", "/etc/x.conf"]);
        assert_eq!(conf.in_force("archive_command").map(|e| e.value.as_str()), Some("a"));
        assert!(conf.in_force("archive_mode").is_none());
    }
}
