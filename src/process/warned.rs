//! What a child warned of.
//!
//! Read line by line as it comes, so that nothing that is said afterwards can push
//! a warning out of the end of stderr that is kept. Children run with `LC_ALL=C`,
//! so their own words are English; those of a server are in its `lc_messages`.

/// Longest line that is looked at; of a longer one the beginning.
const LINE: usize = 1024;

/// Longest name of a program or severity, in bytes.
const NAME: usize = 80;

/// Different warnings that are kept; more are counted.
const KEPT: usize = 64;

/// Severities that are no warning, and the parts of a message that libpq names
/// (PostgreSQL source, `pqBuildErrorMessage3`).
const OTHERS: [&str; 13] = [
    "DEBUG",
    "LOG",
    "INFO",
    "NOTICE",
    "ERROR",
    "FATAL",
    "PANIC",
    "DETAIL",
    "HINT",
    "CONTEXT",
    "QUERY",
    "STATEMENT",
    "LOCATION",
];

/// Who warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The program: `pg_dump: warning: …`.
    Program,
    /// The server: `WARNING:  …`.
    Server,
    /// The server, in a language that we do not know: it may be less than a warning.
    Foreign,
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Who says it.
    pub speaker: Speaker,
    /// Its first line. Names in it were chosen by users of the server.
    pub text: String,
}

/// Warnings in the order in which they came, each once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Warnings {
    /// The first ones.
    pub kept: Vec<Warning>,
    /// Lines that came after these.
    pub more: u64,
}

/// Finds them in bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    line: Vec<u8>,
    found: Warnings,
}

impl Scanner {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.part_of_line(&rest[..end]);
            self.found.take(&self.line);
            self.line.clear();
            rest = &rest[end + 1..];
        }
        self.part_of_line(rest);
    }

    fn part_of_line(&mut self, text: &[u8]) {
        self.line.extend_from_slice(&text[..text.len().min(LINE.saturating_sub(self.line.len()))]);
    }

    /// What was found so far, with a last line that has no end.
    pub(super) fn warnings(&self) -> Warnings {
        let mut found = self.found.clone();
        found.take(&self.line);
        found
    }
}

impl Warnings {
    fn take(&mut self, line: &[u8]) {
        // Most of a flood is none.
        if memchr::memchr(b':', &line[..line.len().min(NAME)]).is_none() {
            return;
        }
        let Some(warning) = read(&String::from_utf8_lossy(line)) else { return };
        if self.kept.contains(&warning) {
        } else if self.kept.len() < KEPT {
            self.kept.push(warning);
        } else {
            self.more += 1;
        }
    }
}

fn read(line: &str) -> Option<Warning> {
    let (who, said) = line.trim_end().split_once(':')?;
    let warning = |speaker, text: &str| Some(Warning { speaker, text: text.trim_start().to_owned() });
    if is_severity(who) {
        return of_server(who, said).and_then(|speaker| warning(speaker, said));
    }
    if who.is_empty() || who.contains(char::is_whitespace) {
        return None;
    }
    if let Some(text) = said.strip_prefix(" warning: ") {
        return warning(Speaker::Program, text);
    }
    // Some put their name before what the server says.
    let (who, said) = said.strip_prefix(' ')?.split_once(':')?;
    of_server(who, said).and_then(|speaker| warning(speaker, said))
}

fn of_server(severity: &str, said: &str) -> Option<Speaker> {
    match severity {
        "WARNING" => Some(Speaker::Server),
        _ if is_severity(severity) && said.starts_with("  ") && !OTHERS.contains(&severity) => Some(Speaker::Foreign),
        _ => None,
    }
}

/// One word without small letters, as severities are in every language.
fn is_severity(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphabetic() && !c.is_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, step: usize) -> Warnings {
        let mut scanner = Scanner::default();
        text.as_bytes().chunks(step).for_each(|c| scanner.push(c));
        scanner.warnings()
    }

    #[test]
    fn warnings_are_found_in_every_form() {
        let said = "pg_dump: warning: there are circular foreign-key constraints on this table:\n\
            pg_dump: detail: t\npg_dump: hint: Consider.\nNOTICE:  WARNING:  no\nWARNING:  skipping special file \"./a\"\n\
            DETAIL:  WARNING:  no\npg_dump: error: x\nWARNUNG:  überspringe »./a«\nLINE 1: SELECT\n警告:  x\n\
            pg_restore: connecting to database\nWARNING: password file \"x\" is not a plain file\n\
            WARNING:  skipping special file \"./a\"\npg_restore: WARNING:  no privileges\npg_dump: NOTICE:  x\n\
            pg_dump: WARNUNG:  y\nWARNING:  the last";
        for step in [1, 7, 10_000] {
            let found = of(said, step);
            let seen: Vec<_> = found.kept.iter().map(|w| (w.speaker, w.text.as_str())).collect();
            assert_eq!(
                seen,
                [
                    (Speaker::Program, "there are circular foreign-key constraints on this table:"),
                    (Speaker::Server, "skipping special file \"./a\""),
                    (Speaker::Foreign, "überspringe »./a«"),
                    (Speaker::Foreign, "x"),
                    (Speaker::Server, "password file \"x\" is not a plain file"),
                    (Speaker::Server, "no privileges"),
                    (Speaker::Foreign, "y"),
                    (Speaker::Server, "the last"),
                ]
            );
        }
    }

    #[test]
    fn a_flood_neither_hides_nor_fills() {
        let mut scanner = Scanner::default();
        scanner.push(b"WARNING:  first\n");
        for i in 0..1000 {
            scanner.push(format!("WARNING:  {i} {}\n", "x".repeat(100_000)).as_bytes());
            scanner.push(b"WARNING:  first\n");
        }
        let found = scanner.warnings();
        assert_eq!((found.kept[0].text.as_str(), found.kept.len(), found.more), ("first", KEPT, 1001 - KEPT as u64));
        assert!(found.kept.iter().all(|w| w.text.len() <= LINE));
    }
}
