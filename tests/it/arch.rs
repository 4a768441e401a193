//! The rules of the source tree that no compiler holds: imports flow one way,
//! only the command line prints, `unsafe` has one home, files stay readable.
//!
//! The scan is textual and knows Rust's comments and strings. Test modules
//! (`#[cfg(test)]`) may import what they like.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `src/` in the order the data travels. A folder may import from
/// those above it; folders in one row do not know each other.
const FLOW: &[&[&str]] = &[
    &["error", "types"],
    &["sys"],
    &["config"],
    &["detect"],
    &["hba"],
    &["process"],
    &["keys"],
    &["source"],
    &["store"],
    &["pipeline"],
    &["manifest"],
    &["catalog"],
    &["backup", "verify", "restore"],
    &["scratch"],
    &["checks"],
    &["exposure"],
    &["report"],
    &["audit", "drill"],
    &["cli"],
];

/// Errors show values, values raise errors.
const MAY_KNOW_EACH_OTHER: &[(&str, &str)] = &[("error", "types"), ("types", "error")];

/// What `lib.rs` re-exports from `error`: `crate::Error` is `crate::error::Error`.
const RE_EXPORTED: &[&str] = &["Code", "Error", "Result", "Stage"];

const LONGEST_FILE: usize = 400;

/// Folders that work on a restored copy, or beside one that runs: what lies there
/// may be a link, a pipe, a device, or larger than memory. They read files with
/// `sys::plain_file` alone.
const NEAR_COPIES: &[&str] = &["scratch", "checks", "drill"];

/// Other ways to open a file.
const OPENS: &[&str] = &[
    "fs::read(",
    "fs::read_to_string(",
    "File::open(",
    "fs::copy(",
    "fs::write(",
    "OpenOptions::new(",
    "File::create(",
];

/// What may be opened otherwise, by file, with a word of the line, and why.
const OPENED_OTHERWISE: &[(&str, &str, &str)] = &[
    ("checks/canary.rs", "File::open(path)", "the operator's file"),
    ("drill/host.rs", "process.join(\"comm\")", "the kernel's file"),
    ("scratch/cluster.rs", "std::fs::write(&path, text)", "into a directory of ours"),
    ("scratch/files.rs", "std::fs::write(&path, text)", "into a directory of ours"),
    ("scratch/jail.rs", "sys.join(file)", "the kernel's file"),
    ("scratch/procfs.rs", "entry.path().join(\"status\")", "the kernel's file"),
    ("scratch/probe/canary.rs", "create_new(true)", "made, never opened"),
    ("scratch/sanitise.rs", "create_new(true)", "made, never opened"),
];

fn row(folder: &str) -> Option<usize> {
    FLOW.iter().position(|r| r.contains(&folder))
}

/// The file's code: comments and the contents of strings blanked, line ends kept.
fn code_of(text: &str) -> String {
    let b = text.as_bytes();
    let mut out = vec![b' '; b.len()];
    let mut i = 0;
    while i < b.len() {
        let rest = &b[i..];
        // Length of a token whose content is no code, if one starts here.
        let skip = if rest.starts_with(b"//") {
            rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            let (mut depth, mut j) = (0, 0);
            while j < rest.len() {
                if rest[j..].starts_with(b"/*") {
                    depth += 1;
                    j += 2;
                } else if rest[j..].starts_with(b"*/") {
                    depth -= 1;
                    j += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    j += 1;
                }
            }
            j
        } else if let Some(n) = raw_string(b, i) {
            n
        } else if rest[0] == b'"' {
            quoted(rest, b'"').unwrap_or(rest.len())
        } else if rest[0] == b'\'' {
            // A character; a lifetime has no closing quote right behind it.
            match quoted(rest, b'\'') {
                Some(n) if n <= 12 && (rest[1] == b'\\' || text[i + 1..].chars().nth(1) == Some('\'')) => n,
                _ => 0,
            }
        } else {
            0
        };
        if skip == 0 {
            out[i] = b[i];
            i += 1;
        } else {
            for j in i..(i + skip).min(b.len()) {
                if b[j] == b'\n' {
                    out[j] = b'\n';
                }
            }
            i += skip;
        }
    }
    // Outside comments and strings Rust code of this project is ASCII.
    out.iter().map(|c| if c.is_ascii() { *c as char } else { ' ' }).collect()
}

