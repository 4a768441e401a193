//! PHY-FILES: every relation has its file, whole, and every database its own
//! small ones.
//!
//! A file that the source had lost is in no manifest, and so missed by
//! PHY-MANIFEST; the server tells of it when somebody asks for the relation, and
//! a lost heap is then taken for an empty one.

use std::io::Read as _;
use std::path::Path;

use super::relations::{Relation, Relations, Shape};
use super::subject::RESTORE_AGAIN;
use super::{CheckResult, Finding, Rule, Severity};
use crate::sys::plain_file::{self, Unreadable};

/// The check.
pub const RULE: Rule =
    Rule { id: "PHY-FILES", title: "every database and relation has its files", severity: Severity::Critical };

/// Largest small file, bytes.
const SMALL: u64 = 16 * 1024;

/// Looks at the files of a server of `major` that was shut down cleanly.
pub fn run(data: &Path, major: u32, relations: &Relations) -> CheckResult {
    let mut findings = of_cluster(data, major);
    findings.extend(relations.databases.iter().flat_map(|dir| of_database(data, major, dir)));
    let mut present = 3 + relations.databases.len() as u64 * 2 + relations.all.len() as u64;
    let examined = present;
    for relation in &relations.all {
        if let Some(message) = wrong(data, relations, relation) {
            // By its number: names of indexes and the like are not known to whoever redacts.
            let what = match relation.shape {
                Shape::Heap => "table",
                Shape::Btree { .. } | Shape::Index => "index",
                Shape::Sequence => "sequence",
                Shape::Other => "relation",
            };
            let message = format!("{message}; at the source, SELECT {}::regclass names the {what}", relation.oid);
            findings.push(finding(&relation.path, &message));
        }
    }
    // A database that cannot be asked has relations that nobody looked at.
    present += relations.unread;
    let mut result = RULE.judged(present, examined, findings);
    if relations.unread > 0 {
        result.reason = Some(format!("the relations of {} databases could not be listed", relations.unread));
    }
    result
}

/// What a server that does not start or answer lacks; nothing where it has what
/// is looked at here.
pub fn of_failed_start(data: &Path, major: u32) -> Option<CheckResult> {
    let mut findings = of_cluster(data, major);
    if findings.is_empty() {
        let list = std::fs::read_dir(data.join("base")).into_iter().flatten().flatten();
        let names = list.filter_map(|e| e.file_name().into_string().ok());
        let databases = names.filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        findings.extend(databases.flat_map(|n| of_database(data, major, &format!("base/{n}"))));
    }
    let number = findings.len() as u64;
    (number > 0).then(|| RULE.judged(number, number, findings))
}

fn of_cluster(data: &Path, major: u32) -> Vec<Finding> {
    let mut out = Vec::from_iter(version(data, major, "PG_VERSION"));
    out.extend(map(data, "global/pg_filenode.map"));
    let control = plain_file::read_below(data, "global/pg_control", SMALL);
    out.extend(match control {
        Err(Unreadable::Missing) => Some(finding("global/pg_control", "the file is missing")),
        Ok(bytes) if bytes.len() < 512 => Some(finding("global/pg_control", "the file is cut off")),
        Ok(bytes) if bytes.iter().all(|b| *b == 0) => Some(finding("global/pg_control", "the file is zeroed")),
        _ => None,
    });
    out
}

fn of_database(data: &Path, major: u32, dir: &str) -> Vec<Finding> {
    let mut out = Vec::from_iter(version(data, major, &format!("{dir}/PG_VERSION")));
    out.extend(map(data, &format!("{dir}/pg_filenode.map")));
    out
}

fn finding(path: &str, message: &str) -> Finding {
    RULE.finding(path, message, RESTORE_AGAIN)
}

/// `PG_VERSION` names the backup's major.
fn version(data: &Path, major: u32, path: &str) -> Option<Finding> {
    match plain_file::read_below(data, path, SMALL) {
        Err(Unreadable::Missing) => Some(finding(path, "the file is missing")),
        Err(e) => Some(finding(path, &e.to_string())),
        Ok(bytes) => {
            let number = std::str::from_utf8(&bytes).ok().and_then(|t| t.trim().parse::<u32>().ok());
            let told = number.map_or_else(|| "no version".to_owned(), |n| format!("PostgreSQL {n}"));
            (number != Some(major))
                .then(|| finding(path, &format!("it names {told}, the backup is of PostgreSQL {major}")))
        }
    }
}

/// `pg_filenode.map` (`relmapper.c`): a magic number, a count, mappings of 8
/// bytes, and the CRC-32C of all before it; 62 mappings before 16, 64 since.
fn map(data: &Path, path: &str) -> Option<Finding> {
    const MAGIC: u32 = 0x0059_2717;
    let bytes = match plain_file::read_below(data, path, SMALL) {
        Ok(bytes) => bytes,
        Err(Unreadable::Missing) => return Some(finding(path, "the file is missing")),
        Err(e) => return Some(finding(path, &e.to_string())),
    };
    let at = match bytes.len() {
        512 => 504,
        524 => 520,
        _ => return Some(finding(path, "the file is cut off")),
    };
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_ne_bytes);
    if word(0) != Some(MAGIC) || word(at) != Some(crc32c(&bytes[..at])) {
        return Some(finding(path, "its content is damaged"));
    }
    None
}

/// CRC-32C (RFC 3720, appendix B.4), for a few hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0x82f6_3b78 } else { c >> 1 })
    })
}

/// What is wrong with a relation's files.
fn wrong(data: &Path, relations: &Relations, relation: &Relation) -> Option<String> {
    let page = relations.page as u64;
    let mut segment = 0u32;
    loop {
        let name = if segment == 0 { relation.path.clone() } else { format!("{}.{segment}", relation.path) };
        let size = match size(data, &name) {
            Ok(size) => size,
            Err(Unreadable::Missing) if segment > 0 => return None,
            Err(Unreadable::Missing) => return Some("its file is missing".to_owned()),
            Err(e) => return Some(e.to_string()),
        };
        if size % page != 0 {
            return Some("its file ends within a page".to_owned());
        }
        if segment == 0 && relation.shape.begins_with_a_page() {
            match begins_with_zeros(data, &name, relations.page) {
                Ok(None) => return Some("its file is empty".to_owned()),
                Ok(Some(true)) => return Some("its first page, without which it cannot be used, is zeroed".to_owned()),
                Ok(Some(false)) => {}
                Err(e) => return Some(e.to_string()),
            }
        }
        if size < relations.segment_pages * page {
            // Truncation may leave empty files behind, but none with pages.
            let next = format!("{}.{}", relation.path, segment + 1);
            let more = self::size(data, &next).is_ok_and(|n| n > 0);
            return more.then(|| format!("its file {segment} is cut off, and others follow"));
        }
        segment += 1;
    }
}

/// Whether the first page is full of zeros; nothing of an empty file.
fn begins_with_zeros(data: &Path, name: &str, page: usize) -> Result<Option<bool>, Unreadable> {
    let file = plain_file::open_below(data, Path::new(name), u64::MAX)?;
    let mut first = Vec::with_capacity(page);
    file.take(page as u64).read_to_end(&mut first).map_err(Unreadable::Failed)?;
    Ok((!first.is_empty()).then(|| first.iter().all(|b| *b == 0)))
}

fn size(data: &Path, name: &str) -> Result<u64, Unreadable> {
    let file = plain_file::open_below(data, Path::new(name), u64::MAX)?;
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sum_is_castagnolis() {
        // RFC 3720, B.4: 32 bytes of zeros, and the usual nine digits.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
