//! The words of an SQL text: comments gone, strings whole.
//!
//! For texts that nobody executes here: expressions as the server prints them,
//! and bodies of functions, which are hostile. What cannot be read to its end is
//! cut there; a judge must never take that for harmless.

/// One word (PostgreSQL manual, "Lexical Structure").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A key word or plain name, in lower case.
    Word(String),
    /// A name in double quotes.
    Name(String),
    /// A string in quotes of any kind, without them.
    Text(String),
    /// A number.
    Number(String),
    /// `$1`.
    Param(String),
    /// An operator, bracket or other sign.
    Sign(String),
}

impl Token {
    /// Whether it is this key word.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(w) if w == word)
    }

    /// Whether it is this sign.
    pub fn is_sign(&self, sign: &str) -> bool {
        matches!(self, Self::Sign(s) if s == sign)
    }

    /// The name that it is, with or without quotes.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(n) | Self::Name(n) => Some(n),
            _ => None,
        }
    }
}

/// All words of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text;
    let mut out = Vec::new();
    while let Some((token, after)) = next(rest) {
        out.extend(token);
        rest = after;
    }
    out
}

/// What operators are made of.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

/// The next word, `None` in its place for what is none, and what follows it.
fn next(rest: &str) -> Option<(Option<Token>, &str)> {
    let first = rest.chars().next()?;
    let cut = |n: usize| rest.get(n..).unwrap_or("");
    if first.is_whitespace() {
        return Some((None, rest.trim_start()));
    }
    if rest.starts_with("--") {
        return Some((None, rest.find(['\n', '\r']).map_or("", cut)));
    }
    if rest.starts_with("/*") {
        return Some((None, cut(comment(rest))));
    }
    if first == '\'' {
        let (text, after) = quoted(rest, '\'', false);
        return Some((Some(Token::Text(text)), after));
    }
    if first == '"' {
        let (name, after) = quoted(rest, '"', false);
        return Some((Some(Token::Name(name)), after));
    }
    if first == '$' {
        return Some(dollar(rest));
    }
    if first.is_ascii_digit() {
        let numeric = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let mut end = rest.find(|c| !numeric(c)).unwrap_or(rest.len());
        // `1..10` of a loop is two numbers.
        end = rest[..end].find("..").unwrap_or(end);
        return Some((Some(Token::Number(rest[..end].to_owned())), &rest[end..]));
    }
    if is_letter(first) {
        let end = rest.find(|c| !(is_letter(c) || c.is_ascii_digit() || c == '$')).unwrap_or(rest.len());
        let (word, after) = (&rest[..end], &rest[end..]);
        if after.starts_with('\'') && ["e", "b", "x", "n"].iter().any(|p| word.eq_ignore_ascii_case(p)) {
            let (text, after) = quoted(after, '\'', word.eq_ignore_ascii_case("e"));
            return Some((Some(Token::Text(text)), after));
        }
        return Some((Some(Token::Word(word.to_lowercase())), after));
    }
    if let Some(pair) = ["::", ":=", ".."].into_iter().find(|p| rest.starts_with(p)) {
        return Some((Some(Token::Sign(pair.to_owned())), &rest[2..]));
    }
    let mut end = rest.find(|c| !OPERATOR.contains(c)).unwrap_or(rest.len());
    // A comment ends an operator.
    end = ["--", "/*"].iter().filter_map(|c| rest[..end].find(c)).min().unwrap_or(end);
    let end = if end == 0 { first.len_utf8() } else { end };
    Some((Some(Token::Sign(rest[..end].to_owned())), &rest[end..]))
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// Length of a comment, comments in it included.
fn comment(rest: &str) -> usize {
    let (bytes, mut depth, mut at) = (rest.as_bytes(), 0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What lies between quotes, a doubled one being one, and what follows.
fn quoted(rest: &str, quote: char, escapes: bool) -> (String, &str) {
    let mut text = String::new();
    let mut chars = rest[1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.next_if(|n| n.1 == quote).is_none() {
                return (text, &rest[1 + at + 1..]);
            }
        } else if c == '\\' && escapes {
            if let Some((_, escaped)) = chars.next() {
                text.push(escaped);
            }
            continue;
        }
        text.push(c);
    }
    (text, "")
}

/// `$1`, `$$text$$`, `$tag$text$tag$`.
fn dollar(rest: &str) -> (Option<Token>, &str) {
    let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        return (Some(Token::Param(rest[..=digits].to_owned())), &rest[1 + digits..]);
    }
    let tag = rest[1..].find(|c| !(is_letter(c) || c.is_ascii_digit())).unwrap_or(rest.len() - 1);
    let mark = rest.get(..tag + 2).filter(|m| m.ends_with('$'));
    let Some(mark) = mark else {
        return (Some(Token::Sign("$".to_owned())), &rest[1..]);
    };
    let inside = &rest[mark.len()..];
    match inside.find(mark) {
        Some(end) => (Some(Token::Text(inside[..end].to_owned())), &inside[end + mark.len()..]),
        None => (Some(Token::Text(inside.to_owned())), ""),
    }
}

/// The text between brackets that match, where `tokens` begins with one and
/// ends with its partner.
pub fn inside(tokens: &[Token]) -> Option<&[Token]> {
    let (first, rest) = tokens.split_first()?;
    let (last, middle) = rest.split_last()?;
    if !first.is_sign("(") || !last.is_sign(")") {
        return None;
    }
    let mut depth = 0_i32;
    for token in middle {
        depth += nesting(token);
        if depth < 0 {
            return None;
        }
    }
    (depth == 0).then_some(middle)
}

/// 1 for what opens, -1 for what closes, else 0.
pub fn nesting(token: &Token) -> i32 {
    match token {
        Token::Sign(s) if s == "(" || s == "[" => 1,
        Token::Sign(s) if s == ")" || s == "]" => -1,
        Token::Word(w) if w == "case" => 1,
        Token::Word(w) if w == "end" => -1,
        _ => 0,
    }
}

/// Splits at tokens on the outermost level.
pub fn split(tokens: &[Token], at: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, token) in tokens.iter().enumerate() {
        if depth == 0 && at(token) {
            parts.push(&tokens[start..i]);
            start = i + 1;
        }
        depth += nesting(token);
    }
    parts.push(&tokens[start..]);
    parts
}

