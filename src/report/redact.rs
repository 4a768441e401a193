//! Which names of the database stand in a report. A report is stored in the
//! clear beside backups whose names are sealed, so by default it holds none.
//!
//! | `report.redact` | names of databases, schemas, tables, roles, … |
//! |---|---|
//! | `none` | as they are |
//! | `names` | a pseudonym (`table-3f2a…`), the same for the same name in all reports of this host |
//! | `details` | none, and no text that depends on them: ids, outcomes, numbers and times |
//!
//! Rows, secrets and contents of objects are in no report at any level. Names of
//! the system (`public`, `postgres`, …) tell nothing and stay.
//!
//! What is a name is known from the signed facts, and of exposure also from where
//! it stands (see `exposure`). An *object* in which anything else stands is
//! replaced as a whole. The operator's own words stay: sources, the names of SQL
//! checks, paths of this host.

mod exposure;
mod words;

pub(super) use exposure::texts;

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::{AuditReport, ErrorEntry, Report};
use crate::error::{Error, Result};
use crate::source::Facts;
use crate::types::{Redaction, keyed, shown};

/// Names that every server has, and words of our own texts around names.
const KNOWN: [&str; 36] = [
    "public",
    "postgres",
    "template0",
    "template1",
    "information_schema",
    "pg_catalog",
    "pg_toast",
    "database",
    "databases",
    "schema",
    "table",
    "index",
    "sequence",
    "materialized",
    "view",
    "role",
    "roles",
    "extension",
    "function",
    "policy",
    "trigger",
    "constraint",
    "column",
    "on",
    "of",
    "for",
    "in",
    "to",
    "the",
    "data",
    "directory",
    "globals",
    "privilege",
    "privileges",
    "default",
    "settings",
];
/// Programs that an error may be about.
const PROGRAMS: [&str; 6] = ["pg_restore", "pg_dump", "pg_amcheck", "pg_verifybackup", "pg_checksums", "psql"];
/// Checks whose objects are files of the server, times or the operator's own words.
const NAMELESS: [&str; 8] =
    ["HIS-REPORTS", "PHY-MANIFEST", "PHY-CHECKSUMS", "PHY-FILES", "RTO-BUDGET", "RTO-TREND", "RPO-BUDGET", "USR-SQL"];
/// What stands in place of a text that is left out.
pub const LEFT_OUT: &str = "(left out)";

/// Replaces names. Its key is this host's secret: without it a pseudonym does not
/// tell whether it stands for a name that one guesses.
pub struct Redactor {
    level: Redaction,
    key: [u8; 32],
    /// Pseudonyms by every way a name is written.
    names: BTreeMap<String, String>,
    finder: Option<AhoCorasick>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({}, {} names)", self.level.name(), self.names.len())
    }
}

impl Redactor {
    /// One that knows no names yet.
    pub fn new(level: Redaction, key: [u8; 32]) -> Self {
        Self { level, key, names: BTreeMap::new(), finder: None }
    }

    /// Learns the names of a backup.
    ///
    /// # Errors
    /// 1 where there are more names than can be looked for.
    pub fn learn(&mut self, facts: &Facts) -> Result<()> {
        if self.level == Redaction::None {
            return Ok(());
        }
        for d in &facts.databases {
            self.add("database", &d.name);
            self.add("role", &d.owner);
        }
        for r in &facts.roles {
            self.add("role", &r.name);
            r.member_of.iter().for_each(|m| self.add("role", m));
        }
        self.add("role", &facts.server.bootstrap_superuser);
        self.add("role", &facts.server.role);
        for d in &facts.databases {
            let tables = d.tables.iter().map(|t| ("table", &t.name));
            let sequences = d.sequences.iter().map(|s| ("sequence", &s.name));
            let views = d.matviews.iter().map(|m| ("view", &m.name));
            let indexes = d.invalid_indexes.iter().map(|i| ("index", i));
            for (kind, name) in tables.chain(sequences).chain(views).chain(indexes) {
                self.add("schema", &name.schema);
                self.add(kind, &name.name);
            }
            d.extensions.iter().for_each(|e| self.add("schema", &e.schema));
        }
        self.look_again()
    }

