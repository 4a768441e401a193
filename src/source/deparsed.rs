//! Definitions as the server writes them, and what survives of them in a restore.
//!
//! PostgreSQL keeps expressions parsed and writes them out with every cast that
//! it added itself. Read in again, the casts are the user's, and some end up
//! elsewhere: `check (x in ('a', 'b'))` on a `varchar` column is written as
//! `(ARRAY['a'::character varying, …])::text[]`, and after a restore as
//! `ARRAY[('a'::character varying)::text, …]`. Both mean the same, and no rule over
//! texts tells them from two that do not. So the text itself is sealed
//! ([`Definition`]), and where the copy's differs, the copy's own parser reads both.
//!
//! Backups of older versions hold a fingerprint of the text without its casts. What
//! a comparison of such forms cannot see is a change of nothing but a cast.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::Digest;

/// A definition with expressions in it. It may hold secrets (constants in a view).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Definition {
    /// As the server wrote it.
    Text(String),
    /// Of a text that was too large to be kept.
    Digest(Digest),
}

impl Definition {
    /// Of a text; the text itself where it has at most `most` bytes.
    pub fn of(text: String, most: usize) -> Self {
        if text.len() <= most { Self::Text(text) } else { Self::Digest(Digest::of(text.as_bytes())) }
    }

    /// The text, where it was kept.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Digest(_) => None,
        }
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Text(text) => Digest::of(text.as_bytes()),
            Self::Digest(digest) => *digest,
        }
    }

    /// Whether both are of the same text.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => one == two,
            _ => self.digest() == other.digest(),
        }
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Digest(digest) => write!(f, "Digest({digest:?})"),
        }
    }
}

/// Fingerprint of a definition; of one with expressions in it, without its casts.
pub fn fingerprint(text: &str, expressions: bool) -> String {
    if expressions { Digest::of(without_casts(text).as_bytes()).short() } else { Digest::of(text.as_bytes()).short() }
}

/// The text without `::type`, and without the parentheses of `(…)::type`.
fn without_casts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Where groups opened, in `out`; the last closed one.
    let (mut open, mut closed) = (Vec::new(), None);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            if let Some((from, to)) = closed
                && to + 1 == out.len()
                && is_group(&out[..from])
            {
                out.remove(to);
                out.remove(from);
            }
            rest = after_type(after);
            continue;
        }
        let n = match c {
            '\'' => literal(rest, out.ends_with('E')),
            '"' => quoted(rest),
            _ => c.len_utf8(),
        };
        match c {
            '(' => open.push(out.len()),
            ')' => closed = open.pop().map(|from| (from, out.len())),
            _ => {}
        }
        out.push_str(&rest[..n]);
        rest = &rest[n..];
    }
    out
}

/// Whether what opens behind `before` groups, rather than holds arguments: the
/// server writes a blank between a keyword and a group, none after a function's name.
fn is_group(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"' | ']'))
}

/// Length of the literal at the beginning.
fn literal(text: &str, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Length of the quoted identifier at the beginning.
fn quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// What follows a type as `format_type()` writes it (PostgreSQL source, `format_type.c`).
fn after_type(text: &str) -> &str {
    let (first, mut rest) = identifier(text);
    while let Some(more) = rest.strip_prefix('.') {
        rest = identifier(more).1;
    }
    let mut words = |all: &[&str]| {
        while let Some(more) = all.iter().find_map(|w| rest.strip_prefix(' ')?.strip_prefix(w)) {
            rest = more;
        }
    };
    match first {
        "character" | "bit" => words(&["varying"]),
        "double" => words(&["precision"]),
        "interval" => words(&["year", "month", "day", "hour", "minute", "second", "to"]),
        _ => {}
    }
    if rest.starts_with('(') {
        rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
    }
    if matches!(first, "timestamp" | "time") {
        rest = [" without time zone", " with time zone"].iter().find_map(|w| rest.strip_prefix(w)).unwrap_or(rest);
    }
    while let Some(more) = rest.strip_prefix("[]") {
        rest = more;
    }
    rest
}

/// An identifier, quoted or not, and what follows it.
fn identifier(text: &str) -> (&str, &str) {
    let end = if text.starts_with('"') {
        quoted(text)
    } else {
        text.find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len())
    };
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_restore_writes_otherwise_is_the_same() {
        for (before, after) in [
            (
                "CHECK (((state)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
                "CHECK (((state)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
            ),
            ("x = 'a)::b'::text", "x = 'a)::b'"),
            ("('2020'::timestamp(3) without time zone)::date < now()", "'2020' < now()"),
            ("(y)::numeric(10,2)[] || z", "y || z"),
            ("(y)::\"My.S\".\"t ]\"\"y\"[] || z", "y || z"),
            ("E'it\\'s'::text || E'\\\\'::text", "E'it\\'s' || E'\\\\'"),
            ("'1 day'::interval day to second(3) + d", "'1 day' + d"),
        ] {
            assert_eq!(without_casts(before), without_casts(after), "{before}");
        }
    }

    #[test]
    fn what_means_something_else_differs() {
        for (one, other) in [
            ("((a + b) * c)", "(a + (b * c))"),
            ("lower(a)", "lower a"),
            ("lower(a)::text", "upper(a)::text"),
            ("CHECK ((a > 1))", "CHECK ((a > 2))"),
            ("f('a::b')", "f('a')"),
            ("f(\"a::b\")", "f(\"a\")"),
            ("f((a)::int, b)", "f(a, (b)::int, c)"),
        ] {
            assert_ne!(fingerprint(one, true), fingerprint(other, true), "{one}");
        }
        assert_eq!(without_casts("lower((a)::text)::text"), "lower(a)", "a call keeps its parentheses");
        assert_ne!(fingerprint("a::text", false), fingerprint("a", false), "texts that are no expressions are exact");
    }

    #[test]
    fn hostile_texts_end() {
        for text in
            ["'", "\"", "::", "a::\"", "(((", ")))", "x::t(", "E'\\", "::é[]", "(é)::é", ")::a", "a::timestamp("]
        {
            without_casts(text);
        }
    }
}
