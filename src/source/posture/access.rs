//! Access rules: `pg_hba.conf` and `pg_ident.conf` with all that they include.
//!
//! Three ways, the first that is open: the server reads its files to us; they
//! lie on this host; the server's view tells what is in them.

use jiff::Timestamp;

use super::host::Host;
use super::read::{Reading, known, micros, time};
use super::{AccessFiles, AccessWay, LoadedRules, rules};
use crate::hba::files::MOST_BYTES;
use crate::hba::{Captured, Files, Wanted, blank};
use crate::source::Ask;
use crate::types::Known;

/// Files that are followed from one main file; the rest is told as missing.
const MOST_FILES: usize = 200;

/// Names in a directory that is included.
const MOST_NAMES: usize = 10_000;

/// Lines that the server refuses; the first ones say enough.
const MOST_ERRORS: usize = 1_000;

pub(super) struct Access {
    pub(super) hba: Known<AccessFiles>,
    pub(super) ident: Known<AccessFiles>,
    pub(super) loaded: Known<LoadedRules>,
}

/// One of the two main files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Main {
    Hba,
    Ident,
}

pub(super) async fn read(reading: &Reading<'_, impl Ask>) -> Access {
    let setting = "SELECT name, setting FROM pg_settings WHERE name IN ('hba_file', 'ident_file', 'data_directory')";
    let paths = reading.rows("where access rules are", setting, &[]).await.unwrap_or_default();
    let path = |name: &str| paths.iter().find(|r| r.get::<_, &str>(0) == name).map(|r| r.get::<_, String>(1));
    let host = Host::of(&reading.me);
    let mut files = Reader { reading, host: &host, data_dir: path("data_directory"), newest: None };
    let hba = files.any_way(Main::Hba, path("hba_file")).await;
    let changed_at = files.newest;
    let ident = files.any_way(Main::Ident, path("ident_file")).await;
    Access { hba: known(hba), ident: known(ident), loaded: known(loaded(reading, changed_at).await) }
}

struct Reader<'a, A> {
    reading: &'a Reading<'a, A>,
    host: &'a Result<Host, String>,
    data_dir: Option<String>,
    /// When the newest file was changed.
    newest: Option<Timestamp>,
}

impl<A: Ask> Reader<'_, A> {
    async fn any_way(&mut self, main: Main, path: Option<String>) -> Result<AccessFiles, String> {
        let me = &self.reading.me;
        let view = if main == Main::Hba { me.rules } else { me.mappings };
        let mut why = Vec::new();
        match &path {
            None => why.push("the role may not see where the file is (pg_read_all_settings)".to_owned()),
            Some(path) => {
                let below = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
                if me.read_file && (me.files || self.data_dir.as_deref().is_some_and(below)) {
                    match self.follow(path, AccessWay::Server).await {
                        Ok(files) => return Ok(files),
                        Err(e) => why.push(e),
                    }
                } else {
                    why.push("the role may not read the server's files".to_owned());
                }
                match self.follow(path, AccessWay::Host).await {
                    Ok(files) => return Ok(files),
                    Err(e) => why.push(e),
                }
            }
        }
        if view {
            let told = match main {
                Main::Hba => rules::hba(self.reading).await,
                Main::Ident => rules::ident(self.reading).await,
            };
            match told {
                Ok(text) => {
                    let name =
                        path.unwrap_or_else(|| if main == Main::Hba { "pg_hba.conf" } else { "pg_ident.conf" }.into());
                    return Ok(self.kept(&Files::of_text(&name, &text), AccessWay::View));
                }
                Err(e) => why.push(e),
            }
        }
        Err(why.join("; "))
    }

    /// The main file and what it includes; an error where the main file cannot be read.
    async fn follow(&mut self, path: &str, way: AccessWay) -> Result<AccessFiles, String> {
        let wanted = Wanted { path: path.to_owned(), directory: false };
        let main = match self.look(&wanted, way).await {
            Captured::Unread(why) => return Err(why),
            found => found,
        };
        let mut left = MOST_BYTES.saturating_sub(size(&main));
        let mut files = Files::new(path, main);
        let mut count = 1;
        loop {
            let missing = files.wanted(self.reading.me.major);
            if missing.is_empty() {
                return Ok(self.kept(&files, way));
            }
            for wanted in missing {
                count += 1;
                let mut what = if count > MOST_FILES {
                    Captured::Unread(format!("more than {MOST_FILES} files are included"))
                } else {
                    self.look(&wanted, way).await
                };
                match left.checked_sub(size(&what)) {
                    Some(rest) => left = rest,
                    None => what = Captured::Unread("the files are too large together".into()),
                }
                files = files.with(&wanted.path, what);
            }
            if count > MOST_FILES {
                return Ok(self.kept(&files, way));
            }
        }
    }

    async fn look(&mut self, wanted: &Wanted, way: AccessWay) -> Captured {
        let (what, changed) = match (way, self.host) {
            (AccessWay::Server, _) => ask(self.reading, wanted).await,
            (_, Ok(host)) if wanted.directory => (host.names(&wanted.path, MOST_NAMES), None),
            (_, Ok(host)) => host.file(&wanted.path, MOST_BYTES),
            (_, Err(why)) => (Captured::Unread(why.clone()), None),
        };
        self.newest = self.newest.max(changed);
        what
    }

    /// As they are sealed: without the passwords in them.
    fn kept(&self, files: &Files, way: AccessWay) -> AccessFiles {
        let mut kept = AccessFiles { path: files.main().to_owned(), way, ..AccessFiles::default() };
        for (path, what) in files.known() {
            let path = path.to_owned();
            match what {
                Captured::Text(text) => {
                    let (text, secrets) = blank(text, self.reading.me.major);
                    kept.secrets.extend(secrets.into_iter().map(|(line, option)| (path.clone(), line, option)));
                    kept.texts.insert(path, text);
                }
                Captured::Names(names) => {
                    kept.directories.insert(path, names.clone());
                }
                Captured::Absent => {
                    kept.absent.insert(path);
                }
                Captured::Unread(why) => {
                    kept.missing.insert(path, why.clone());
                }
            }
        }
        kept
    }
}

