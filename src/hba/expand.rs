//! Files inside of files: `@file`, `include`, `include_if_exists`, `include_dir`.

use std::collections::BTreeSet;

use super::files::{Captured, Files, MOST_BYTES, MOST_DEPTH, MOST_LINES, Wanted, beside};
use super::lines::{Cutter, Token, logical};

/// Words of all files together.
const MOST_TOKENS: usize = 1_000_000;

/// A line with its words, by field.
pub(super) struct Line {
    pub(super) file: String,
    pub(super) number: u32,
    pub(super) fields: Vec<Vec<Token>>,
    /// What is wrong with it already.
    pub(super) error: Option<String>,
}

/// What a file consists of.
pub(super) enum Item {
    /// A line that is neither empty nor an include.
    Line(Line),
    /// An include that was not captured.
    Missing { file: String, number: u32, path: String, reason: String },
}

/// All lines of the main file and of what it includes, in order.
pub(super) fn expand(files: &Files, major: u32) -> Vec<Item> {
    Reader::new(files, major).main()
}

/// What the files name and nobody looked at yet.
pub(super) fn wanted(files: &Files, major: u32) -> Vec<Wanted> {
    let mut reader = Reader::new(files, major);
    reader.main();
    reader.wanted.into_iter().collect()
}

/// A file that a line asks for.
enum Opened<'a> {
    Text(&'a str),
    Missing(String),
    Absent,
}

struct Reader<'a> {
    files: &'a Files,
    major: u32,
    wanted: BTreeSet<Wanted>,
    /// What may still be read; a file counts each time it is opened.
    bytes: usize,
    lines: usize,
    tokens: usize,
}

impl<'a> Reader<'a> {
    fn new(files: &'a Files, major: u32) -> Self {
        Self { files, major, wanted: BTreeSet::new(), bytes: MOST_BYTES, lines: MOST_LINES, tokens: MOST_TOKENS }
    }

    fn main(&mut self) -> Vec<Item> {
        let path = self.files.main().to_owned();
        let mut items = Vec::new();
        match self.open(&path, 0) {
            Ok(Opened::Text(text)) => self.file(&path, text, 0, &mut items),
            Ok(Opened::Missing(reason)) => items.push(Item::Missing { file: path.clone(), number: 0, path, reason }),
            Ok(Opened::Absent) => items.push(broken(&path, 0, "the file does not exist".into())),
            Err(error) => items.push(broken(&path, 0, error)),
        }
        items
    }

