//! Lists and numbers in sentences.

use std::borrow::Cow;

use crate::types::text::{first_of, quote_ident};

/// A name as SQL has it: in quotes only where it is no plain word.
pub fn ident(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(quote_ident(name))
    }
}

/// The first five, escaped, and how many more there are.
pub fn few<S: AsRef<str>>(names: &[S]) -> String {
    first_of(names, 5)
}

/// `1 table`, `2 tables`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_so() {
        assert_eq!(few(&["a", "b\n"]), "a, b\\n");
        assert_eq!(few(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
        assert_eq!((count(1, "table"), count(0, "role")), ("1 table".into(), "0 roles".into()));
    }
}
