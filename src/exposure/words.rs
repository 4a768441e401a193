//! Lists and numbers in sentences.

use crate::types::shown;

/// The first five, escaped, and how many more there are.
pub fn few<S: AsRef<str>>(names: &[S]) -> String {
    let first: Vec<_> = names.iter().take(5).map(|n| shown(n.as_ref())).collect();
    match names.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
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