/// The names of a list as search_path is, as `SplitIdentifierString` of PostgreSQL reads
/// them: plain ones in lower case, quoted ones as they are.
pub fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut chars = quoted.char_indices().peekable();
            rest = "";
            while let Some((at, c)) = chars.next() {
                if c == '"' && chars.next_if(|n| n.1 == '"').is_none() {
                    rest = &quoted[at + 1..];
                    break;
                }
                name.push(c);
            }
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(rest.len());
            name = rest[..end].to_lowercase();
            rest = &rest[end..];
        }
        names.push(name);
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(w: &str) -> Token {
        Token::Word(w.into())
    }

    #[test]
    fn comments_are_no_words_and_strings_are_one() {
        let read = tokens("SELECT/* a /* b */ c */'it''s' -- x\n, $tag$ || $$ $tag$, $1, E'a\\'b', \"Na\"\"me\"");
        let sign = |s: &str| Token::Sign(s.into());
        let comma = || sign(",");
        let wanted = vec![
            word("select"),
            Token::Text("it's".into()),
            comma(),
            Token::Text(" || $$ ".into()),
            comma(),
            Token::Param("$1".into()),
            comma(),
            Token::Text("a'b".into()),
            comma(),
            Token::Name("Na\"me".into()),
        ];
        assert_eq!(read, wanted);
        assert_eq!(tokens("a:=b||c::text"), tokens("a := b || c :: text"));
        assert_eq!(tokens("1..10").len(), 3);
    }

    #[test]
    fn what_has_no_end_ends_the_text() {
        for open in ["'abc", "/* abc", "$$ abc", "\"abc", "$t$ abc $t"] {
            assert!(tokens(&format!("x {open} ; drop")).len() <= 2, "{open}");
        }
        assert_eq!(tokens("é$ £"), [word("é$"), word("£")]);
    }

    #[test]
    fn brackets_are_matched_by_level() {
        let t = tokens("(a) or (b)");
        assert!(inside(&t).is_none());
        assert_eq!(split(&t, |t| t.is("or")).len(), 2);
        let t = tokens("((a or b))");
        assert_eq!(split(inside(&t).unwrap(), |t| t.is("or")).len(), 1);
        assert_eq!(split(&tokens("case when a or b then c end or d"), |t| t.is("or")).len(), 2);
    }

    #[test]
    fn paths_are_read_as_the_server_reads_them() {
        assert_eq!(names(r#""$user", Public,"A ""b"", c" , pg_temp"#), ["$user", "public", "A \"b\", c", "pg_temp"]);
        assert_eq!(names(r#""""#), [""]);
        assert!(names("").is_empty() && names("  ").is_empty());
        assert_eq!(names("\"open"), ["open"]);
        assert_eq!(names("a,,b"), ["a", "", "b"]);
    }
}
