//! Which text of a function's arguments is run as SQL. A heuristic, on words.
//!
//! A variable is tainted where something tainted is assigned to it, until nothing
//! changes any more; arguments are from the start. An expression is tainted where a
//! tainted name stands in it outside of what quotes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::exposure::sql_text::{Token, inside, nesting, split, tokens};

/// What makes a text harmless, or no text.
const SAFE: [&str; 14] = [
    "quote_ident",
    "quote_literal",
    "quote_nullable",
    "to_regclass",
    "to_regproc",
    "to_regtype",
    "to_regrole",
    "length",
    "char_length",
    "octet_length",
    "md5",
    "hashtext",
    "count",
    "array_length",
];

/// Types that a cast to makes harmless.
const SAFE_TYPES: [&str; 20] = [
    "regclass",
    "regproc",
    "regprocedure",
    "regtype",
    "regrole",
    "regnamespace",
    "regoper",
    "regoperator",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "bigint",
    "smallint",
    "numeric",
    "oid",
    "uuid",
    "boolean",
    "date",
];

/// Assignments are followed this many times, calls of `format` this deep: bodies
/// are hostile, and a hint need not be complete.
const ROUNDS: usize = 50;
const DEEPEST: usize = 50;

/// A call that is longer than this many words is not looked behind for a cast.
const LONGEST: usize = 500;

/// Arguments that get into a text that EXECUTE runs.
pub fn run_as_sql(body: &str, arguments: &BTreeSet<String>) -> Vec<String> {
    let t = tokens(body);
    // Of what each name holds: arguments, by the names that hold them.
    let mut holds: BTreeMap<String, BTreeSet<String>> =
        arguments.iter().map(|a| (a.clone(), BTreeSet::from([a.clone()]))).collect();
    let assignments = assignments(&t);
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (name, expression) in &assignments {
            let taint = taint(expression, &holds, 0);
            let held = holds.entry((*name).to_owned()).or_default();
            let before = held.len();
            held.extend(taint);
            changed |= held.len() != before;
        }
        if !changed {
            break;
        }
    }
    let run: BTreeSet<String> = executed(&t).into_iter().flat_map(|e| taint(e, &holds, 0)).collect();
    run.into_iter().collect()
}

/// `name := …;`, `name = …;` at the begin of a statement, `name type DEFAULT …;`.
fn assignments(t: &[Token]) -> Vec<(&str, &[Token])> {
    let mut found = Vec::new();
    for statement in t.split(|t| t.is_sign(";")) {
        if let Some(at) = statement.iter().position(|t| t.is_sign(":=")) {
            let name = target(&statement[..at]);
            found.extend(name.map(|n| (n, &statement[at + 1..])));
        } else if let Some(at) = statement.iter().position(|t| t.is("default") || t.is_sign("=")) {
            let begin = statement[..at].iter().rposition(opens).map_or(0, |b| b + 1);
            // `a = b` is an assignment only where a statement begins with it.
            let name = match &statement[begin..at] {
                [name] => name.name(),
                [name, kind, ..] if statement[at].is("default") || kind.name().is_some_and(is_text) => name.name(),
                _ => None,
            };
            found.extend(name.map(|n| (n, &statement[at + 1..])));
        }
    }
    found
}

/// What a statement can stand behind.
fn opens(t: &Token) -> bool {
    ["begin", "then", "else", "loop", "declare"].iter().any(|w| t.is(w))
}

fn is_text(kind: &str) -> bool {
    ["text", "varchar", "character", "name"].contains(&kind)
}

/// The variable before `:=`: `v`, `declare v text`, `… then v`.
fn target(before: &[Token]) -> Option<&str> {
    let begin = before.iter().rposition(opens).map_or(0, |b| b + 1);
    before[begin..].first().and_then(Token::name)
}

/// Expressions that EXECUTE runs.
fn executed(t: &[Token]) -> Vec<&[Token]> {
    let mut found = Vec::new();
    for (at, _) in t.iter().enumerate().filter(|(_, t)| t.is("execute")) {
        let rest = &t[at + 1..];
        let mut depth = 0;
        let end = rest.iter().position(|t| {
            let ends = ["using", "into", "loop", "execute"].iter().any(|w| t.is(w)) || t.is_sign(";");
            let here = depth;
            depth += nesting(t);
            here == 0 && ends
        });
        found.push(&rest[..end.unwrap_or(rest.len())]);
    }
    found
}