    fn open(&mut self, path: &str, depth: usize) -> Result<Opened<'a>, String> {
        if depth > MOST_DEPTH {
            return Err(format!("files include files more than {MOST_DEPTH} deep"));
        }
        match self.files.get(path) {
            Some(Captured::Text(text)) => {
                self.bytes = self.bytes.checked_sub(text.len()).ok_or("the files are too large together")?;
                Ok(Opened::Text(text))
            }
            Some(Captured::Absent) => Ok(Opened::Absent),
            Some(Captured::Unread(reason)) => Ok(Opened::Missing(reason.clone())),
            Some(Captured::Names(_)) => Err("a directory is read as a file".into()),
            None => {
                self.wanted.insert(Wanted { path: path.to_owned(), directory: false });
                Ok(Opened::Missing("it was not captured".into()))
            }
        }
    }

    fn file(&mut self, path: &str, text: &str, depth: usize, into: &mut Vec<Item>) {
        for line in logical(text, self.major) {
            if self.lines == 0 {
                return into.push(broken(path, line.number, "there are too many lines".into()));
            }
            self.lines -= 1;
            let (fields, mut error) = self.fields(path, &line.text, depth);
            if line.too_long {
                error = Some("the line is too long".into());
            }
            if fields.is_empty() && error.is_none() {
                continue;
            }
            if let (None, [first, second], 16..) = (&error, fields.as_slice(), self.major) {
                match self.include(path, line.number, &first[0], &second[0], depth, into) {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(message) => error = Some(message),
                }
            }
            into.push(Item::Line(Line { file: path.to_owned(), number: line.number, fields, error }));
        }
    }

    /// Cuts a line into fields. No field is empty: one whose files hold nothing is not there.
    fn fields(&mut self, path: &str, line: &str, depth: usize) -> (Vec<Vec<Token>>, Option<String>) {
        let mut fields = Vec::new();
        let mut cutter = Cutter::new(line, self.major);
        while !cutter.is_done() {
            let mut field = Vec::new();
            loop {
                let cut = match cutter.next() {
                    Ok(Some(cut)) => cut,
                    Ok(None) => break,
                    Err(message) => return (fields, Some(message)),
                };
                let comma = cut.comma;
                let added = match cut.text.strip_prefix('@').filter(|name| !cut.quoted && !name.is_empty()) {
                    Some(name) => self.words_of(path, name, depth + 1),
                    None => Ok(vec![Token { text: cut.text, quoted: cut.quoted, missing: false }]),
                };
                match added {
                    Ok(tokens) if tokens.len() <= self.tokens => {
                        self.tokens -= tokens.len();
                        field.extend(tokens);
                    }
                    Ok(_) => return (fields, Some("there are too many words".into())),
                    Err(message) => return (fields, Some(message)),
                }
                if !comma {
                    break;
                }
            }
            if !field.is_empty() {
                fields.push(field);
            }
        }
        (fields, None)
    }

    /// All words of a file behind an `@`.
    fn words_of(&mut self, from: &str, name: &str, depth: usize) -> Result<Vec<Token>, String> {
        let path = beside(from, name);
        let mut items = Vec::new();
        match self.open(&path, depth)? {
            Opened::Text(text) => self.file(&path, text, depth, &mut items),
            Opened::Missing(_) => return Ok(vec![missing(path)]),
            Opened::Absent => return Err("a file behind an @ does not exist".into()),
        }
        let mut tokens = Vec::new();
        for item in items {
            match item {
                Item::Line(Line { error: Some(error), .. }) => return Err(error),
                Item::Line(line) => tokens.extend(line.fields.into_iter().flatten()),
                Item::Missing { path, .. } => tokens.push(missing(path)),
            }
        }
        Ok(tokens)
    }

    /// Follows an include; `false` where the line is none.
    fn include(
        &mut self,
        from: &str,
        number: u32,
        word: &Token,
        name: &Token,
        depth: usize,
        into: &mut Vec<Item>,
    ) -> Result<bool, String> {
        if word.missing || !matches!(word.text.as_str(), "include" | "include_if_exists" | "include_dir") {
            return Ok(false);
        }
        let miss = |path: String, reason: String| Item::Missing { file: from.to_owned(), number, path, reason };
        if name.missing {
            into.push(miss(name.text.clone(), "it was not captured".into()));
            return Ok(true);
        }
        let path = beside(from, &name.text);
        if word.text != "include_dir" {
            self.included(&path, depth + 1, word.text == "include_if_exists", &miss, into)?;
            return Ok(true);
        }
        if name.text.trim().is_empty() {
            return Err("the name of the directory is empty".into());
        }
        let mut names = match self.files.get(&path) {
            Some(Captured::Names(names)) => names.clone(),
            Some(Captured::Text(_) | Captured::Absent) => return Err("the directory does not exist".into()),
            Some(Captured::Unread(reason)) => {
                into.push(miss(path, reason.clone()));
                return Ok(true);
            }
            None => {
                self.wanted.insert(Wanted { path: path.clone(), directory: true });
                into.push(miss(path, "it was not captured".into()));
                return Ok(true);
            }
        };
        // Upper case is another ending to the server.
        let taken = |n: &str| n.strip_suffix(".conf").is_some_and(|stem| !stem.is_empty()) && !n.starts_with('.');
        names.retain(|n| taken(n) && !n.contains('/'));
        names.sort_unstable();
        names.dedup();
        let mut failed = Ok(true);
        for name in names {
            let path = format!("{path}/{name}");
            if matches!(self.files.get(&path), Some(Captured::Names(_))) {
                continue;
            }
            if let Err(message) = self.included(&path, depth + 1, false, &miss, into) {
                failed = Err(message);
            }
        }
        failed
    }

    fn included(
        &mut self,
        path: &str,
        depth: usize,
        if_exists: bool,
        miss: &dyn Fn(String, String) -> Item,
        into: &mut Vec<Item>,
    ) -> Result<(), String> {
        match self.open(path, depth)? {
            Opened::Text(text) => self.file(path, text, depth, into),
            Opened::Missing(reason) => into.push(miss(path.to_owned(), reason)),
            Opened::Absent if if_exists => {}
            Opened::Absent => return Err("an included file does not exist".into()),
        }
        Ok(())
    }
}

fn missing(path: String) -> Token {
    Token { text: path, quoted: false, missing: true }
}

fn broken(file: &str, number: u32, error: String) -> Item {
    Item::Line(Line { file: file.to_owned(), number, fields: Vec::new(), error: Some(error) })
}