/// Length of a raw string that starts at `i`.
fn raw_string(b: &[u8], i: usize) -> Option<usize> {
    let before = i.checked_sub(1).map_or(b' ', |j| b[j]);
    let in_word = before.is_ascii_alphanumeric() || before == b'_';
    let rest = b[i..].strip_prefix(b"r").filter(|_| !in_word || before == b'b')?;
    let hashes = rest.iter().take_while(|c| **c == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = &rest[hashes + 1..];
    let end = body.windows(close.len()).position(|w| w == close)?;
    Some(1 + hashes + 1 + end + close.len())
}

/// Length of the quoted token at the start of `rest`, with its quotes.
fn quoted(rest: &[u8], quote: u8) -> Option<usize> {
    let mut j = 1;
    while j < rest.len() {
        match rest[j] {
            b'\\' => j += 2,
            c if c == quote => return Some(j + 1),
            _ => j += 1,
        }
    }
    None
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(test)]").map(|n| n + from) {
        let after = at + "#[cfg(test)]".len();
        let end = match code[after..].find([';', '{']).map(|n| n + after) {
            Some(n) if code.as_bytes()[n] == b';' => n + 1,
            Some(open) => {
                let mut depth = 0usize;
                let closing = code[open..].bytes().position(|c| {
                    match c {
                        b'{' => depth += 1,
                        b'}' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                closing.map_or(code.len(), |n| open + n + 1)
            }
            None => code.len(),
        };
        for c in &mut out[at..end] {
            if *c != b'\n' {
                *c = b' ';
            }
        }
        from = end;
    }
    String::from_utf8(out).unwrap()
}

/// First names after each `crate::` (also of `use crate::{a::x, b}`), with their lines.
fn imports(code: &str) -> Vec<(usize, String)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == '$') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let tail = code[at + "crate::".len()..].trim_start();
        let Some(group) = tail.strip_prefix('{') else {
            found.push((line, tail.chars().take_while(|c| is_word(*c)).collect()));
            continue;
        };
        let (mut depth, mut name, mut naming) = (0usize, String::new(), true);
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push((line, std::mem::take(&mut name)));
                    naming = true;
                }
                c if naming && depth == 0 && is_word(c) => name.push(c),
                c if !c.is_whitespace() => naming = false,
                _ => {}
            }
        }
        if !name.is_empty() {
            found.push((line, name));
        }
    }
    found
}

/// Everything that is wrong with one file; `path` is relative to `src/`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let code = without_tests(&code_of(text));
    let folder = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    let is_root = matches!(path, "lib.rs" | "main.rs");

    match row(folder) {
        None if !is_root => wrong.push(format!("{path}: the folder has no place in FLOW")),
        Some(mine) => {
            for (line, name) in imports(&code) {
                let target = if RE_EXPORTED.contains(&name.as_str()) { "error" } else { name.as_str() };
                let allowed = target == folder
                    || MAY_KNOW_EACH_OTHER.contains(&(folder, target))
                    || row(target).is_some_and(|theirs| theirs < mine);
                if !allowed {
                    wrong.push(format!("{path}:{line}: `{folder}` must not know `{name}`"));
                }
            }
        }
        None => {}
    }

    let prints = folder == "cli" || path == "main.rs";
    for (number, line) in code.lines().enumerate() {
        let number = number + 1;
        let has = |word: &str| {
            line.match_indices(word).any(|(at, _)| {
                let edge = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
                edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next())
            })
        };
        if !prints && ["println!", "eprintln!", "print!", "eprint!"].iter().any(|m| has(m)) {
            wrong.push(format!("{path}:{number}: only src/cli prints"));
        }
        if !prints && ["clap", "clap_complete", "clap_mangen"].iter().any(|m| has(m)) {
            wrong.push(format!("{path}:{number}: only src/cli knows clap"));
        }
        let raw = text.lines().nth(number - 1).unwrap_or_default();
        let opens = NEAR_COPIES.contains(&folder) && OPENS.iter().any(|o| line.contains(o));
        let known = |(file, word, _): &(&str, &str, &str)| path == *file && raw.contains(word);
        if opens && !raw.contains("(\"/proc/") && !OPENED_OTHERWISE.iter().any(known) {
            wrong.push(format!("{path}:{number}: files near a copy are opened by sys::plain_file only"));
        }
        if path != "sys.rs" && has("unsafe") {
            wrong.push(format!("{path}:{number}: `unsafe` lives in src/sys.rs only"));
        }
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!("{path}: {lines} lines; a file has at most {LONGEST_FILE}: split it"));
    }
    wrong
}

