//! The password file (PostgreSQL manual, "The Password File").

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::types::Secret;

/// Largest password file read, bytes.
const LIMIT: u64 = 1024 * 1024;

/// The password for this connection, if the file has one.
///
/// `host` is `localhost` for the default socket directory, as in libpq.
/// `explicit` tells whether the operator named the file.
///
/// # Errors
/// Usage (2) where a *named* file is missing, is no plain file, or others may
/// read it. libpq only warns and goes on without; a backup that then fails at
/// night with "no password supplied" helps nobody. An unfit `~/.pgpass` is
/// passed over, as libpq does.
pub fn find(path: &Path, explicit: bool, host: &str, port: u16, db: &str, user: &str) -> Result<Option<Secret>> {
    let refuse = |what: &str| {
        if explicit {
            Err(Error::usage(what).on(path.display().to_string()).hint("Make it a plain file of mode 0600."))
        } else {
            Ok(None)
        }
    };
    // It decides about no trust: as in libpq, it may lie anywhere and belong to anybody. What is
    // judged is what is read, and a FIFO does not hang.
    let opened = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let Ok((file, meta)) = opened.and_then(|f| f.metadata().map(|m| (f, m))) else {
        return refuse("the password file cannot be read");
    };
    if !meta.is_file() {
        return refuse("the password file is not a plain file");
    }
    if meta.mode() & 0o077 != 0 {
        return refuse("the password file may be read or written by others");
    }
    let fault = |e: std::io::Error| Error::usage("cannot read the file").on(path.display().to_string()).because(e);
    let mut bytes = Zeroizing::new(Vec::with_capacity(meta.size().min(LIMIT) as usize + 1));
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::usage(format!("the file is larger than {LIMIT} bytes")).on(path.display().to_string()));
    }
    let port = port.to_string();
    for line in bytes.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let rest = [host, &port, db, user].iter().try_fold(line, |rest, wanted| field(rest, wanted.as_bytes()));
        if let Some(raw) = rest {
            let mut plain = Zeroizing::new(Vec::with_capacity(raw.len()));
            let mut from = raw.iter().copied().peekable();
            while let Some(b) = from.next() {
                let b = if b == b'\\' { from.next().unwrap_or(b) } else { b };
                plain.push(b);
            }
            let text = std::str::from_utf8(&plain)
                .map_err(|_| Error::usage("a password is not UTF-8").on(path.display().to_string()))?;
            return Ok(Some(Secret::new(text.to_owned())));
        }
    }
    Ok(None)
}

/// What follows the field where it is `*` or equals `wanted`.
fn field<'a>(line: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let mut at = 0;
    let mut left = wanted;
    loop {
        let mut b = *line.get(at)?;
        if b == b':' && left.is_empty() {
            return Some(&line[at + 1..]);
        }
        if b == b'\\' {
            at += 1;
            b = *line.get(at)?;
        }
        let (first, rest) = left.split_first()?;
        if *first != b {
            return None;
        }
        left = rest;
        at += 1;
    }
}

/// One line of a password file for exactly this connection, `:` and `\` escaped.
pub(super) fn line(host: &str, port: u16, user: &str, password: &Secret) -> Result<Zeroizing<String>> {
    let escape = |s: &str| Zeroizing::new(s.replace('\\', "\\\\").replace(':', "\\:"));
    if [host, user, password.expose()].iter().any(|s| s.contains(['\n', '\r', '\0'])) {
        return Err(Error::usage("a line end in host, user or password cannot be handed to PostgreSQL's programs"));
    }
    // The database is a wildcard: the file is private, and its name may hold a line end.
    let password = escape(password.expose());
    Ok(Zeroizing::new(format!("{}:{port}:*:{}:{}\n", *escape(host), *escape(user), *password)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn look(body: &str, mode: u32, explicit: bool) -> Result<Option<String>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p");
        std::fs::write(&file, body).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Ok(find(&file, explicit, "h:1", 5432, "db", "me")?.map(|s| s.expose().to_owned()))
    }

    #[test]
    fn the_first_match_wins_with_wildcards_and_escapes() {
        assert_eq!(
            look("#h\\:1:*:*:*:no\nx:*:*:*:no\nh\\:1:5432:db:me:a\\:b\\\\c\n*:*:*:*:late", 0o600, true)
                .unwrap()
                .unwrap(),
            "a:b\\c"
        );
        assert_eq!(look("*:*:*:me:x\r\n", 0o600, true).unwrap().unwrap(), "x");
        for none in ["", "h:2:5432:db:me:x", "*:*:*:you:x", "*:54:*:*:x", "h\\:1:5432:db", "h\\"] {
            assert_eq!(look(none, 0o600, true).unwrap(), None, "{none}");
        }
    }

    #[test]
    fn a_file_open_to_others_is_not_used() {
        assert!(look("*:*:*:*:x", 0o640, true).unwrap_err().to_string().contains("by others"));
        assert_eq!(look("*:*:*:*:x", 0o604, false).unwrap(), None);
    }

    #[test]
    fn what_is_written_is_found_again() {
        let made = line("h:1", 5432, "me", &Secret::new("p:\\ü ".into())).unwrap();
        assert_eq!(look(&made, 0o600, true).unwrap().unwrap(), "p:\\ü ");
        assert!(line("h", 1, "u", &Secret::new("a\nb".into())).is_err());
    }
}
