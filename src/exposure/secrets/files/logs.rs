//! EXP-SECR-007: secrets in logs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::on_disk;
use super::tree::{Entry, Tree};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::secrets::{Files, Spotted};
use crate::exposure::{About, Blind, Collector, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-SECR-007",
        title: "no log in the data directory holds a secret",
        severity: Severity::Medium,
        planes: &[Plane::Copy],
        guide: &[10, 18, 25],
        refs: &["SRG-APP-000118"],
        why: "Logs hold statements as they were typed: ALTER ROLE … PASSWORD '…', connection strings, keys in a \
              failing INSERT. A log directory inside the data directory puts them into every base backup.",
        inspects: "Files of log and pg_log in the restored copy, and the texts that pg_stat_statements keeps: \
                   PASSWORD '…', private keys, tokens, URLs and connection strings with passwords.",
        remedy: "Set log_directory to a path outside the data directory, set passwords with \\password (psql sends \
                 a verifier), keep log_statement off around such statements (SET LOCAL log_statement = 'none'), and \
                 change the passwords that were logged.",
        false_positives: "Passwords of roles that are gone. Masked values are not reported.",
        source: "PostgreSQL manual, \"Error Reporting and Logging\"; ALTER ROLE (notes on the password in clear text)",
    },
    look: Look::Files(look),
};

/// How much of one file, and of all together, is read, bytes.
const LONGEST: u64 = 256 * 1024 * 1024;
const ALTOGETHER: u64 = 2 * 1024 * 1024 * 1024;
/// Longest piece of a log that is looked at as one, bytes.
const PIECE: u64 = 1024 * 1024;
/// How much of a line that is longer than a piece is looked at again, bytes.
const OVERLAP: usize = 4096;

/// Whether a file is one of the server's logs.
pub(super) fn is_log(path: &Path) -> bool {
    let top = path.iter().next().unwrap_or_default();
    let ends = |e: &str| path.extension().is_some_and(|x| x.eq_ignore_ascii_case(e));
    path.components().count() > 1 && (top == "log" || top == "pg_log") && (ends("log") || ends("csv") || ends("json"))
}

/// Whether it holds what pg_stat_statements saw.
fn is_statements(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name == "pgss_query_texts.stat" || name == "pg_stat_statements.stat"
}

fn look<'a>(files: &'a Files<'a>) -> Looking<'a> {
    Box::pin(see(files))
}

async fn see(files: &Files<'_>) -> Result<Seen, Blind> {
    let data = files.data_dir.to_owned();
    let key = files.collector.map(|c| *c.key());
    let looked = on_disk(move || Looked::at(&data, key.as_ref())).await?;
    Ok(looked.told(files.collector))
}

#[derive(Default)]
struct Looked {
    files: usize,
    open: Vec<String>,
    /// By what it is: what was seen, and the names of files.
    found: BTreeMap<String, (Spotted, Vec<String>)>,
}

impl Looked {
    fn at(data: &Path, key: Option<&[u8; 32]>) -> Self {
        let mut looked = Self::default();
        let Ok(tree) = Tree::open(data) else {
            looked.open.push("the data directory could not be opened".to_owned());
            return looked;
        };
        // What else could not be walked is told by SECR-006.
        let listing = tree.list(&|p| is_log(p) || is_statements(p));
        looked.files = listing.files.len();
        let mut budget = ALTOGETHER;
        for entry in &listing.files {
            let mut spotted = Spotted::default();
            let read = pieces(&tree, entry, &mut budget, &mut |text| spotted.merge(Spotted::in_text(text, key)));
            looked.open.extend(read);
            if !spotted.is_empty() {
                let object = if is_statements(&entry.path) {
                    super::object(&entry.shown())
                } else {
                    format!("directory {}", entry.path.iter().next().unwrap_or_default().to_string_lossy())
                };
                let known = looked.found.entry(object).or_default();
                known.0.merge(spotted);
                known.1.push(entry.name());
            }
        }
        looked
    }

    fn told(self, collector: Option<&Collector>) -> Seen {
        if self.files == 0 && self.open.is_empty() {
            return Seen::not_applicable("there are no logs in the data directory");
        }
        let mut seen = Seen { open: self.open, ..Seen::all_of(self.files) };
        for (object, (spotted, names)) in self.found {
            spotted.collect(&object, collector);
            let some: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            let message =
                format!("{} of its files hold secrets ({}): {}", names.len(), some.join(", "), spotted.words());
            seen.add(Found::new(object, message).at(spotted.severity(Severity::Medium)));
        }
        seen
    }
}

/// Hands a file to `see` in pieces that end with a line where there is one. Gives what
/// was not read, and why.
pub(super) fn pieces(tree: &Tree, entry: &Entry, budget: &mut u64, see: &mut dyn FnMut(&str)) -> Option<String> {
    let path = entry.shown();
    let size = entry.size.min(LONGEST);
    if size > *budget {
        return Some(format!("{path} was not read: there is too much to read"));
    }
    *budget -= size;
    let Ok(file) = tree.reader(&entry.path, LONGEST) else { return Some(format!("{path} could not be read")) };
    let mut reader = BufReader::with_capacity(PIECE as usize, file);
    let mut piece = Vec::new();
    loop {
        let mut line = std::io::Read::take(&mut reader, PIECE);
        match line.read_until(b'\n', &mut piece) {
            Err(_) => return Some(format!("{path} could not be read to its end")),
            Ok(0) => {
                see(&String::from_utf8_lossy(&piece));
                break;
            }
            // Of a line that goes on in the next piece the end is seen again with it.
            Ok(_) if piece.len() as u64 >= PIECE => {
                see(&String::from_utf8_lossy(&piece));
                let again = if piece.ends_with(b"\n") { 0 } else { OVERLAP };
                piece.drain(..piece.len().saturating_sub(again));
            }
            Ok(_) => {}
        }
    }
    (entry.size > LONGEST).then(|| format!("of {path} only the first {} MiB were read", LONGEST / 1024 / 1024))
}
