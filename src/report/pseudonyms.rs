//! This host's key of pseudonyms, and what they stood for in the last drill of
//! each source. Both lie in the state directory, for this user only: a report can
//! be stored in the clear, and whoever may log in here can still read it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{Document, ErrorEntry, redact};
use crate::error::{Code, Error, Result, Stage};
use crate::keys::read_secret;
use crate::types::SourceName;
use crate::types::ids::random_bytes;

/// Largest file of meanings, bytes.
const LIMIT: u64 = 256 * 1024 * 1024;

/// The key, made at first use.
///
/// # Errors
/// 2 where it cannot be read, is open to others, or cannot be made.
pub fn key(state: &Path) -> Result<[u8; 32]> {
    let dir = directory(state)?;
    let path = dir.join("key");
    if !path.exists() {
        // Complete or not there, and never replaced: another run may be as quick.
        let make = |random: &[u8]| -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&dir)?;
            file.write_all(random)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&path).map(drop).or_else(|e| if path.exists() { Ok(()) } else { Err(e.error) })
        };
        make(&random_bytes::<32>()?).map_err(|e| failed(&path, "cannot keep the key of pseudonyms", e))?;
    }
    let bytes = read_secret(&path, 32)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
        Error::new(Code::Usage, Stage::Report, "the key of pseudonyms has not 32 bytes")
            .on(path.display().to_string())
            .hint("Remove it: a new one is made, and pseudonyms change.")
    })
}

/// Keeps what the pseudonyms of a source's newest report stand for.
///
/// # Errors
/// 2 where it cannot be written.
pub fn remember(state: &Path, source: &SourceName, names: &BTreeMap<String, String>) -> Result<()> {
    let dir = directory(state)?;
    let path = file(&dir, source);
    let write = || -> std::io::Result<()> {
        // Mode 0600 by itself.
        let mut file = tempfile::NamedTempFile::new_in(&dir)?;
        file.write_all(&serde_json::to_vec(names)?)?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|e| failed(&path, "cannot keep what pseudonyms stand for", e))
}

/// What pseudonyms of a source stood for in the last drill on this host.
///
/// # Errors
/// 2 where no drill kept them here.
pub fn recall(state: &Path, source: &SourceName) -> Result<BTreeMap<String, String>> {
    let path = file(&state.join("pseudonyms"), source);
    let bytes = read_secret(&path, LIMIT).map_err(|e| {
        e.at(Stage::Report).hint("Only the host and user that drilled the source know the names; they are not stored.")
    })?;
    serde_json::from_slice(&bytes).map_err(|e| failed(&path, "it is not readable", e.into()))
}

/// The report with names in place of the pseudonyms that are known.
pub fn resolve(document: &mut Document, names: &BTreeMap<String, String>) {
    let known = |text: &mut String| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(is_part) {
            let (before, from) = rest.split_at(at);
            let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
            out += before;
            out += names.get(word).map_or(word, String::as_str);
            rest = after;
        }
        out += rest;
        *text = out;
    };
    let errors = |all: &mut [ErrorEntry]| {
        for e in all {
            e.object.iter_mut().chain([&mut e.message]).chain(e.hint.as_mut()).for_each(known);
        }
    };
    let report = match document {
        Document::Drill(report) => report,
        Document::Audit(audit) => {
            audit.reasons.iter_mut().for_each(known);
            redact::texts(&mut audit.exposure, known);
            errors(&mut audit.errors);
            return;
        }
    };
    report.reasons.iter_mut().for_each(known);
    report.exposure.iter_mut().for_each(|e| redact::texts(e, known));
    for c in &mut report.checks {
        c.reason.iter_mut().for_each(known);
        for f in &mut c.findings {
            [&mut f.object, &mut f.message, &mut f.remedy].into_iter().for_each(known);
        }
    }
    for t in &mut report.tables {
        [&mut t.database, &mut t.table].into_iter().for_each(known);
    }
    errors(&mut report.errors);
    for p in report.isolation.iter_mut().flat_map(|i| &mut i.probes) {
        known(&mut p.evidence);
    }
}

fn directory(state: &Path) -> Result<PathBuf> {
    let dir = state.join("pseudonyms");
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
    made.map_err(|e| failed(&dir, "cannot make the directory", e))?;
    Ok(dir)
}

fn file(dir: &Path, source: &SourceName) -> PathBuf {
    dir.join(format!("{source}.json"))
}

fn failed(path: &Path, what: &str, e: std::io::Error) -> Error {
    Error::new(Code::Usage, Stage::Report, what).on(path.display().to_string()).because(e)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::keys::write_new;
    use crate::report::json::tests::sample;

    #[test]
    fn the_key_is_made_once_and_closed_to_others() {
        let state = tempfile::tempdir().unwrap();
        let one = key(state.path()).unwrap();
        assert_eq!(key(state.path()).unwrap(), one);
        assert_ne!(key(tempfile::tempdir().unwrap().path()).unwrap(), one);
        let path = state.path().join("pseudonyms/key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(key(state.path()).unwrap_err().code(), Code::Usage);
        std::fs::remove_file(&path).unwrap();
        write_new(&path, b"short", 0o600).unwrap();
        assert!(key(state.path()).unwrap_err().text().contains("32 bytes"));
    }

    #[test]
    fn names_come_back_where_they_are_known() {
        let state = tempfile::tempdir().unwrap();
        let shop: SourceName = "shop".parse().unwrap();
        assert_eq!(recall(state.path(), &shop).unwrap_err().code(), Code::Usage);
        let names = [("table-00aa", "orders"), ("database-11bb", "a: b")].map(|(p, n)| (p.to_owned(), n.to_owned()));
        remember(state.path(), &shop, &names.clone().into()).unwrap();
        remember(state.path(), &shop, &names.into()).unwrap();
        let mut r = sample();
        r.checks[0].findings[0].object = "database-11bb: public.table-00aa".into();
        r.tables[0].table = "public.\"table-00aa\".table-00aab".into();
        let mut document = Document::from(r);
        resolve(&mut document, &recall(state.path(), &shop).unwrap());
        let Document::Drill(r) = document else { panic!() };
        assert_eq!(r.checks[0].findings[0].object, "a: b: public.orders");
        assert_eq!(r.tables[0].table, "public.\"orders\".table-00aab");
    }

    #[test]
    fn runs_that_begin_together_have_one_key() {
        for _ in 0..20 {
            let state = tempfile::tempdir().unwrap();
            let keys = std::thread::scope(|scope| {
                let all: Vec<_> = (0..8).map(|_| scope.spawn(|| key(state.path()).unwrap())).collect();
                all.into_iter().map(|k| k.join().unwrap()).collect::<std::collections::BTreeSet<_>>()
            });
            assert_eq!(keys.len(), 1);
        }
    }
}
