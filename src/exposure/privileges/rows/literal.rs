//! Constants and columns in expressions, as the server prints them.

use crate::exposure::sql_text::{Token, inside, split};

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `true`, `false`.
    Bool(bool),
    /// `NULL`.
    Null,
    /// A whole number.
    Number(i128),
    /// A text.
    Text(String),
    /// Another, as it is written, with its type.
    Typed(String, Vec<Token>),
}

/// A constant with its type: `1`, `'-1'::integer`, `'x'::text`, `NULL::unknown`.
pub fn literal(t: &[Token]) -> Option<Literal> {
    if let Some(t) = inside(t) {
        return literal(t);
    }
    let (value, cast) = match split_at(t, |t| t.is_sign("::")) {
        Some(at) => (&t[..at], &t[at + 1..]),
        None => (t, &t[..0]),
    };
    let typed = |names: &[&str]| cast.len() == 1 && names.iter().any(|n| cast[0].is(n));
    match value {
        [t] if t.is("true") || t.is("false") => cast.is_empty().then(|| Literal::Bool(t.is("true"))),
        [t] if t.is("null") => Some(Literal::Null),
        [Token::Number(n)] if cast.is_empty() || typed(&["integer", "bigint", "numeric"]) => {
            n.parse().ok().map(Literal::Number).or_else(|| Some(Literal::Typed(n.clone(), Vec::new())))
        }
        [Token::Text(n)] if typed(&["integer", "bigint", "smallint"]) => n.trim().parse().ok().map(Literal::Number),
        [Token::Text(text)] if typed(&["text"]) => Some(Literal::Text(text.clone())),
        [Token::Text(text)] if !cast.is_empty() => Some(Literal::Typed(text.clone(), cast.to_vec())),
        _ => None,
    }
}

/// Words that stand where a column could.
const NO_COLUMN: [&str; 4] = ["true", "false", "null", "not"];

/// `a`, `t.a`, `"A"`, `(a)::text`: nothing that is called.
pub fn is_column(t: &[Token]) -> bool {
    if let Some(t) = inside(t) {
        return is_column(t);
    }
    let end = split_at(t, |t| t.is_sign("::")).unwrap_or(t.len());
    if end < t.len() {
        return t[end + 1..].iter().all(|t| t.name().is_some()) && is_column(&t[..end]);
    }
    match t {
        [one] => one.name().is_some() && !NO_COLUMN.iter().any(|w| one.is(w)),
        [table, dot, column] => table.name().is_some() && dot.is_sign(".") && column.name().is_some(),
        _ => false,
    }
}

/// Whether two literals are equal, where that can be told.
pub fn equal(left: &[Token], right: &[Token]) -> Option<bool> {
    match (literal(left)?, literal(right)?) {
        (Literal::Number(a), Literal::Number(b)) => Some(a == b),
        (Literal::Text(a), Literal::Text(b)) => Some(a == b),
        // Of other types the same text is the same value; another may be, too.
        (Literal::Typed(..), Literal::Typed(..)) if left == right => Some(true),
        _ => None,
    }
}

/// The only token of its kind on the outermost level.
pub fn split_at(t: &[Token], at: impl Fn(&Token) -> bool) -> Option<usize> {
    let parts = split(t, at);
    (parts.len() == 2).then(|| parts[0].len())
}