    /// Looks for all names that are known by now.
    fn look_again(&mut self) -> Result<()> {
        let finder = AhoCorasick::new(self.names.keys());
        self.finder = Some(finder.map_err(|e| Error::internal("cannot look for the names").because(e))?);
        Ok(())
    }

    /// Pseudonyms and what they stand for. For this host only.
    pub fn meanings(&self) -> BTreeMap<&str, &str> {
        // A name comes before its escaped forms, which are longer, or sort later.
        let mut all: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, pseudonym) in &self.names {
            let slot = all.entry(pseudonym).or_insert(name);
            if name.len() < slot.len() {
                *slot = name;
            }
        }
        all
    }

    fn add(&mut self, kind: &str, name: &str) {
        if name.is_empty() || KNOWN.contains(&name) || self.names.contains_key(name) {
            return;
        }
        let pseudonym = self.pseudonym(kind, name);
        for written in [shown(name).into_owned(), name.replace('"', "\"\""), shown(&name.replace('"', "\"\"")).into()] {
            self.names.entry(written).or_insert_with(|| pseudonym.clone());
        }
        self.names.insert(name.to_owned(), pseudonym);
    }

    /// `table-3f2a9c01d7e4`; the digits depend on the key and the name alone.
    fn pseudonym(&self, kind: &str, name: &str) -> String {
        format!("{kind}-{}", keyed(&self.key, name, 12))
    }

    /// What stands for the fingerprint of a finding: whoever knows a name could
    /// make the fingerprint itself. As it is where names are.
    pub fn fingerprint(&self, plain: &str) -> String {
        match (self.level, plain.strip_prefix("x1:")) {
            (Redaction::None, _) => plain.to_owned(),
            (_, Some(_)) => format!("x1:{}", keyed(&self.key, plain, 16)),
            (_, None) => keyed(&self.key, plain, 16),
        }
    }

    /// Does it to the whole report of an audit.
    ///
    /// # Errors
    /// 1 where there are more names than can be looked for.
    pub fn apply_to_audit(&mut self, r: &mut AuditReport) -> Result<()> {
        r.redaction = self.level;
        if self.level == Redaction::None {
            return Ok(());
        }
        self.learn_of(&r.exposure)?;
        self.exposure(&mut r.exposure);
        self.reasons(&mut r.reasons);
        self.errors(&mut r.errors);
        Ok(())
    }

    /// Does it to the whole report of a drill.
    ///
    /// # Errors
    /// 1 where there are more names than can be looked for.
    pub fn apply(&mut self, r: &mut Report) -> Result<()> {
        r.redaction = self.level;
        if self.level == Redaction::None {
            return Ok(());
        }
        if let Some(e) = &r.exposure {
            self.learn_of(e)?;
        }
        if let Some(e) = &mut r.exposure {
            self.exposure(e);
        }
        self.drill(r);
        Ok(())
    }

    fn drill(&self, r: &mut Report) {
        let details = self.level == Redaction::Details;
        let text = |t: &mut String| *t = if details { LEFT_OUT.to_owned() } else { self.text(t) };
        let ids: Vec<String> = r.checks.iter().map(|c| c.id.clone()).collect();
        self.reasons(&mut r.reasons);
        if let Some(i) = &mut r.isolation {
            i.probes.iter_mut().for_each(|p| text(&mut p.evidence));
            i.reasons.iter_mut().for_each(text);
        }
        for (c, id) in r.checks.iter_mut().zip(&ids) {
            c.reason.iter_mut().for_each(text);
            for f in &mut c.findings {
                f.object = match (details, NAMELESS.contains(&id.as_str())) {
                    (true, _) => LEFT_OUT.to_owned(),
                    (false, true) => self.text(&f.object),
                    (false, false) => self.object(&f.object),
                };
                text(&mut f.message);
                text(&mut f.remedy);
                f.fingerprint = self.fingerprint(&f.fingerprint);
            }
        }
        if details {
            r.tables.clear();
        }
        for t in &mut r.tables {
            t.database = self.object(&t.database);
            t.table = self.object(&t.table);
        }
        if let Some(t) = &mut r.teardown {
            t.detail.iter_mut().for_each(text);
        }
        self.errors(&mut r.errors);
    }

    fn reasons(&self, reasons: &mut [String]) {
        let details = self.level == Redaction::Details;
        for reason in reasons {
            *reason = if details { first_words(reason) } else { self.text(reason) };
        }
    }

    fn errors(&self, errors: &mut [ErrorEntry]) {
        let details = self.level == Redaction::Details;
        let text = |t: &mut String| *t = if details { LEFT_OUT.to_owned() } else { self.text(t) };
        for e in errors {
            e.object = e.object.take().map(|o| match o {
                _ if details => LEFT_OUT.to_owned(),
                // Only these two stages speak of what users made; the others of
                // keys in the store, paths, programs and settings.
                o if !["restore", "checks"].contains(&e.stage.as_str()) || o.starts_with('/') => self.text(&o),
                o => self.object(&o),
            });
            text(&mut e.message);
            e.hint.iter_mut().for_each(text);
        }
    }

    /// Known names in running text, where they stand as words of their own.
    fn text(&self, text: &str) -> String {
        self.replace(text).0
    }

    /// An object: where anything but known names is left, all of it is replaced.
    fn object(&self, object: &str) -> String {
        let (replaced, rest) = self.replace(object);
        let plain = |w: &str| w.is_empty() || KNOWN.contains(&w.to_lowercase().as_str()) || PROGRAMS.contains(&w);
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
        if rest.split(|c| !is_word(c)).all(plain) { replaced } else { self.pseudonym("object", object) }
    }

    /// The text with pseudonyms, and the text without names.
    fn replace(&self, text: &str) -> (String, String) {
        let (mut out, mut rest) = (String::with_capacity(text.len()), String::new());
        for (pseudonym, piece) in self.pieces(text) {
            out.push_str(pseudonym.unwrap_or(piece));
            rest.push_str(if pseudonym.is_some() { " " } else { piece });
        }
        (out, rest)
    }

    /// The text in pieces: known names with their pseudonyms, and what is between.
    fn pieces<'a>(&'a self, text: &'a str) -> Vec<(Option<&'a str>, &'a str)> {
        let Some(finder) = &self.finder else { return vec![(None, text)] };
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let mut found: Vec<(usize, usize)> = finder
            .find_overlapping_iter(text)
            .map(|m| (m.start(), m.end()))
            .filter(|(from, to)| !word(text[..*from].chars().next_back()) && !word(text[*to..].chars().next()))
            .collect();
        // A source is often called like its database: in a key of the store it is
        // the source.
        let in_key = |from: usize, to: usize| {
            text[..from].ends_with("s/") && ["/d/", "/m/", "/r/"].iter().any(|part| text[to..].starts_with(part))
        };
        found.retain(|(from, to)| !in_key(*from, *to));
        // Leftmost first, of those the longest.
        found.sort_by_key(|(from, to)| (*from, std::cmp::Reverse(*to)));
        let (mut all, mut at) = (Vec::new(), 0);
        for (from, to) in found {
            if from < at {
                continue;
            }
            all.push((None, &text[at..from]));
            let name = &text[from..to];
            all.push((Some(self.names.get(name).map_or(LEFT_OUT, String::as_str)), name));
            at = to;
        }
        all.push((None, &text[at..]));
        all
    }
}

/// A reason without what depends on names: the verdict's own words stand before
/// the first colon or parenthesis.
fn first_words(reason: &str) -> String {
    let end = reason.find([':', '(']).unwrap_or(reason.len());
    reason[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests;
