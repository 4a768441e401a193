//! PHY-ENTRIES: every entry of an index leads to a row's place in its table.
//!
//! pg_amcheck looks for each row of a table in its indexes. It does not see a
//! row whose line pointer is gone, or a page that was cut off or zeroed, while
//! the index still has its entries: a scan of the table is silently shorter than
//! one of the index. PostgreSQL never frees a line pointer before all index
//! entries that lead to it are gone (`src/backend/access/heap/README.HOT` and
//! "vacuumlazy.c", "second pass"), so an entry that leads to none, whether its
//! row is alive or dead, is damage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::pages::{Place, leads, most_items, used_items};
use super::relations::{Relation, Relations, Shape};
use super::subject::{RESTORE_AGAIN, object};
use super::{CheckResult, Rule, Severity};
use crate::error::{Code, Error, Stage};
use crate::sys::plain_file::{self, Unreadable};

/// The check.
pub const RULE: Rule = Rule {
    id: "PHY-ENTRIES",
    title: "every entry of a B-tree index leads to a row's place in its table",
    severity: Severity::Critical,
};

/// Pages of a table that are kept in mind at once: 40 bytes each, so 40 MiB. The
/// indexes of a larger table are read once for each window.
const WINDOW: u32 = 1 << 20;

/// Reads every table with valid B-tree indexes, and these, from the files of a
/// server that was shut down cleanly. Other kinds of indexes are not looked at.
pub fn run(data: &Path, relations: &Relations) -> CheckResult {
    let heaps: BTreeMap<(&str, u32), &Relation> =
        relations.all.iter().filter(|r| r.shape == Shape::Heap).map(|r| ((r.database.as_str(), r.oid), r)).collect();
    let mut by_heap: BTreeMap<(&str, u32), Vec<&Relation>> = BTreeMap::new();
    for index in &relations.all {
        if let Shape::Btree { of } = index.shape {
            let key = (index.database.as_str(), of);
            if heaps.contains_key(&key) {
                by_heap.entry(key).or_default().push(index);
            }
        }
    }
    let present: u64 = by_heap.values().map(|i| i.len() as u64).sum();
    // A database that cannot be asked has indexes that nobody looked at.
    let present: u64 = present + relations.unread;
    let (mut examined, mut findings) = (0, Vec::new());
    for (key, indexes) in by_heap {
        let Some(heap) = heaps.get(&key) else { continue };
        let compared = match compare(data, relations, heap, &indexes) {
            Ok(c) => c,
            // Missing files are told of by PHY-FILES.
            Err(Unreadable::Missing) => continue,
            Err(why) => {
                let e = Error::new(Code::CouldNotRun, Stage::Checks, "a file cannot be read")
                    .on(object(&heap.database, &heap.name))
                    .because(why);
                return RULE.error(present, examined, &e);
            }
        };
        for (index, wrong) in indexes.iter().zip(compared) {
            examined += 1;
            let Some((number, first)) = wrong else { continue };
            let of = format!("{}, index {}.{}", object(&heap.database, &heap.name), index.name.schema, index.name.name);
            let message = format!(
                "{number} entries lead to no row of the table, the first to page {}, line pointer {}: rows are lost",
                first.block, first.item
            );
            findings.push(RULE.finding(of, message, RESTORE_AGAIN));
        }
    }
    RULE.judged(present, examined, findings)
}

/// For each index, how many entries lead nowhere, and the first.
type Wrong = Option<(u64, Place)>;

fn compare(
    data: &Path,
    relations: &Relations,
    heap: &Relation,
    indexes: &[&Relation],
) -> Result<Vec<Wrong>, Unreadable> {
    let page = relations.page;
    let words = most_items(page).div_ceil(64);
    let mut out: Vec<Wrong> = vec![None; indexes.len()];
    let mut pages = Pages::open(data, relations, &heap.path);
    let mut from = 0u32;
    loop {
        let mut used: Vec<u64> = Vec::new();
        let mut count = 0u32;
        while count < WINDOW {
            let Some(bytes) = pages.next()? else { break };
            let base = used.len();
            used.resize(base + words, 0);
            for item in used_items(bytes).map(usize::from) {
                if let Some(word) = used.get_mut(base + (item - 1) / 64) {
                    *word |= 1 << ((item - 1) % 64);
                }
            }
            count += 1;
        }
        let last = count < WINDOW;
        // Behind the window is for the next one, behind the end for none.
        let here = |p: &Place| p.block >= from && (last || p.block - from < WINDOW);
        let is_used = |p: &Place| {
            let (block, item) = ((p.block - from) as usize, usize::from(p.item));
            let word = (item >= 1 && item <= words * 64).then(|| used.get(block * words + (item - 1) / 64)).flatten();
            word.is_some_and(|w| w >> ((item - 1) % 64) & 1 == 1)
        };
        for (index, wrong) in indexes.iter().zip(&mut out) {
            let mut tree = Pages::open(data, relations, &index.path);
            while let Some(bytes) = tree.next()? {
                for place in leads(bytes).places.iter().filter(|p| here(p) && !is_used(p)) {
                    let (number, first) = wrong.unwrap_or((0, *place));
                    *wrong = Some((number + 1, first.min(*place)));
                }
            }
        }
        if last {
            return Ok(out);
        }
        from += WINDOW;
    }
}

/// The pages of a relation, through all its files.
struct Pages<'a> {
    data: &'a Path,
    path: &'a str,
    segment: u32,
    per_segment: u64,
    read: u64,
    file: Option<File>,
    page: Vec<u8>,
}

impl<'a> Pages<'a> {
    fn open(data: &'a Path, relations: &Relations, path: &'a str) -> Self {
        let per_segment = relations.segment_pages;
        Self { data, path, segment: 0, per_segment, read: 0, file: None, page: vec![0; relations.page] }
    }

    /// The next page; nothing behind the last whole one.
    fn next(&mut self) -> Result<Option<&[u8]>, Unreadable> {
        if self.read == self.per_segment {
            (self.file, self.read, self.segment) = (None, 0, self.segment + 1);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let name =
                    if self.segment == 0 { self.path.to_owned() } else { format!("{}.{}", self.path, self.segment) };
                match plain_file::open_below(self.data, Path::new(&name), u64::MAX) {
                    Ok(file) => none.insert(file),
                    Err(Unreadable::Missing) if self.segment > 0 => return Ok(None),
                    Err(e) => return Err(e),
                }
            }
        };
        let mut got = 0;
        while got < self.page.len() {
            match file.read(&mut self.page[got..]) {
                Ok(0) => return Ok(None),
                Ok(n) => got += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Unreadable::Failed(e)),
            }
        }
        self.read += 1;
        Ok(Some(&self.page))
    }
}
