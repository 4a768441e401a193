//! Lines and tokens, as the server cuts them.

/// Before 16 a token had to fit a buffer of this size.
const OLD_TOKEN: usize = 10_240;

/// Before 14 a line had to fit a buffer of this size.
const OLD_LINE: usize = 8_192;

/// A line with its continuations.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logical {
    /// Number of its first line, from 1.
    pub(super) number: u32,
    /// Without line end.
    pub(super) text: String,
    /// Longer than the server reads.
    pub(super) too_long: bool,
}

/// A word of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Without its quotes; the path where the token is `missing`.
    pub(super) text: String,
    /// A quote stands before its first character, so it is no keyword.
    pub(super) quoted: bool,
    /// Stands for all words of a file that was not captured.
    pub(super) missing: bool,
}

/// Puts together lines that end in a backslash (since 14), and drops line ends.
pub(super) fn logical(text: &str, major: u32) -> Vec<Logical> {
    let mut out = Vec::new();
    let mut number = 1u32;
    let mut physical = text.split('\n');
    while let Some(first) = physical.next() {
        let too_long = major < 14 && first.len() + 1 >= OLD_LINE - 1;
        let mut line = strip(until_nul(first)).to_owned();
        let mut last = 0;
        let mut continued = 0;
        // The backslash must come after the last one that continued a line.
        while major >= 14 && line.len() > last && line.ends_with('\\') {
            line.pop();
            last = line.len();
            continued += 1;
            let Some(next) = physical.next() else { break };
            line.push_str(until_nul(next));
            line.truncate(strip(&line).len());
        }
        out.push(Logical { number, text: line, too_long });
        number = number.saturating_add(continued + 1);
    }
    out
}

/// The server handles lines as C strings.
fn until_nul(line: &str) -> &str {
    line.split('\0').next().unwrap_or_default()
}

fn strip(line: &str) -> &str {
    line.trim_end_matches('\r')
}

/// What [`Cutter::next`] found.
pub(super) struct Cut {
    pub(super) text: String,
    /// A quote stands before the first character.
    pub(super) quoted: bool,
    /// A comma stands behind it: the field goes on.
    pub(super) comma: bool,
}

/// Takes tokens off a line.
pub(super) struct Cutter<'a> {
    rest: &'a str,
    limit: usize,
}

impl<'a> Cutter<'a> {
    /// For the rules of a major version.
    pub(super) fn new(line: &'a str, major: u32) -> Self {
        Self { rest: line, limit: if major < 16 { OLD_TOKEN } else { usize::MAX } }
    }

    /// Whether the line is used up.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next token; `None` at the end of the line or before a comment.
    ///
    /// # Errors
    /// The token is longer than the server reads.
    pub(super) fn next(&mut self) -> Result<Option<Cut>, String> {
        let mut cut = Cut { text: String::new(), quoted: false, comma: false };
        let (mut inside, mut was_quote, mut saw_quote) = (false, false, false);
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', ',']);
        let mut chars = self.rest.char_indices();
        let end = loop {
            let Some((at, c)) = chars.next() else { break self.rest.len() };
            match c {
                ' ' | '\t' | '\r' if !inside => break at,
                '#' if !inside => break self.rest.len(),
                _ if cut.text.len() + 1 >= self.limit => return Err("a word is too long".into()),
                ',' if !inside => {
                    cut.comma = true;
                    break at + 1;
                }
                _ => {}
            }
            if c != '"' || was_quote {
                cut.text.push(c);
            }
            was_quote = inside && c == '"' && !was_quote;
            if c == '"' {
                inside = !inside;
                saw_quote = true;
                cut.quoted |= cut.text.is_empty();
            }
        };
        self.rest = &self.rest[end..];
        Ok((saw_quote || !cut.text.is_empty()).then_some(cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, major: u32) -> Vec<(u32, String)> {
        logical(text, major).into_iter().filter(|l| !l.text.is_empty()).map(|l| (l.number, l.text)).collect()
    }

    fn tokens(line: &str) -> Vec<String> {
        let mut cutter = Cutter::new(line, 16);
        let mut out = Vec::new();
        while let Some(cut) = cutter.next().unwrap() {
            out.push(format!("{}{}{}", if cut.quoted { "q:" } else { "" }, cut.text, if cut.comma { "," } else { "" }));
        }
        out
    }

    #[test]
    fn lines_go_on_behind_a_backslash_since_14() {
        let text = "a\\\nb\r\n\\\\\n\nc \\";
        assert_eq!(lines(text, 14), [(1, "ab".into()), (3, "\\".into()), (5, "c ".into())]);
        assert_eq!(lines("a\\\nb", 13), [(1, "a\\".into()), (2, "b".into())]);
        assert_eq!(lines("a\0b\nc", 15), [(1, "a".into()), (2, "c".into())]);
    }

    #[test]
    fn only_13_has_a_longest_line() {
        let long = "x".repeat(8190);
        assert!(logical(&long, 13)[0].too_long);
        assert!(!logical(&long[1..], 13)[0].too_long);
        assert!(!logical(&long, 14)[0].too_long);
    }

    #[test]
    fn quotes_commas_and_comments_are_cut_like_the_server_does() {
        assert_eq!(tokens("host all , a,b #c"), ["host", "all", "a,", "b"]);
        assert_eq!(tokens(r#""a b,c#d" x"y z" "" """" "a""b""#), ["q:a b,c#d", "xy z", "q:", "q:\"", "q:a\"b"]);
        // A quote that is not closed takes the rest of the line.
        assert_eq!(tokens(r#"a "b c"#), ["a", "q:b c"]);
        assert_eq!(tokens("a,"), ["a,"]);
        assert_eq!(tokens("  # nothing"), Vec::<String>::new());
        assert_eq!(tokens("a#b"), ["a"]);
    }

    #[test]
    fn tokens_have_a_longest_before_16() {
        let long = "x".repeat(OLD_TOKEN);
        assert!(Cutter::new(&long, 15).next().is_err());
        assert!(Cutter::new(&long[1..], 15).next().is_ok());
        assert!(Cutter::new(&long, 16).next().is_ok());
    }
}
