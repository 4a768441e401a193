//! The whole table of contents of an archive, for choosing from it.

use super::archive_input::{Input, Item, Value, damaged};
use crate::error::{Code, Error, Result, Stage};
use crate::types::Digest;

/// Most bytes from the beginning of an archive to the end of its table of contents.
pub const MAX_BYTES: usize = 512 * 1024 * 1024;

/// One entry, as far as choosing needs it. Names are in the archive's encoding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The number that `pg_restore --use-list` knows it by.
    pub id: i64,
    /// Kind: `TABLE`, `FK CONSTRAINT`, …
    pub desc: String,
    /// Name, often with the name of its table before it.
    pub tag: Vec<u8>,
    /// Schema; empty where it has none.
    pub schema: Vec<u8>,
    /// Numbers of the entries that it needs.
    pub needs: Vec<i64>,
    /// A table that inherits from, or was attached to, another one.
    pub inherits: bool,
    /// The tablespace that it lies in; empty where that is the database's own.
    pub tablespace: Vec<u8>,
    /// Whose it is, in what table access method it is kept, and what makes it; absent
    /// where only [`read`].
    pub made: Option<Made>,
}

/// What an entry restores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// Its owner.
    pub owner: Vec<u8>,
    /// Digest of its statement, and of its access method.
    pub by: Digest,
    /// Its statement, of those kinds that name roles (see [`NAMES_ROLES`]); else empty.
    pub names_roles: Vec<u8>,
}

/// Kinds whose statements name roles that are not the owner.
pub const NAMES_ROLES: [&str; 4] = ["ACL", "DEFAULT ACL", "POLICY", "USER MAPPING"];

/// Reads the table of contents at the beginning of `archive`; `None` where it is
/// not all there yet.
///
/// # Errors
/// Corrupt (40): what lies there is no archive that pgseal knows.
pub fn read(archive: &[u8]) -> Result<Option<Vec<Listed>>> {
    list(archive, false)
}

/// The same of a whole archive, with what its entries make.
///
/// # Errors
/// As of [`read`]; corrupt (40) too where it ends within its table of contents.
pub fn read_made(archive: &[u8]) -> Result<Vec<Listed>> {
    let cut_off = || Error::new(Code::Corrupt, Stage::Restore, "the archive ends within its table of contents");
    list(archive, true)?.ok_or_else(cut_off)
}

fn list(archive: &[u8], made: bool) -> Result<Option<Vec<Listed>>> {
    if archive.len() > MAX_BYTES {
        return Err(Error::new(Code::Limit, Stage::Restore, "the table of contents is too large"));
    }
    match (Reader { rest: archive, input: Input::default(), made }).list() {
        Ok(list) => Ok(Some(list)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Bad(e)) => Err(Error::new(Code::Corrupt, Stage::Restore, e.text())),
    }
}

enum Stop {
    More,
    Bad(Error),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Self::Bad(e)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    input: Input,
    made: bool,
}

