//! Values that a name makes a secret: `api_key = …`, `PASSWORD '…'`, libpq's `password=…`.

use super::sample;
use super::secret::{Kind, Secret};
use super::tokens::{is_aws_secret, is_word};

/// Longest value, and longest name around a word, bytes.
const LONGEST: usize = 1024;
const LONGEST_NAME: usize = 64;

/// Words that make a secret of a name they stand in, as they are written without
/// `_` and `-`; and whether the secret is a password, which may be any text.
const WORDS: &[(&str, bool)] = &[
    ("password", true),
    ("passwd", true),
    ("passphrase", true),
    ("passwort", true),
    ("kennwort", true),
    ("motdepasse", true),
    ("contrasena", true),
    ("contraseña", true),
    ("pwd", true),
    ("passcode", true),
    ("secret", false),
    ("apikey", false),
    ("accesskey", false),
    ("privatekey", false),
    ("authkey", false),
    ("encryptionkey", false),
    ("signingkey", false),
    ("token", false),
    ("credential", false),
];

/// What may stand behind such a word in a name without making something else of
/// it (`token_type`, `password_encryption`, `secretary`).
const BEHIND: &[&str] = &[
    "",
    "s",
    "key",
    "keys",
    "value",
    "prod",
    "production",
    "test",
    "dev",
    "staging",
    "live",
    "old",
    "new",
    "backup",
    "db",
    "base64",
    "b64",
    "hex",
    "env",
    "accesskey",
];

/// What makes something else of a name when it stands in front.
const IN_FRONT: &[&str] =
    &["max", "min", "num", "no", "has", "is", "reset", "public", "csrf", "next", "page", "continuation"];

/// Other keywords of libpq: beside one of them `password=` is libpq's.
const LIBPQ: [&str; 6] = ["host=", "hostaddr=", "user=", "dbname=", "port=", "sslmode="];

/// The word of [`WORDS`] at the start of `bytes`: its length there, and whether
/// it names a password. `api_key` and `API-KEY` are `apikey`.
fn word(bytes: &[u8]) -> Option<(usize, bool)> {
    let fits = |word: &str| {
        let mut at = 0;
        for (i, w) in word.bytes().enumerate() {
            if i > 0 && matches!(bytes.get(at), Some(b'_' | b'-')) {
                at += 1;
            }
            if bytes.get(at)?.to_ascii_lowercase() != w {
                return None;
            }
            at += 1;
        }
        Some(at)
    };
    WORDS.iter().find_map(|(w, password)| fits(w).map(|n| (n, *password)))
}

/// Whether something of this name is secret: `app.jwt_secret`, `db_password`, `API-KEY`.
pub fn is_secret_name(name: &str) -> bool {
    judged(name).is_some()
}

/// Whether the name says "secret", and if so whether it says "password".
fn judged(name: &str) -> Option<bool> {
    let name = name.as_bytes();
    (0..name.len()).find_map(|at| {
        let (length, password) = word(&name[at..])?;
        fits_around(&name[..at], &name[at + length..]).then_some(password)
    })
}

/// Whether what stands around a word in a name leaves it a secret.
fn fits_around(front: &[u8], behind: &[u8]) -> bool {
    let letters = |b: &[u8]| -> String {
        b.iter().filter(|b| b.is_ascii_alphabetic()).map(|b| b.to_ascii_lowercase() as char).collect()
    };
    let last = front.rsplit(|b| !b.is_ascii_alphanumeric()).find(|p| !p.is_empty()).map(letters).unwrap_or_default();
    BEHIND.contains(&letters(behind).as_str()) && !IN_FRONT.contains(&last.as_str())
}

/// The secret that `value` is, if the name says so.
pub(super) fn value_of(name: &str, value: &str) -> Option<Secret> {
    let password = judged(name)?;
    let trimmed = value.trim();
    if sample::is_placeholder(trimmed) || trimmed.starts_with('/') || (!password && is_word_only(trimmed)) {
        return None;
    }
    let start = value.len() - value.trim_start().len();
    let range = start..start + trimmed.len();
    let kind = if is_aws_secret(trimmed.as_bytes()) { Kind::AwsSecretKey } else { Kind::Named };
    Some(Secret::new(kind, range, sample::is_published(trimmed)))
}

/// Adds the value of the name that has a word of secrets at this byte.
pub(super) fn at(text: &str, at: usize, found: &mut Vec<Secret>) {
    let bytes = text.as_bytes();
    if matches!(bytes[at].to_ascii_lowercase(), b'p' | b'k' | b'm' | b'c' | b's' | b'a' | b'e' | b't')
        && let Some((length, password)) = word(&bytes[at..])
    {
        found.extend(value(text, at, length, password));
    }
}

fn value(text: &str, at: usize, length: usize, password: bool) -> Option<Secret> {
    let bytes = text.as_bytes();
    let is_name = |b: u8| is_word(b) || b == b'-' || b == b'.';
    let front = bytes[..at].iter().rev().take(LONGEST_NAME).take_while(|b| is_name(**b)).count();
    let behind = bytes[at + length..].iter().take(LONGEST_NAME).take_while(|b| is_word(**b) || **b == b'-').count();
    let name_end = at + length + behind;
    if !fits_around(&bytes[at - front..at], &bytes[at + length..name_end]) {
        return None;
    }
    let Separator { end, sign, blanks } = separator(bytes, name_end)?;
    let quoted = quoted(text, end);
    let range = quoted.clone().unwrap_or_else(|| bare(text, end));
    let value = text.get(range.clone())?;
    let next = bytes.get(range.end).copied();
    if sample::is_placeholder(value) {
        return None;
    }
    let connection = password && sign == b'=' && !blanks && behind == 0 && is_libpq(text, at);
    let plausible = match sign {
        b' ' => password && behind == 0 && quoted.is_some(),
        b':' if quoted.is_some() => !value.contains(' ') && (password || !is_word_only(value)),
        _ if quoted.is_some() => password || (!value.contains(' ') && !is_word_only(value)),
        _ if connection => true,
        b'=' if !blanks => !is_code(value, next) && (!is_word_only(value) || is_shell(bytes, at - front)),
        _ => {
            value.len() >= 8
                && !is_code(value, next)
                && !is_word_only(value)
                && value.bytes().any(|b| b.is_ascii_digit())
        }
    };
    if !plausible {
        return None;
    }
    let kind = match sign {
        b' ' => Kind::SqlPassword,
        _ if connection => Kind::ConnectionPassword,
        _ if is_aws_secret(value.as_bytes()) => Kind::AwsSecretKey,
        _ => Kind::Named,
    };
    Some(Secret::new(kind, range, sample::is_published(value)))
}

