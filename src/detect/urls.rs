//! Passwords in URLs: `postgres://user:password@host`.

use super::sample;
use super::secret::{Kind, Secret};

/// Longest authority of a URL that is looked at, bytes.
const LONGEST: usize = 1024;

/// Adds the password of the URL whose `://` is at this byte.
pub(super) fn at(text: &str, at: usize, found: &mut Vec<Secret>) {
    if text.as_bytes()[at] == b':' {
        found.extend(password(text, at));
    }
}

fn password(text: &str, at: usize) -> Option<Secret> {
    let rest = text[at..].strip_prefix("://")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
    text[..at].chars().next_back().filter(|c| is_scheme(*c))?;
    let ends =
        |b: &u8| matches!(b, b'/' | b'?' | b'#' | b'\'' | b'"' | b'<' | b'>' | b'`' | b'\\') || b.is_ascii_whitespace();
    let length = rest.as_bytes().iter().take(LONGEST).position(ends).unwrap_or(rest.len().min(LONGEST));
    let authority = &rest[..rest.floor_char_boundary(length)];
    let (userinfo, host) = authority.rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':')?;
    if host.is_empty() || sample::is_placeholder(password) && !password.eq_ignore_ascii_case("password") {
        return None;
    }
    let start = text.len() - rest.len() + user.len() + 1;
    Some(Secret::new(Kind::UrlPassword, start..start + password.len(), is_sample(user, password, host)))
}

/// `user:password@host`, or a host that is nobody's.
fn is_sample(user: &str, password: &str, host: &str) -> bool {
    let any = |word: &str, of: &[&str]| of.iter().any(|o| word.eq_ignore_ascii_case(o));
    sample::is_nobodys(host)
        || (any(user, &["user", "username", "usr", "myuser", "u"])
            && any(password, &["password", "pass", "passwd", "pw", "pwd", "secret", "mypassword", "p"]))
}
