//! The grammar of an allowed signers file, as ssh-keygen(1) "ALLOWED SIGNERS"
//! tells it and OpenSSH 9.2 reads it:
//!
//! ```text
//! # principals [options] keytype base64-key [comment]
//! shop,stage-* namespaces="manifest@pgseal",valid-after="20260101Z" ssh-ed25519 AAAA…
//! ```
//!
//! Where ssh-keygen stops at the first bad line it meets during a search, a bad
//! line here refuses the whole file when it is loaded, so that a typo shows on
//! the day it is made.

use crate::types::SourceName;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

/// Key types that OpenSSH knows and that we accept in the file but never use.
const OTHER_TYPES: [&str; 9] = [
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
];

/// Longest single pattern, as in OpenSSH's `match_pattern_list`.
const PATTERN_LIMIT: usize = 1023;

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Number from 1.
    pub number: usize,
    /// Who: patterns separated by commas.
    pub principals: String,
    /// For which kinds of document; `None` is all.
    pub namespaces: Option<String>,
    /// Not before this second (Unix time).
    pub valid_after: Option<i64>,
    /// Not after this second.
    pub valid_before: Option<i64>,
    /// The key; `None` where it is of a type that is never accepted.
    pub key: Option<KeyData>,
}

/// Reads a whole file. The error names the line.
pub fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        lines.push(parse_line(line, n + 1).map_err(|e| format!("line {}: {e}", n + 1))?);
    }
    Ok(lines)
}

fn parse_line(line: &str, number: usize) -> Result<Line, String> {
    let (principals, rest) = first_word(line)?;
    if principals.is_empty() {
        return Err("the list of principals is empty".into());
    }
    if principals.split(',').any(|p| p.len() > PATTERN_LIMIT) {
        return Err("a principal is too long".into());
    }
    let mut out = Line { number, principals, namespaces: None, valid_after: None, valid_before: None, key: None };
    let rest = rest.trim_start_matches([' ', '\t']);
    let key_text = if starts_with_key_type(rest) { rest } else { options(rest, &mut out)? };
    out.key = key(key_text)?;
    if let (Some(after), Some(before)) = (out.valid_after, out.valid_before)
        && after > before
    {
        return Err("valid-after is later than valid-before".into());
    }
    Ok(out)
}

/// The first word, which may be in double quotes (`strdelimw` of OpenSSH).
fn first_word(line: &str) -> Result<(String, &str), String> {
    if let Some(quoted) = line.strip_prefix('"') {
        let end = quoted.find('"').ok_or("a quote is not closed")?;
        return Ok((quoted[..end].to_owned(), &quoted[end + 1..]));
    }
    let end = line.find([' ', '\t']).ok_or("there is no key on the line")?;
    Ok((line[..end].to_owned(), &line[end..]))
}

fn starts_with_key_type(text: &str) -> bool {
    let word = text.split([' ', '\t']).next().unwrap_or_default();
    word == "ssh-ed25519" || OTHER_TYPES.contains(&word) || word.ends_with("-cert-v01@openssh.com")
}

/// Reads options up to the first space outside quotes; returns what follows.
fn options<'a>(text: &'a str, out: &mut Line) -> Result<&'a str, String> {
    let mut rest = text;
    loop {
        let lower = rest.get(..24.min(rest.len())).unwrap_or(rest).to_ascii_lowercase();
        if lower.starts_with("cert-authority") {
            return Err("cert-authority is not supported: pgseal trusts keys, not certificates".into());
        } else if lower.starts_with("namespaces=") {
            let (value, after) = quoted(&rest["namespaces=".len()..])?;
            if value.split(',').any(|p| p.len() > PATTERN_LIMIT) {
                return Err("a namespace is too long".into());
            }
            once("namespaces", out.namespaces.replace(value).is_some())?;
            rest = after;
        } else if lower.starts_with("valid-after=") {
            let (value, after) = quoted(&rest["valid-after=".len()..])?;
            once("valid-after", out.valid_after.replace(seconds(&value)?).is_some())?;
            rest = after;
        } else if lower.starts_with("valid-before=") {
            let (value, after) = quoted(&rest["valid-before=".len()..])?;
            once("valid-before", out.valid_before.replace(seconds(&value)?).is_some())?;
            rest = after;
        } else {
            let word: String = rest.chars().take_while(|c| !matches!(c, ' ' | '\t' | ',' | '=')).take(40).collect();
            return Err(format!("{:?} is neither a key type nor an option", crate::types::shown(&word)));
        }
        match rest.as_bytes().first() {
            Some(b',') => rest = &rest[1..],
            Some(b' ' | b'\t') => return Ok(rest.trim_start_matches([' ', '\t'])),
            None => return Err("there is no key on the line".into()),
            Some(_) => return Err("options are separated by commas".into()),
        }
    }
}

fn once(name: &str, again: bool) -> Result<(), String> {
    if again { Err(format!("{name} is given twice")) } else { Ok(()) }
}

/// A value in double quotes with `\"` for a quote (`opt_dequote` of OpenSSH).
fn quoted(text: &str) -> Result<(String, &str), String> {
    let body = text.strip_prefix('"').ok_or("the value of an option is in double quotes")?;
    let mut value = String::new();
    let mut chars = body.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &body[i + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                value.push('"');
            }
            c => value.push(c),
        }
    }
    Err("a quote is not closed".into())
}

