//! What the first bytes of a file or an object say it is, and whether a text
//! holds a secret key. Nothing of what was looked at leaves this file.

use memchr::memmem;

/// How many bytes tell what something is: a tar archive says so at byte 257.
pub const ENOUGH: u64 = 4096;

/// What something is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Sealed with age: the binary format, or its armor.
    Age,
    /// Nothing.
    Empty,
    /// Readable by whoever has it; what, in words.
    Plain(&'static str),
    /// Not known.
    Unknown,
}

/// First bytes of formats that hold data in the clear (the formats' own
/// specifications; `pg_backup_archiver.h` of PostgreSQL for `PGDMP`).
const MAGIC: &[(&[u8], &str)] = &[
    (b"PGDMP", "a pg_dump archive"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x8b", "gzip"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"SQLite format 3\0", "an SQLite database"),
];

/// Beginnings of lines that only SQL has.
const SQL: &[&str] = &[
    "-- PostgreSQL database",
    "CREATE ",
    "INSERT INTO ",
    "COPY ",
    "SET statement_timeout",
    "\\restrict ",
    "\\connect ",
    "ALTER ROLE ",
];

/// Says what something is that begins with `head`.
pub fn recognise(head: &[u8]) -> Contents {
    if head.is_empty() {
        return Contents::Empty;
    }
    if head.starts_with(b"age-encryption.org/v1\n") || head.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Contents::Age;
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Contents::Plain(what);
    }
    // POSIX ustar, "tar Header Block".
    if head.get(257..262) == Some(b"ustar") {
        return Contents::Plain("a tar archive");
    }
    // The last character may be cut.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return Contents::Unknown,
    };
    if text.lines().any(|l| SQL.iter().any(|s| l.starts_with(s))) {
        return Contents::Plain("SQL text");
    }
    Contents::Unknown
}

/// What a restored or dumped PostgreSQL is, among what [`recognise`] knows: what
/// lies on a host as a compressed file may be anything, this may not.
pub fn dump(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"PGDMP") {
        return Some("a pg_dump archive");
    }
    if head.get(257..262) == Some(b"ustar") {
        let name = head.split(|b| *b == 0).next().unwrap_or_default();
        let known: &[&[u8]] = &[b"PG_VERSION", b"./PG_VERSION", b"backup_label", b"./backup_label", b"toc.dat"];
        return known.contains(&name).then_some("a tar archive of a database");
    }
    let start = &head[..head.len().min(512)];
    let said = |what: &[u8]| memmem::find(start, what).is_some();
    (said(b"-- PostgreSQL database dump") || said(b"-- PostgreSQL database cluster dump"))
        .then_some("a dump as SQL text")
}

/// The kind of secret key that a text holds.
pub fn secret_key(text: &[u8]) -> Option<&'static str> {
    if memmem::find(text, b"AGE-SECRET-KEY-1").is_some() {
        return Some("an age identity");
    }
    // RFC 7468, and OpenSSH's own; between the words may stand RSA, EC, ENCRYPTED.
    for at in memmem::find_iter(text, b"-----BEGIN ") {
        let line = &text[at + 11..text.len().min(at + 60)];
        let label = line.split(|b| *b == b'\n' || *b == b'\r').next().unwrap_or_default();
        if memmem::find(label, b"PRIVATE KEY-----").is_some() {
            return Some("a private key");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let mut tar = vec![0u8; 512];
        tar[..10].copy_from_slice(b"PG_VERSION");
        tar[257..262].copy_from_slice(b"ustar");
        for (head, is) in [
            (&b"age-encryption.org/v1\n-> X25519 x\n"[..], Contents::Age),
            (b"", Contents::Empty),
            (b"PGDMP\x01\x0e", Contents::Plain("a pg_dump archive")),
            (b"\x28\xb5\x2f\xfd\x04", Contents::Plain("zstd")),
            (&tar, Contents::Plain("a tar archive")),
            (b"--\n-- PostgreSQL database dump\n--\n", Contents::Plain("SQL text")),
            ("x\nINSERT INTO t VALUES ('\u{fc}".as_bytes(), Contents::Plain("SQL text")),
            (b"\x80\x81\x82 CREATE ", Contents::Unknown),
            (b"{\"format\": 1}", Contents::Unknown),
        ] {
            assert_eq!(recognise(head), is, "{}", head.escape_ascii());
        }
        assert_eq!(dump(&tar), Some("a tar archive of a database"));
        assert_eq!(dump(b"--\n-- PostgreSQL database cluster dump\n--\n"), Some("a dump as SQL text"));
        tar[..10].copy_from_slice(b"Cargo.toml");
        assert_eq!((dump(&tar), dump(b"\x1f\x8b"), dump(b"CREATE TABLE t();")), (None, None, None));
    }

    #[test]
    fn secret_keys_are_found_and_public_ones_are_not() {
        assert_eq!(secret_key(b"x=AGE-SECRET-KEY-1QQQ"), Some("an age identity"));
        for label in ["OPENSSH PRIVATE KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            let text = format!("a\n-----BEGIN SSH SIGNATURE-----\n-----BEGIN {label}-----\nxx");
            assert_eq!(secret_key(text.as_bytes()), Some("a private key"), "{label}");
        }
        for good in ["age1qqq", "-----BEGIN PUBLIC KEY-----", "-----BEGIN SSH SIGNATURE-----\nPRIVATE KEY-----", ""] {
            assert_eq!(secret_key(good.as_bytes()), None, "{good}");
        }
    }
}