impl Reader<'_> {
    fn next(&mut self, item: Item) -> Result<Value, Stop> {
        self.input.next(&mut self.rest, item)?.ok_or(Stop::More)
    }

    fn int(&mut self) -> Result<i64, Stop> {
        Ok(self.next(Item::Int)?.int())
    }

    fn text(&mut self, keep: bool) -> Result<Option<Vec<u8>>, Stop> {
        match self.next(Item::Text { keep })? {
            Value::Text(text) => Ok(text),
            Value::Int(_) => Ok(None),
        }
    }

    /// See [`super::archive`] for the format.
    fn list(&mut self) -> Result<Vec<Listed>, Stop> {
        let head = self.input.fixed(&mut self.rest, 11).ok_or(Stop::More)?;
        let minor = head[6];
        if &head[..5] != b"PGDMP" || head[5] != 1 || !(14..=16).contains(&minor) || head[8..11] != [4, 8, 1] {
            return Err(damaged("the archive's format is not known").into());
        }
        self.next(if minor >= 15 { Item::Byte } else { Item::Int })?;
        for _ in 0..7 {
            self.int()?;
        }
        for _ in 0..3 {
            self.text(false)?;
        }
        let count = self.int()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.entry(minor)?);
        }
        Ok(list)
    }

    fn entry(&mut self, minor: u8) -> Result<Listed, Stop> {
        let id = self.int()?;
        self.int()?;
        // The numbers of catalog and object.
        self.text(false)?;
        self.text(false)?;
        let tag = self.text(true)?.unwrap_or_default();
        let desc = String::from_utf8_lossy(&self.text(true)?.unwrap_or_default()).into_owned();
        self.int()?;
        let definition = self.text(self.made || desc == "TABLE")?.unwrap_or_default();
        // DROP and COPY statements.
        self.text(false)?;
        self.text(false)?;
        let schema = self.text(true)?.unwrap_or_default();
        let tablespace = self.text(true)?.unwrap_or_default();
        let method = self.text(self.made)?.unwrap_or_default();
        if minor >= 16 {
            self.int()?;
        }
        let owner = self.text(self.made)?.unwrap_or_default();
        // Whether it has OIDs.
        self.text(false)?;
        let mut needs = Vec::new();
        while let Some(number) = self.text(true)? {
            let number = std::str::from_utf8(&number).ok().and_then(|n| n.parse().ok());
            needs.push(number.ok_or_else(|| damaged("a dependency is not a number"))?);
        }
        self.next(Item::Offset)?;
        let has = |needle: &[u8]| memchr::memmem::find(&definition, needle).is_some();
        // Up to 13 a partition is attached by its own entry's statement.
        let inherits = has(b"\nINHERITS (") || has(b" ATTACH PARTITION ");
        let made = self.made.then(|| {
            let by = Digest::of(&[&definition[..], b"\0", &method].concat());
            let names_roles = if NAMES_ROLES.contains(&desc.as_str()) { definition } else { Vec::new() };
            Made { owner, by, names_roles }
        });
        Ok(Listed { id, desc, tag, schema, needs, inherits, tablespace, made })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(n: i32) -> Vec<u8> {
        let mut out = vec![u8::from(n < 0)];
        out.extend(n.unsigned_abs().to_le_bytes());
        out
    }

    fn text(t: &str) -> Vec<u8> {
        [int(i32::try_from(t.len()).unwrap()), t.as_bytes().to_vec()].concat()
    }

    /// A table of contents with one entry, in format 1.14.
    fn archive(dependency: &str) -> Vec<u8> {
        let mut out = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
        out.extend(int(0));
        out.extend((0..7).flat_map(int));
        out.extend(["db", "15.1", "15.1"].map(text).concat());
        out.extend(int(1));
        out.extend([int(7), int(0)].concat());
        out.extend(["1259", "16384", "we\nird", "TABLE"].map(text).concat());
        out.extend(int(2));
        out.extend(["CREATE TABLE x (\n)\nINHERITS (y);", "DROP", ""].map(text).concat());
        out.extend(["s.", "fast", "heap", "postgres", "false", dependency].map(text).concat());
        out.extend([int(-1), vec![1; 9]].concat());
        out
    }

    #[test]
    fn entries_are_read_when_they_are_all_there() {
        let whole = archive("5");
        let list = read(&whole).unwrap().unwrap();
        let expected = Listed {
            id: 7,
            desc: "TABLE".into(),
            tag: b"we\nird".to_vec(),
            schema: b"s.".to_vec(),
            needs: vec![5],
            inherits: true,
            tablespace: b"fast".to_vec(),
            made: None,
        };
        assert_eq!(list, [expected]);
        let made = read_made(&whole).unwrap().remove(0).made.unwrap();
        let by = Digest::of(b"CREATE TABLE x (\n)\nINHERITS (y);\0heap");
        assert_eq!(made, Made { owner: b"postgres".to_vec(), by, names_roles: Vec::new() });
        for n in 0..whole.len() {
            assert!(read(&whole[..n]).unwrap().is_none(), "{n}");
            assert_eq!(read_made(&whole[..n]).unwrap_err().code(), Code::Corrupt, "{n}");
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let mut other = archive("5");
        other[6] = 99;
        for bad in [&other[..], &archive("x")[..], b"-- PostgreSQL dump"] {
            assert_eq!(read(bad).unwrap_err().code(), Code::Corrupt);
        }
    }
}