fn rust_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_source_tree_keeps_its_rules() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "found only {} files in {}", files.len(), src.display());
    let mut report = String::new();
    for file in files {
        let path = file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        for wrong in violations(&path, &fs::read_to_string(&file).unwrap()) {
            writeln!(report, "{wrong}").unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn planted_violations_are_found() {
    let planted = [
        ("store/fs.rs", "use crate::manifest::Manifest;", "must not know `manifest`"),
        ("backup/run.rs", "use crate::{\n    error::Error,\n    restore::{self, Plan},\n};", "must not know `restore`"),
        ("types/ids.rs", "fn f() -> crate::config::Config {}", "must not know `config`"),
        ("keys/mod.rs", "use crate::Nowhere;", "must not know `Nowhere`"),
        ("colour/mod.rs", "", "no place in FLOW"),
        ("drill/run.rs", "fn f() { eprintln!(\"x\"); }", "only src/cli prints"),
        ("report/text.rs", "use clap::Parser;", "only src/cli knows clap"),
        ("process/tool.rs", "fn f() { unsafe { g() } }", "`unsafe` lives in src/sys.rs only"),
        ("report/long.rs", &"//\n".repeat(401), "at most 400"),
        ("scratch/x.rs", "fn f() { std::fs::read(data.join(\"PG_VERSION\")) }", "sys::plain_file only"),
        ("checks/x.rs", "use std::fs; fn f() { fs::read_to_string(path) }", "sys::plain_file only"),
        ("drill/x.rs", "fn f() { File::open(&path) }", "sys::plain_file only"),
        ("scratch/jail.rs", "fn f() { std::fs::read_to_string(data) }", "sys::plain_file only"),
        // Behind a test module the rules hold again, and a quote does not hide code.
        ("store/s3.rs", "#[cfg(test)]\nmod tests { use crate::cli; }\nuse crate::catalog::Find;", "s3.rs:3:"),
        ("store/s3.rs", "const Q: char = '\"'; use crate::cli; const P: char = '\"';", "must not know `cli`"),
        ("store/s3.rs", "fn f<'a>(x: &'a str) { crate::drill::g('\\'') }", "must not know `drill`"),
    ];
    for (path, text, expected) in planted {
        let found = violations(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        assert!(found[0].contains(expected), "{found:?} does not say {expected}");
    }
}

#[test]
fn what_is_allowed_raises_nothing() {
    let allowed = [
        ("manifest/chain.rs", "use crate::{Error, Result};\nuse crate::{store::Store, types::{Digest, Kind}};"),
        ("error.rs", "fn f() { crate::types::shown(\"x\"); }"),
        ("types/ids.rs", "pub fn f() -> crate::Result<()> { Err(crate::Error::internal(\"x\")) }"),
        ("lib.rs", "pub use cli::main;"),
        ("cli/mod.rs", "use clap::Parser; fn f() { println!(\"x\"); crate::drill::run() }"),
        (
            "store/fs.rs",
            "//! unsafe println! crate::cli\n/* clap /* crate::drill */ */ const S: &str = \"crate::cli unsafe\";",
        ),
        ("store/fs.rs", "const S: &str = r#\"eprintln!(\" crate::cli \")\"#; const B: &[u8] = b\"unsafe \\\" clap\";"),
        ("store/fs.rs", "#[cfg(test)]\nmod tests {\n    use crate::cli;\n    fn f() { println!(\"{}\", 1); }\n}"),
        ("store/fs.rs", "fn f() { $crate::cli::x(); my_crate::cli(); not_unsafe(); }"),
        ("sys.rs", "unsafe fn f() {}"),
        (
            "scratch/x.rs",
            "fn f() { std::fs::read_to_string(\"/proc/self/status\"); plain_file::read_below(d, \"x\", 1); }",
        ),
        ("scratch/x.rs", "fn f() { std::fs::read_to_string(format!(\"/proc/{pid}/comm\")) }"),
        ("keys/x.rs", "fn f() { std::fs::read(path) }"),
        ("drill/x.rs", "#[cfg(test)]\nmod tests { fn f() { std::fs::write(p, \"x\") } }"),
    ];
    for (path, text) in allowed {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
