//! Showing text that an attacker may have chosen.

use std::borrow::Cow;

/// `text` with control characters, line ends, and bidirectional or invisible
/// format characters escaped, so that a database name can neither move the
/// cursor, forge a log line nor reverse what follows it.
pub fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !must_escape(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if must_escape(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Unicode "Cc", line and paragraph separators, and the bidirectional and
/// zero-width characters of "Trojan Source" (CVE-2021-42574).
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// The first `most` of a list, escaped, and how many more there are: `a, b and 3 more`.
pub fn first_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let first: Vec<_> = names.iter().take(most).map(|n| shown(n.as_ref())).collect();
    match names.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// An SQL identifier in double quotes, always quoted.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An SQL string literal, with `E''` where it holds a backslash.
pub fn quote_literal(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_untouched_and_hostile_text_is_escaped() {
        assert_eq!(shown("Bücher 📚"), "Bücher 📚");
        assert_eq!(shown("a\nb\u{1b}]0;x\u{7}"), "a\\nb\\u{1b}]0;x\\u{7}");
        assert_eq!(shown("x\u{202e}y"), "x\\u{202e}y");
    }

    #[test]
    fn quoting_follows_postgresql() {
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b'"), "E'a\\\\b'''");
    }
}
