//! What an expression can come to, whatever the row.
//!
//! The server prints expressions with all their brackets, so they are taken apart
//! by words. Each part has the set of values it can have: true, false, null. What
//! is not understood can have all three. So a claim "never false" is only ever
//! made of parts that were all understood; what is missed is a policy that is true
//! in a way this does not know.

use super::literal::{Literal, equal, is_column, literal, split_at};
use crate::exposure::sql_text::{Token, inside, nesting, split, tokens};

/// Values that a condition can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values(u8);

impl Values {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const NULL: Self = Self(4);
    const ANY: Self = Self(7);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn can(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every row passes.
    pub fn always(self) -> bool {
        self == Self::TRUE
    }

    /// Whether every row passes but those in which something is null.
    pub fn always_unless_null(self) -> bool {
        self.can(Self::TRUE) && !self.can(Self::FALSE)
    }

    fn of(truth: bool) -> Self {
        if truth { Self::TRUE } else { Self::FALSE }
    }

    fn negated(self) -> Self {
        let mut out = Self(self.0 & Self::NULL.0);
        if self.can(Self::TRUE) {
            out = out.or(Self::FALSE);
        }
        if self.can(Self::FALSE) {
            out = out.or(Self::TRUE);
        }
        out
    }

    /// Every pair of values, through a table of three-valued logic.
    fn joined(self, other: Self, end: Self) -> Self {
        let neutral = end.negated();
        let mut out = Self(0);
        for a in [Self::TRUE, Self::FALSE, Self::NULL].into_iter().filter(|v| self.can(*v)) {
            for b in [Self::TRUE, Self::FALSE, Self::NULL].into_iter().filter(|v| other.can(*v)) {
                out = out.or(match (a, b) {
                    _ if a == end || b == end => end,
                    _ if a == neutral => b,
                    _ => a,
                });
            }
        }
        out
    }
}

/// What a condition can come to.
pub fn values(expression: &str) -> Values {
    let t = tokens(expression);
    let (mut depth, mut deepest) = (0, 0);
    for token in &t {
        depth += nesting(token);
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST { Values::ANY } else { condition(&t) }
}

/// Brackets in brackets that are followed; what is deeper can have any value.
const DEEPEST: i32 = 100;

fn condition(t: &[Token]) -> Values {
    let nots = t.iter().take_while(|t| t.is("not")).count();
    if nots > 0 {
        let is = if split(t, |t| t.is("or") || t.is("and")).len() == 1 { condition(&t[nots..]) } else { Values::ANY };
        return if nots % 2 == 1 { is.negated() } else { is };
    }
    if t.is_empty() || t[0].is("select") {
        return Values::ANY;
    }
    if let Some(t) = inside(t) {
        return condition(selected(t).unwrap_or(t));
    }
    let either = split(t, |t| t.is("or"));
    if either.len() > 1 {
        if complementary(&either) {
            return Values::TRUE;
        }
        return either.iter().map(|t| condition(t)).reduce(|a, b| a.joined(b, Values::TRUE)).unwrap_or(Values::ANY);
    }
    let both = split(t, |t| t.is("and"));
    if both.len() > 1 {
        return both.iter().map(|t| condition(t)).reduce(|a, b| a.joined(b, Values::FALSE)).unwrap_or(Values::ANY);
    }
    if let Some(at) = split_at(t, |t| t.is("is")) {
        return tested(&t[..at], &t[at + 1..]);
    }
    if let Some(at) = split_at(t, is_comparison) {
        return compared(&t[..at], &t[at], &t[at + 1..]);
    }
    plain(t)
}

/// The one expression of a sub-select that reads no table.
fn selected(t: &[Token]) -> Option<&[Token]> {
    const MORE: [&str; 12] = [
        "from",
        "where",
        "having",
        "group",
        "limit",
        "offset",
        "fetch",
        "union",
        "intersect",
        "except",
        "window",
        "for",
    ];
    let (first, rest) = t.split_first()?;
    let one = first.is("select") && split(rest, |t| t.is_sign(",") || MORE.iter().any(|w| t.is(w))).len() == 1;
    let end = split_at(rest, |t| t.is("as")).unwrap_or(rest.len());
    one.then_some(&rest[..end])
}

fn is_comparison(t: &Token) -> bool {
    ["=", "<>", "<", ">", "<=", ">=", "~~"].iter().any(|s| t.is_sign(s))
}

/// `a IS NULL OR a IS NOT NULL`, and the like: one of them is true.
fn complementary(parts: &[&[Token]]) -> bool {
    let bare = |t: &'_ [Token]| -> Vec<Token> { inside(t).unwrap_or(t).to_vec() };
    let parts: Vec<Vec<Token>> = parts.iter().map(|t| bare(t)).collect();
    parts.iter().any(|p| {
        let [column @ .., is, null] = p.as_slice() else { return false };
        let other = |o: &Vec<Token>| {
            matches!(o.as_slice(), [same @ .., is, not, null]
                if same == column && is.is("is") && not.is("not") && null.is("null"))
        };
        is.is("is") && null.is("null") && is_column(column) && parts.iter().any(other)
    })
}

/// `X IS NOT TRUE`, `X IS NULL`, `X IS NOT DISTINCT FROM Y`.
fn tested(what: &[Token], rest: &[Token]) -> Values {
    let (not, rest) = match rest.split_first() {
        Some((first, rest)) if first.is("not") => (true, rest),
        _ => (false, rest),
    };
    let turned = |v: Values| if not { v.negated() } else { v };
    if let [distinct, from, other @ ..] = rest
        && distinct.is("distinct")
        && from.is("from")
    {
        let same = what == other && (is_column(what) || literal(what).is_some());
        return if same { turned(Values::FALSE) } else { Values::TRUE.or(Values::FALSE) };
    }
    let [test] = rest else { return Values::ANY };
    let wanted = match test {
        t if t.is("true") => Values::TRUE,
        t if t.is("false") => Values::FALSE,
        t if t.is("null") || t.is("unknown") => Values::NULL,
        _ => return Values::ANY,
    };
    let is = match literal(what) {
        Some(value) if wanted == Values::NULL => {
            if value == Literal::Null {
                Values::NULL
            } else {
                Values::TRUE
            }
        }
        _ if wanted == Values::NULL && is_column(what) => Values::ANY,
        _ => condition(what),
    };
    turned(match (is.can(wanted), is == wanted) {
        (_, true) => Values::TRUE,
        (true, _) => Values::TRUE.or(Values::FALSE),
        (false, _) => Values::FALSE,
    })
}

/// `1 = 1`, `a = a`, `'x'::text <> 'y'::text`, `1 = ANY (ARRAY[1, 2])`.
fn compared(left: &[Token], sign: &Token, right: &[Token]) -> Values {
    let Token::Sign(sign) = sign else { return Values::ANY };
    if is_column(left) {
        if left == right {
            return match sign.as_str() {
                "=" | "<=" | ">=" => Values::TRUE.or(Values::NULL),
                "<>" | "<" | ">" => Values::FALSE.or(Values::NULL),
                _ => Values::ANY,
            };
        }
        let everything = matches!(literal(right), Some(Literal::Text(t)) if t == "%");
        return if sign == "~~" && everything { Values::TRUE.or(Values::NULL) } else { Values::ANY };
    }
    if let Some(any) = right.first().filter(|t| t.is("any")) {
        let list = inside(&right[1..]).filter(|_| any.is("any"));
        let list = list.and_then(|t| t.split_first()).filter(|(array, _)| array.is("array")).map(|(_, t)| t);
        let [open, elements @ .., close] = list.unwrap_or_default() else { return Values::ANY };
        let found = open.is_sign("[")
            && close.is_sign("]")
            && sign == "="
            && split(elements, |t| t.is_sign(",")).iter().any(|e| equal(left, e) == Some(true));
        return if found { Values::TRUE } else { Values::ANY };
    }
    match (literal(left), literal(right)) {
        (Some(Literal::Null), Some(_)) | (Some(_), Some(Literal::Null)) => Values::NULL,
        (Some(Literal::Number(a)), Some(Literal::Number(b))) => match sign.as_str() {
            "=" => Values::of(a == b),
            "<>" => Values::of(a != b),
            "<" => Values::of(a < b),
            ">" => Values::of(a > b),
            "<=" => Values::of(a <= b),
            ">=" => Values::of(a >= b),
            _ => Values::ANY,
        },
        (Some(Literal::Bool(_)), Some(Literal::Bool(_))) => {
            let same = condition(left) == condition(right);
            match sign.as_str() {
                "=" => Values::of(same),
                "<>" => Values::of(!same),
                _ => Values::ANY,
            }
        }
        _ => match (equal(left, right), sign.as_str()) {
            (Some(same), "=") => Values::of(same),
            (Some(same), "<>") => Values::of(!same),
            _ => Values::ANY,
        },
    }
}

/// `true`, `COALESCE(…)`, `EXISTS (SELECT …)`, `CASE … END`.
fn plain(t: &[Token]) -> Values {
    match literal(t) {
        Some(Literal::Bool(truth)) => return Values::of(truth),
        Some(Literal::Null) => return Values::NULL,
        Some(_) => return Values::ANY,
        None => (),
    }
    let (first, rest) = (&t[0], &t[1..]);
    if first.is("exists") && inside(rest).and_then(selected).is_some() {
        return Values::TRUE;
    }
    if let (true, Some(list)) = (first.is("coalesce"), inside(rest)) {
        let mut out = Values::NULL;
        for part in split(list, |t| t.is_sign(",")) {
            if out.can(Values::NULL) {
                let next = condition(part);
                out = Values(out.0 & !Values::NULL.0).or(next);
            }
        }
        return out;
    }
    Values::ANY
}

#[cfg(test)]
mod tests {
    use super::values;

    /// As PostgreSQL prints them (`pg_get_expr`, 13 to 18).
    #[test]
    fn what_every_row_passes_is_seen_through_its_wrapping() {
        for yes in [
            "true",
            "(1 = 1)",
            "(NOT (NOT true))",
            "(true OR (a > 3))",
            "('x'::text = 'x'::text)",
            "('x'::text <> 'y'::text)",
            "((a IS NULL) OR (a IS NOT NULL))",
            "(1 < 2)",
            "((1 >= 0) AND (1 <= 2))",
            "COALESCE(true, false)",
            "COALESCE(NULL::boolean, true)",
            "(1 = ANY (ARRAY[1, 2]))",
            "( SELECT true)",
            "( SELECT true AS bool)",
            "(EXISTS ( SELECT 1))",
            "(NULL::unknown IS NULL)",
            "((1.5 = 1.5) AND (NOT false))",
            "(true IS NOT FALSE)",
            "((a > 3) IS NOT NULL OR true)",
            "(a IS NOT DISTINCT FROM a)",
            "('-5'::integer < 0)",
            "(true = true)",
        ] {
            assert!(values(yes).always(), "{yes}: {:?}", values(yes));
        }
        for nearly in ["(a = a)", "((t.a)::text = (t.a)::text)", "((a = a) AND true)", "(name ~~ '%'::text)"] {
            assert!(!values(nearly).always() && values(nearly).always_unless_null(), "{nearly}");
        }
    }

    #[test]
    fn nothing_is_claimed_of_what_is_not_understood() {
        for no in [
            "",
            "false",
            "(NOT true)",
            "NULL::boolean",
            "(NULL::unknown = NULL::unknown)",
            "(a = b)",
            "(a = 1)",
            "(random() = random())",
            "(tenant = (current_setting('app.tenant'::text))::integer)",
            "(true AND (a = 1))",
            "((a IS NULL) OR (b IS NOT NULL))",
            "(a IS NULL)",
            "(a IS NOT NULL)",
            "( SELECT true FROM t)",
            "( SELECT true WHERE false)",
            "(EXISTS ( SELECT 1 FROM members m WHERE (m.id = t.id)))",
            "(1 = ANY (ARRAY[2, 3]))",
            "(a = ANY (ARRAY[1, 2]))",
            "('1'::numeric = '1.0'::numeric)",
            "CASE WHEN (a = 1) THEN true ELSE false END",
            "((NOT (a = a)))",
            "(a <> a)",
            "COALESCE((a = 1), false)",
            "is_member(true)",
            "(true",
            "('a'::text = 'b'::text)",
            "((a OR true) = false)",
            "(name ~~ 'x%'::text)",
            "(a = 1) OR",
        ] {
            assert!(!values(no).always() && !values(no).always_unless_null(), "{no}: {:?}", values(no));
        }
        let deep = format!("{}true{}", "(NOT ".repeat(10_000), ")".repeat(10_000));
        assert!(!values(&deep).always_unless_null());
    }
}
