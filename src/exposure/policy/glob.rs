//! Patterns of objects: `*` is any text, `?` one character, `\` takes what
//! follows as it is.

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Any,
}

/// Longest pattern in characters.
const LONGEST: usize = 1_000;

/// Words of our own in objects: alone they name nothing but a kind.
const KINDS: [&str; 44] = [
    "role",
    "roles",
    "member",
    "of",
    "database",
    "databases",
    "schema",
    "table",
    "view",
    "materialized",
    "foreign",
    "column",
    "sequence",
    "function",
    "procedure",
    "aggregate",
    "routine",
    "trigger",
    "event",
    "policy",
    "rule",
    "index",
    "type",
    "language",
    "extension",
    "server",
    "user",
    "mapping",
    "for",
    "on",
    "publication",
    "subscription",
    "setting",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
    "local",
    "password",
    "file",
    "replica",
    "all",
    "public",
];

impl Glob {
    /// Reads one.
    ///
    /// # Errors
    /// Where it is too long, ends in `\`, or would fit everything of its kind: a
    /// waiver is for something that somebody looked at.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("the pattern is longer than {LONGEST} characters"));
        }
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' if parts.last() == Some(&Part::Any) => continue,
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Char(chars.next().ok_or("the pattern ends in a backslash")?),
                c => Part::Char(c),
            });
        }
        let literal: String = parts.iter().map(|p| if let Part::Char(c) = p { *c } else { ' ' }).collect();
        let mut words = literal.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
        if words.all(|w| KINDS.contains(&w)) {
            return Err("the pattern fits everything of its kind; name what was looked at".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it fits. Takes at most pattern times text steps.
    pub fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut p, mut t) = (0, 0);
        // Where the last `*` stands, and up to where it has taken the text.
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.parts.get(p) {
                Some(Part::Any) => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(Part::One) => (p, t) = (p + 1, t + 1),
                Some(Part::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        (p, t) = (at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        self.parts[p..].iter().all(|part| *part == Part::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_as_shells_do() {
        for (pattern, text, fits) in [
            ("role app", "role app", true),
            ("role app", "role app2", false),
            ("role app*", "role app", true),
            ("role app?", "role app2", true),
            ("role app?", "role app", false),
            ("*: table audit.*", "database shop: table audit.log", true),
            ("*: table audit.*", "database shop: table public.log", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("host \\* app", "host * app", true),
            ("host \\* app", "host x app", false),
            ("x*\n*é", "x\nyé", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().fits(text), fits, "{pattern} {text}");
        }
        let slow = Glob::new(&format!("{}b", "a*".repeat(400))).unwrap();
        assert!(!slow.fits(&"a".repeat(2_000)));
    }

    #[test]
    fn what_fits_everything_of_a_kind_is_refused() {
        for bad in ["", "*", "?*", "role *", "database *: table *.*", "*.*", "host * * *", "setting *", "x\\"] {
            assert!(Glob::new(bad).is_err(), "{bad}");
        }
        assert!(Glob::new(&"x".repeat(LONGEST + 1)).is_err());
        assert!(Glob::new("role app_*").is_ok() && Glob::new("database shop: *").is_ok());
    }
}