/// What an expression holds of arguments.
fn taint(t: &[Token], holds: &BTreeMap<String, BTreeSet<String>>, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < t.len() && depth <= DEEPEST {
        let name = t[at].name().unwrap_or_default();
        let called = t.get(at + 1).is_some_and(|n| n.is_sign("("));
        if called && (name == "format" || SAFE.contains(&name)) {
            let end = closing(t, at + 1, t.len());
            if name == "format" {
                let pasted = formatted(inside(&t[at + 1..=end]).unwrap_or(&[]));
                found.extend(pasted.into_iter().flat_map(|a| taint(a, holds, depth + 1)));
            }
            at = end + 1;
            continue;
        }
        if called {
            let end = closing(t, at + 1, LONGEST);
            if is_cast(t, end + 1) {
                at = end + 1;
                continue;
            }
        } else if let Token::Word(name) | Token::Name(name) | Token::Param(name) = &t[at] {
            let field = at > 0 && t[at - 1].is_sign(".");
            if !field && !is_cast(t, at + 1) {
                found.extend(holds.get(name).into_iter().flatten().cloned());
            }
        }
        at += 1;
    }
    found
}

/// Where the bracket at `open` is closed, looked for among that many words.
fn closing(t: &[Token], open: usize, words: usize) -> usize {
    let mut depth = 0;
    for (at, token) in t.iter().enumerate().skip(open).take(words) {
        depth += nesting(token);
        if depth <= 0 {
            return at;
        }
    }
    t.len() - 1
}

/// Whether a cast to a harmless type follows.
fn is_cast(t: &[Token], at: usize) -> bool {
    let kind = t.get(at + 1).and_then(Token::name);
    t.get(at).is_some_and(|t| t.is_sign("::")) && kind.is_some_and(|k| SAFE_TYPES.contains(&k))
}

/// Arguments of `format` that are pasted as they are.
fn formatted(arguments: &[Token]) -> Vec<&[Token]> {
    let mut parts = split(arguments, |t| t.is_sign(","));
    let text = parts.remove(0);
    let [Token::Text(pattern)] = text else {
        // A pattern that is computed may paste everything.
        parts.push(text);
        return parts;
    };
    let mut pasted = Vec::new();
    let mut kinds = pattern.split('%').skip(1).peekable();
    let mut next = 0;
    while let Some(spec) = kinds.next() {
        if spec.is_empty() {
            // `%%`: the sign itself; what follows belongs to no argument.
            kinds.next();
            continue;
        }
        if spec.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '*') {
            return if pattern.contains('s') { parts } else { Vec::new() };
        }
        if spec.starts_with('s') {
            pasted.extend(parts.get(next).copied());
        }
        next += 1;
    }
    pasted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(body: &str) -> Vec<String> {
        run_as_sql(body, &["tab", "val", "$1", "odd name"].map(str::to_owned).into())
    }

    #[test]
    fn arguments_that_are_pasted_are_found() {
        for (body, held) in [
            ("BEGIN EXECUTE 'select * from ' || tab; END", "tab"),
            ("BEGIN EXECUTE tab; END", "tab"),
            ("BEGIN RETURN QUERY EXECUTE 'select ' || $1 USING val; END", "$1"),
            ("DECLARE q text := 'select '; BEGIN q := q || lower(tab); EXECUTE q INTO x; END", "tab"),
            ("DECLARE q text DEFAULT 'x' || tab; BEGIN EXECUTE q; END", "tab"),
            ("BEGIN IF true THEN q = 'x' || tab; END IF; EXECUTE q; END", "tab"),
            ("BEGIN EXECUTE format('select %I from %s', val, tab); END", "tab"),
            ("BEGIN EXECUTE format('delete from t where a = %1$L and %2$s', val, tab); END", "tab"),
            ("BEGIN EXECUTE concat('drop table ', tab); END", "tab"),
            ("BEGIN FOR r IN EXECUTE 'select ' || \"odd name\" LOOP END LOOP; END", "odd name"),
            ("BEGIN EXECUTE 'x' /* quote_ident( */ || tab -- )\n; END", "tab"),
            ("BEGIN a := b; b := c; c := tab; EXECUTE a; END", "tab"),
        ] {
            assert!(run(body).iter().any(|r| r == held), "{body}: {:?}", run(body));
        }
    }

    #[test]
    fn what_is_quoted_bound_or_not_run_is_not() {
        for body in [
            "BEGIN EXECUTE 'select * from ' || quote_ident(tab); END",
            "BEGIN EXECUTE format('select %I, %L', tab, val); END",
            "BEGIN EXECUTE format('100%% of %I', tab); END",
            "BEGIN EXECUTE 'select $1' USING tab; END",
            "BEGIN EXECUTE 'select ' || tab::regclass; END",
            "BEGIN EXECUTE 'select ' || length(tab); END",
            "BEGIN RAISE NOTICE 'EXECUTE %', 'x' || tab; END",
            "BEGIN -- EXECUTE 'x' || tab\n PERFORM 1; END",
            "BEGIN PERFORM 'EXECUTE ' || tab; END",
            "BEGIN EXECUTE 'select ' || r.tab; END",
            "DECLARE q text := quote_literal(tab); BEGIN EXECUTE 'x' || q; END",
            "",
            "EXECUTE",
            "BEGIN EXECUTE format(",
        ] {
            assert_eq!(run(body), Vec::<String>::new(), "{body}");
        }
    }
}