/// `YYYYMMDD[HHMM[SS]]`, in the system's time zone unless it ends in `Z` or `UTC`.
fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("{:?} is not a time: YYYYMMDD[HHMM[SS]][Z]", crate::types::shown(text));
    let lower = text.to_ascii_lowercase();
    let (digits, zone) = match lower.strip_suffix('z').or_else(|| lower.strip_suffix("utc")) {
        Some(d) => (d, TimeZone::UTC),
        None => (lower.as_str(), TimeZone::system()),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let full = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return Err(wrong()),
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", &full).map_err(|_| wrong())?;
    let at = zone.to_timestamp(civil).map_err(|_| wrong())?.as_second();
    if at < 0 { Err(wrong()) } else { Ok(at) }
}

/// A key of the file; `None` for types that are known but never accepted.
pub fn key(text: &str) -> Result<Option<KeyData>, String> {
    let word = text.split([' ', '\t']).next().unwrap_or_default();
    if word.is_empty() {
        return Err("there is no key on the line".into());
    }
    if word.ends_with("-cert-v01@openssh.com") {
        return Err("certificates are not supported: pgseal trusts keys".into());
    }
    if OTHER_TYPES.contains(&word) {
        return Ok(None);
    }
    if word != "ssh-ed25519" {
        return Err(format!("unknown key type {:?}", crate::types::shown(&word.chars().take(40).collect::<String>())));
    }
    // Blanks may be tabs or several; the comment may be anything.
    let mut words = text.split([' ', '\t']).filter(|w| !w.is_empty());
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let key = PublicKey::from_openssh(&format!("{kind} {blob}"))
        .map_err(|e| format!("cannot read the ssh-ed25519 key ({e})"))?;
    Ok(Some(key.key_data().clone()))
}

/// Whether `text` matches a list of patterns with `*`, `?` and a leading `!`
/// (`match_pattern_list` of OpenSSH): a negated match refuses at once.
pub fn matches_list(text: &str, patterns: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text.as_bytes(), negated.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// One pattern, without recursion: hostile patterns cost at most |text| × |pattern|.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, at)) => {
                    star = Some((after, at + 1));
                    p = after;
                    t = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// A line for this public key: who it may sign for (everybody where `principals` is
/// empty), and what.
pub fn line(principals: &[SourceName], namespaces: &str, public: &str) -> String {
    let principals = match principals {
        [] => "*".to_owned(),
        some => some.iter().map(SourceName::as_str).collect::<Vec<_>>().join(","),
    };
    format!("{principals} namespaces=\"{namespaces}\" {public}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn one(line: &str) -> Line {
        parse(line).unwrap().remove(0)
    }

    #[test]
    fn good_lines() {
        let l = one(&format!(
            "\n# note\n  shop,stage-*\tnamespaces=\"manifest@pgseal\",VALID-AFTER=\"20260101Z\"  {KEY} c d"
        ));
        assert_eq!((l.number, l.principals.as_str()), (3, "shop,stage-*"));
        assert_eq!(l.namespaces.as_deref(), Some("manifest@pgseal"));
        assert_eq!((l.valid_after, l.valid_before), (Some(1_767_225_600), None));
        assert!(l.key.is_some());
        assert_eq!(one(&format!("\"a b\" {KEY}")).principals, "a b");
        assert_eq!(one(&format!("a valid-before=\"202601010102UTC\" {KEY}")).valid_before, Some(1_767_229_320));
        assert_eq!(one(&format!("a valid-before=\"20260101010203z\" {KEY}")).valid_before, Some(1_767_229_323));
        assert_eq!(one(&format!("a namespaces=\"x\\\"y\" {KEY}")).namespaces.as_deref(), Some("x\"y"));
        assert!(one("a ssh-rsa AAAA").key.is_none());
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        let said = |line: &str| parse(&line.replace("KEY", KEY)).unwrap_err();
        for (line, what) in [
            ("shop", "no key"),
            ("\"shop KEY", "quote is not closed"),
            ("\"\" KEY", "principals is empty"),
            ("shop cert-authority KEY", "cert-authority"),
            ("shop ssh-ed25519-cert-v01@openssh.com AAAA", "certificates"),
            ("shop namespaces=manifest@pgseal KEY", "double quotes"),
            ("shop namespaces=\"a KEY", "quote is not closed"),
            ("shop namespaces=\"a\",namespaces=\"b\" KEY", "given twice"),
            ("shop namespaces=\"a\"valid-after=\"20260101\" KEY", "separated by commas"),
            ("shop namespaces=\"a\",", "neither a key type nor an option"),
            ("shop namespaces=\"a\"", "no key"),
            ("shop valid-after=\"2026\" KEY", "not a time"),
            ("shop valid-after=\"20261301\" KEY", "not a time"),
            ("shop valid-after=\"20260101X\" KEY", "not a time"),
            ("shop valid-after=\"20270101Z\",valid-before=\"20260101Z\" KEY", "later than"),
            ("shop touch-required KEY", "neither a key type nor an option"),
            ("shop ssh-ed25519 AAAA", "cannot read"),
            ("shop ssh-ed25519", "cannot read"),
        ] {
            let e = said(line);
            assert!(e.starts_with("line 1: ") && e.contains(what), "{line}: {e}");
        }
    }

    #[test]
    fn patterns() {
        for (text, list, expected) in [
            ("shop", "shop", true),
            ("shop", "Shop", false),
            ("shop", "sh?p", true),
            ("shop", "*", true),
            ("shop", "", false),
            ("shop", "a,shop", true),
            ("shop", "s*p,!shop", false),
            ("shop", "!other", false),
            ("shop", "!other,*", true),
            ("stage-1", "stage-*", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*c", false),
        ] {
            assert_eq!(matches_list(text, list), expected, "{text} {list}");
        }
    }
}
