//! Passwords among the arguments of programs: `curl -u user:password`.

use super::sample;
use super::secret::{Kind, Secret};

/// Longest command before the option, and longest value, bytes.
const LONGEST: usize = 1024;

/// Options of curl that take `user:password` (curl's manual page).
const OPTIONS: [&str; 4] = ["--proxy-user", "--user", "-u", "-U"];

/// Whether a command hands a password to a program among its arguments.
pub fn hold_a_password(command: &str) -> bool {
    command.match_indices('-').any(|(at, _)| password(command, at).is_some())
}

/// Adds the password of the option that begins at this byte.
pub(super) fn at(text: &str, at: usize, found: &mut Vec<Secret>) {
    if text.as_bytes()[at] == b'-' {
        found.extend(password(text, at));
    }
}

fn password(text: &str, at: usize) -> Option<Secret> {
    let (before, rest) = text.split_at(at);
    before.chars().next_back().filter(|c| c.is_whitespace())?;
    let option = OPTIONS.into_iter().find(|o| rest.starts_with(o))?;
    let command = &before[before.ceil_char_boundary(before.len().saturating_sub(LONGEST))..];
    let command = command.rsplit(['\n', ';', '|', '&']).next().unwrap_or_default();
    command.split_whitespace().find(|w| w.rsplit('/').next() == Some("curl"))?;

    let value = &rest[option.len()..];
    let behind = value.trim_start_matches([' ', '\t', '=']);
    if option.starts_with("--") && behind.len() == value.len() {
        return None;
    }
    let open = behind.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let inner = &behind[usize::from(open.is_some())..];
    let ends = |c: char| open.map_or_else(|| c.is_whitespace() || matches!(c, '\'' | '"'), |quote| c == quote);
    let inner = &inner[..inner.find(ends).unwrap_or(inner.len())];
    let (user, password) = inner.split_once(':')?;
    if user.is_empty() || inner.len() > LONGEST || sample::is_placeholder(password) {
        return None;
    }
    let start = text.len() - rest.len() + (rest.len() - behind.len()) + usize::from(open.is_some()) + user.len() + 1;
    Some(Secret::new(Kind::ArgumentPassword, start..start + password.len(), false))
}