fn size(what: &Captured) -> usize {
    if let Captured::Text(text) = what { text.len() } else { 0 }
}

/// A file or directory, as the server reads it.
async fn ask(reading: &Reading<'_, impl Ask>, wanted: &Wanted) -> (Captured, Option<Timestamp>) {
    let mut changed = None;
    let path = &wanted.path;
    if reading.me.stat_file {
        let sql = format!("SELECT size, {}, isdir FROM pg_stat_file($1, true)", micros("modification"));
        match reading.row("a file of access rules", &sql, &[path]).await {
            Err(why) => return (Captured::Unread(why), None),
            Ok(row) => {
                let (Some(size), is_dir) = (row.get::<_, Option<i64>>(0), row.get::<_, Option<bool>>(2)) else {
                    return (Captured::Absent, None);
                };
                if is_dir == Some(true) && !wanted.directory {
                    return (Captured::Unread("it is a directory".into()), None);
                }
                if !wanted.directory && size > i64::try_from(MOST_BYTES).unwrap_or(i64::MAX) {
                    return (Captured::Unread(format!("the file has {size} bytes")), None);
                }
                changed = time(row.get(1));
            }
        }
    }
    if wanted.directory {
        if !reading.me.list_dir {
            return (Captured::Unread("the role may not list the server's directories".into()), None);
        }
        let sql = format!("SELECT f FROM pg_ls_dir($1, true, false) f LIMIT {}", MOST_NAMES + 1);
        let names = match reading.rows("a directory of access rules", &sql, &[path]).await {
            Ok(rows) if rows.len() > MOST_NAMES => Captured::Unread("the directory has too many files".into()),
            Ok(rows) => Captured::Names(rows.iter().map(|r| r.get(0)).collect()),
            Err(why) => Captured::Unread(why),
        };
        return (names, changed);
    }
    let sql = format!("SELECT pg_read_binary_file($1, 0, {}, true)", MOST_BYTES + 1);
    let what = match reading.row("a file of access rules", &sql, &[path]).await {
        Ok(row) => row.get::<_, Option<&[u8]>>(0).map_or(Captured::Absent, Captured::bytes),
        Err(why) => Captured::Unread(why),
    };
    (what, changed)
}

/// What the server would say of the file if it loaded it now, and when it last did.
async fn loaded(reading: &Reading<'_, impl Ask>, changed_at: Option<Timestamp>) -> Result<LoadedRules, String> {
    if !reading.me.rules {
        return Err("the role may not read pg_hba_file_rules".into());
    }
    let file = if reading.me.major >= 16 { "file_name" } else { "NULL::text" };
    // A rule that only cannot match (hostssl without TLS) has an error too, and its fields.
    let sql = format!(
        "SELECT {file}, line_number, error FROM pg_hba_file_rules() WHERE auth_method IS NULL LIMIT {MOST_ERRORS}"
    );
    let errors = reading.rows("pg_hba_file_rules", &sql, &[]).await?;
    let sql = format!("SELECT {}", micros("pg_conf_load_time()"));
    let at = reading.row("when the configuration was loaded", &sql, &[]).await?;
    Ok(LoadedRules {
        errors: errors
            .iter()
            .map(|r| {
                let line = r.get::<_, Option<i32>>(1).unwrap_or(0).unsigned_abs();
                (r.get(0), line, without_option(r.get::<_, Option<&str>>(2).unwrap_or_default()))
            })
            .collect(),
        loaded_at: time(at.get(0)),
        changed_at,
    })
}

/// The server's words without the part of an option that it did not understand:
/// that may be the rest of a password.
fn without_option(message: &str) -> String {
    let option = message.split_once("not in name=value format").map(|(before, _)| before);
    option.map_or_else(|| message.to_owned(), |before| format!("{before}not in name=value format"))
}
