//! Regular expressions of the server, as far as they are plain words.
//!
//! The server's own flavour ("advanced regular expressions") is not rebuilt
//! here: another engine would differ just where it hurts. Words and `.*`,
//! anchored or not, and alternatives of them are told exactly; of anything else
//! a match is a maybe.

/// A regular expression without its leading slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    source: String,
    branches: Option<Vec<Branch>>,
}

/// One of several alternatives: literal text with gaps of any length between its pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Branch {
    pieces: Vec<String>,
    /// Least length of the gap before each piece but the first.
    gaps: Vec<usize>,
}

impl Pattern {
    /// Reads one.
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), branches: branches(source) }
    }

    /// As written, without the slash.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it fits `text`; `None` where that is not known here.
    pub fn fits(&self, text: &str) -> Option<bool> {
        self.branches.as_ref().map(|branches| branches.iter().any(|b| b.fits(text)))
    }

    /// Whether it surely fits every name: `^.*$` and its like.
    pub fn is_catch_all(&self) -> bool {
        // No name is empty, so `.+` fits all of them too.
        let all = |b: &Branch| {
            b.pieces.iter().all(String::is_empty) && b.gaps.iter().sum::<usize>() <= 1 && !b.gaps.is_empty()
        };
        self.branches.as_ref().is_some_and(|branches| branches.iter().any(all))
    }

    /// Whether the server surely refuses it. Many more are refused than this tells.
    pub(super) fn is_broken(&self) -> bool {
        if self.source.starts_with("***") {
            return false;
        }
        let mut depth = 0usize;
        let mut chars = self.source.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.next().is_none() => return true,
                '(' => depth += 1,
                ')' if depth == 0 => return true,
                ')' => depth -= 1,
                // What stands in brackets follows rules of its own.
                '[' => return false,
                _ => {}
            }
        }
        depth > 0
    }
}

/// The alternatives, where the whole expression is of the simple kind.
fn branches(source: &str) -> Option<Vec<Branch>> {
    let anchored = source.strip_prefix('^').and_then(|s| s.strip_suffix('$'));
    if let Some(inner) = anchored.and_then(group) {
        return split(inner).into_iter().map(|b| branch(b, true, true)).collect();
    }
    if let Some(inner) = group(source) {
        return split(inner).into_iter().map(|b| branch(b, false, false)).collect();
    }
    split(source).into_iter().map(|b| branch(b, false, false)).collect()
}

/// What stands in a pair of parentheses that holds everything and no other pair.
fn group(source: &str) -> Option<&str> {
    let inner = source.strip_prefix('(')?.strip_suffix(')')?;
    let inner = inner.strip_prefix("?:").unwrap_or(inner);
    (!inner.contains(['(', ')', '\\'])).then_some(inner)
}

/// Splits at every `|` that no backslash stands before.
fn split(source: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in source.char_indices() {
        if c == '|' && !escaped {
            out.push(&source[from..at]);
            from = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    out.push(&source[from..]);
    out
}

/// Reads a sequence of literals and `.*`; the outer anchors are given.
fn branch(source: &str, start: bool, end: bool) -> Option<Branch> {
    let (source, start) = match source.strip_prefix('^') {
        Some(_) if start => return None,
        Some(rest) => (rest, true),
        None => (source, start),
    };
    let mut pieces = vec![String::new()];
    let mut gaps = Vec::new();
    let mut gap = |pieces: &mut Vec<String>, least| {
        gaps.push(least);
        pieces.push(String::new());
    };
    if !start {
        gap(&mut pieces, 0);
    }
    let mut closed = end;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let literal = match c {
            '.' => {
                match chars.next()? {
                    '*' => gap(&mut pieces, 0),
                    '+' => gap(&mut pieces, 1),
                    _ => return None,
                }
                // `.*?` and `.**` are other things.
                if matches!(chars.peek(), Some('*' | '+' | '?' | '{')) {
                    return None;
                }
                continue;
            }
            '$' if chars.peek().is_none() && !end => {
                closed = true;
                continue;
            }
            '\\' => chars.next().filter(char::is_ascii_punctuation)?,
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '/' | ':' | '=' | ',' | '%' | ' ') => c,
            _ => return None,
        };
        pieces.last_mut()?.push(literal);
    }
    if !closed {
        gap(&mut pieces, 0);
    }
    Some(Branch { pieces, gaps })
}

impl Branch {
    fn fits(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for (at, piece) in others.iter().enumerate() {
            // A gap counts characters.
            for _ in 0..self.gaps[at] {
                let mut chars = rest.chars();
                if chars.next().is_none() {
                    return false;
                }
                rest = chars.as_str();
            }
            if at + 1 == others.len() {
                return rest.ends_with(piece.as_str());
            }
            // The first place leaves most to the others.
            match rest.find(piece.as_str()) {
                Some(found) => rest = &rest[found + piece.len()..],
                None => return false,
            }
        }
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_alternatives_are_exact() {
        let fits = |p: &str, t: &str| Pattern::new(p).fits(t);
        for (pattern, text, expected) in [
            ("^app$", "app", true),
            ("^app$", "app2", false),
            ("app", "my_app2", true),
            ("^app", "app2", true),
            ("app$", "my_app", true),
            ("app$", "apps", false),
            ("^(a|b)$", "b", true),
            ("^(a|b)$", "ab", false),
            ("^(?:a|b)$", "a", true),
            ("^a|b$", "ax", true),
            ("^a|b$", "xb", true),
            ("^a|b$", "xbx", false),
            ("^app_.*$", "app_", true),
            ("^app_.+$", "app_", false),
            ("^a.*b.*c$", "aXbYbZc", true),
            ("^a.*b.*c$", "acb", false),
            (r"^a\.b$", "a.b", true),
            (r"^a\.b$", "axb", false),
            ("", "anything", true),
            ("(a|b)", "xbx", true),
        ] {
            assert_eq!(fits(pattern, text), Some(expected), "{pattern} {text}");
        }
        for unknown in
            ["^a+$", "^[ab]$", "^a.b$", r"^\d$", "(?i)a", "***=a", "^(a(b))$", "^a.*?$", "a{2}", "$a", "^^a", "a$b"]
        {
            assert_eq!(fits(unknown, "a"), None, "{unknown}");
        }
    }

    #[test]
    fn what_catches_everybody_is_told() {
        for all in ["", "^", "$", ".*", "^.*$", "^(.*)$", "(.*)", "^.+$", ".*|x", "^.*.*$"] {
            assert!(Pattern::new(all).is_catch_all(), "{all}");
        }
        for some in ["^$", "^a.*$", "a", "^(.*)@x$", "^..*$", ".+.+"] {
            assert!(!Pattern::new(some).is_catch_all(), "{some}");
        }
    }

    #[test]
    fn what_cannot_be_a_pattern_is_told() {
        for broken in ["(", ")", "a\\", "(()"] {
            assert!(Pattern::new(broken).is_broken(), "{broken}");
        }
        for fine in ["", "[(]", "a(b)c", "***=(", r"\("] {
            assert!(!Pattern::new(fine).is_broken(), "{fine}");
        }
    }
}
