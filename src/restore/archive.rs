//! The schema stream in memory, and what of it is wanted.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::selection::Selection;
use super::{event_triggers, needs};
use crate::error::{Code, Error, Result, Stage};
use crate::source::archive_list::{self, Listed};
use crate::source::facts::ObjectName;
use crate::types::Event;
use crate::types::event::Progress;
use crate::types::text::quote_ident;

/// A table of contents by number.
pub(super) type Contents = BTreeMap<i64, Listed>;

/// What an existing database has already.
#[derive(Debug, Default)]
pub(super) struct There {
    /// Schemas, other than `public`.
    pub schemas: HashSet<String>,
    /// Extensions that belong to somebody else.
    pub extensions: HashSet<String>,
}

/// A file for `pg_restore --use-list`: one number a line. What is first in it is
/// restored first (`SortTocFromFile` in PostgreSQL's pg_backup_archiver.c), so the
/// numbers are in the archive's order.
pub(super) fn use_list(private: &Path, ids: &[i64]) -> Result<tempfile::TempPath> {
    let failed = |e: std::io::Error| Error::internal("cannot write the list of what to restore").because(e);
    let mut file = tempfile::NamedTempFile::new_in(private).map_err(failed)?;
    // Who runs the program in a jail reads it, too: there is nothing in it but numbers. Not
    // at its birth: the umask would take that away.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    let mut out = std::io::BufWriter::new(&mut file);
    ids.iter().try_for_each(|id| writeln!(out, "{id};")).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    Ok(file.into_temp_path())
}

/// An archive without rows.
pub(super) struct Archive {
    file: Arc<File>,
    encoding: String,
    contents: Option<Contents>,
    selection: Option<Selection>,
    /// Numbers for `pg_restore --use-list`; none where all is wanted.
    ids: Option<Vec<i64>>,
}

impl Archive {
    pub(super) fn new(file: File, encoding: &str) -> Self {
        Self { file: Arc::new(file), encoding: encoding.to_owned(), contents: None, selection: None, ids: None }
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) const fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    pub(super) fn ids(&self) -> Option<&[i64]> {
        self.ids.as_deref()
    }

    /// Its table of contents, read when it is needed.
    pub(super) fn contents(&mut self) -> Result<&Contents> {
        if self.contents.is_none() {
            self.contents = Some(self.list()?.into_iter().map(|e| (e.id, e)).collect());
        }
        self.contents.as_ref().ok_or_else(|| Error::internal("there is no table of contents"))
    }

    fn list(&self) -> Result<Vec<Listed>> {
        let unreadable = |e: std::io::Error| Error::internal("cannot read a stream in memory").because(e);
        let mut file = self.file.as_ref();
        let mut bytes = Vec::new();
        file.rewind().map_err(unreadable)?;
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        archive_list::read(&bytes)?
            .ok_or_else(|| Error::new(Code::Corrupt, Stage::Restore, "the schema stream is cut off"))
    }

    /// The numbers of all entries but those of this kind, in the archive's order;
    /// event triggers apart, as [`Self::event_triggers`] has them.
    pub(super) fn all_but(&self, desc: &str) -> Result<(Vec<i64>, Vec<i64>)> {
        let mut list = self.list()?;
        list.retain(|e| e.desc != desc);
        Ok(event_triggers::apart(&list).unwrap_or_else(|| (list.iter().map(|e| e.id).collect(), Vec::new())))
    }

    /// The numbers of all entries but event triggers, and of those; nothing where
    /// there is none.
    pub(super) fn event_triggers(&self) -> Result<Option<(Vec<i64>, Vec<i64>)>> {
        Ok(event_triggers::apart(&self.list()?))
    }

    /// The tablespaces that what is wanted lies in; of an archive that is too large to
    /// be read here none is known.
    pub(super) fn tablespaces(&self) -> Result<BTreeSet<String>> {
        let list = match self.list() {
            Err(e) if e.code() == Code::Limit => return Ok(BTreeSet::new()),
            list => list?,
        };
        let ids: Option<HashSet<i64>> = self.ids.as_ref().map(|ids| ids.iter().copied().collect());
        let wanted = list.iter().filter(|e| ids.as_ref().is_none_or(|ids| ids.contains(&e.id)));
        Ok(needs::tablespaces(wanted, &self.encoding))
    }

    /// Only these tables, and what they need.
    pub(super) fn choose(&mut self, tables: &[ObjectName], progress: &Progress) -> Result<()> {
        let selection = Selection::choose(&self.list()?, tables, &self.encoding)?;
        for key in &selection.foreign_keys {
            progress.event(Event::Warning {
                text: format!("the foreign key {key} is left out: only one of its tables is restored with rows"),
                hint: Some("Name the other table with --table, too.".into()),
            });
        }
        for table in &selection.empty {
            let text = format!("the table {} is created without its rows: what is restored needs it", table.quoted());
            progress.event(Event::Note(text));
        }
        self.ids = Some(selection.ids.clone());
        self.selection = Some(selection);
        Ok(())
    }

    /// Leaves out schemas that are there, and comments on extensions of somebody
    /// else; gives what it left out.
    pub(super) fn leave_out(&mut self, there: &There) -> Result<Vec<String>> {
        let comments: HashSet<Vec<u8>> = there
            .extensions
            .iter()
            .flat_map(|n| [format!("EXTENSION {n}"), format!("EXTENSION {}", quote_ident(n))])
            .map(String::into_bytes)
            .collect();
        let is_there = |e: &Listed| match e.desc.as_str() {
            "SCHEMA" => there.schemas.iter().any(|s| s.as_bytes() == e.tag),
            "COMMENT" => comments.contains(&e.tag),
            _ => false,
        };
        let list = self.list()?;
        let out: BTreeMap<i64, String> = list
            .iter()
            .filter(|e| is_there(e))
            .map(|e| (e.id, format!("{} {}", e.desc, String::from_utf8_lossy(&e.tag))))
            .collect();
        if out.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.ids.take().unwrap_or_else(|| list.iter().map(|e| e.id).collect());
        self.ids = Some(all.into_iter().filter(|id| !out.contains_key(id)).collect());
        Ok(out.into_values().collect())
    }
}