/// What stands between a name and its value.
struct Separator {
    /// Where the value begins.
    end: usize,
    /// `=` (also `:=` and `=>`), `:`, or a blank (SQL's `PASSWORD '…'`).
    sign: u8,
    /// Whether blanks are around it.
    blanks: bool,
}

#[allow(clippy::unnested_or_patterns)] // one sign after the other reads better
fn separator(bytes: &[u8], from: usize) -> Option<Separator> {
    let blanks =
        |at: usize| bytes[at..].iter().take(16).take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    // The name may be quoted: "password": "…".
    let from = from + usize::from(matches!(bytes.get(from), Some(b'"' | b'\'')));
    let before = blanks(from);
    let at = from + before;
    let (sign, length) = match bytes.get(at..)? {
        [b':', b'=', ..] | [b'=', b'>', ..] => (b'=', 2),
        [b'=', b'=', ..] | [b':', b':' | b'/', ..] => return None,
        [b'=', ..] => (b'=', 1),
        [b':', ..] => (b':', 1),
        [b'\'' | b'E' | b'e' | b'$', ..] if before > 0 => (b' ', 0),
        _ => return None,
    };
    let after = blanks(at + length);
    Some(Separator { end: at + length + after, sign, blanks: before + after > 0 })
}

/// The place of the text in quotes that begins here: `'…'`, `"…"`, `E'…'`,
/// `''…''` (in a string of SQL), `$$…$$`.
fn quoted(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.get(at..)?;
    let inner = rest.strip_prefix(['E', 'e']).filter(|r| r.starts_with('\'')).unwrap_or(rest);
    let at = at + rest.len() - inner.len();
    let (open, close) = match inner.as_bytes() {
        [b'\'', b'\'', c, ..] if !matches!(c, b'\'' | b' ' | b',' | b')' | b';') => (2, "''"),
        [b'\'', ..] => (1, "'"),
        [b'"', ..] => (1, "\""),
        [b'\\', b'"', ..] => (2, "\\\""),
        [b'$', b'$', ..] => (2, "$$"),
        _ => return None,
    };
    let body = &inner.as_bytes()[open..];
    let mut i = 0;
    while i < body.len().min(LONGEST) {
        if body[i..].starts_with(close.as_bytes()) {
            // A doubled quote is one quote of the value.
            if close == "'" && body.get(i + 1) == Some(&b'\'') {
                i += 2;
                continue;
            }
            return Some(at + open..at + open + i);
        }
        i += if body[i] == b'\\' && close != "$$" { 2 } else { 1 };
    }
    None
}

/// The place of the text without quotes that begins here.
fn bare(text: &str, at: usize) -> std::ops::Range<usize> {
    let ends = |b: &u8| {
        b.is_ascii_whitespace()
            || matches!(b, b'\'' | b'"' | b';' | b',' | b'&' | b')' | b'(' | b'`' | b'\\' | b'|' | b'}')
    };
    let rest = &text.as_bytes()[at..];
    let length = rest.iter().take(LONGEST).position(ends).unwrap_or(rest.len().min(LONGEST));
    at..text.floor_char_boundary(at + length)
}

/// Letters, `_`, `-` and `.` only: a word, a variable, no key.
fn is_word_only(value: &str) -> bool {
    value.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | '.'))
}

/// Whether it reads like an expression: a call, a field, a parameter, a cast.
fn is_code(value: &str, next: Option<u8>) -> bool {
    let first = value.bytes().next().unwrap_or(b'(');
    next == Some(b'(')
        || matches!(first, b'(' | b'$' | b'@' | b'&' | b'*' | b'%' | b'<' | b'/' | b':' | b'=' | b'[' | b'{')
        || value.contains("::")
        || value.len() < 4
        || (value.contains('.') && value.bytes().all(|b| is_word(b) || b == b'.') && !first.is_ascii_digit())
        || ["new", "old", "p_", "v_", "in_"]
            .iter()
            .any(|p| value.strip_prefix(p).is_some_and(|r| r.starts_with(['.', '_'])))
}

/// Whether an assignment begins a line or follows `export`, as in a shell's file or a `.env`.
fn is_shell(bytes: &[u8], name: usize) -> bool {
    let line = bytes[..name].iter().rev().take(64).position(|b| *b == b'\n');
    let start = line.map_or(name.saturating_sub(64), |n| name - n);
    let before = bytes[start..name].trim_ascii();
    name == 0 || ((line.is_some() || start == 0) && (before.is_empty() || before == b"export"))
}

/// Whether other keywords of libpq stand near.
fn is_libpq(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(200));
    let near = &text[from..text.floor_char_boundary((at + 200).min(text.len()))];
    LIBPQ.iter().any(|k| near.match_indices(k).any(|(i, _)| i == 0 || !is_word(near.as_bytes()[i - 1])))
}
