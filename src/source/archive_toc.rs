//! One entry of an archive's table of contents.

use super::archive_input::{Item, Value, damaged};
use super::facts::{ObjectName, SequenceFacts};
use crate::error::Result;

/// An entry whose data comes later.
#[derive(Debug)]
pub(super) enum Kept {
    Table { oid: u32, name: ObjectName, columns: Vec<String> },
    Blobs,
}

/// A whole entry, as far as it matters.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) data: Option<Kept>,
    pub(super) sequence: Option<SequenceFacts>,
    /// Bytes of texts that stay in memory.
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    HasData,
    TableOid,
    Oid,
    Tag,
    Desc,
    Section,
    Definition,
    Drop,
    Copy,
    Schema,
    Tablespace,
    AccessMethod,
    RelKind,
    Owner,
    WithOids,
    Dependency,
    Position,
}

const FIELDS: [Field; 18] = [
    Field::Id,
    Field::HasData,
    Field::TableOid,
    Field::Oid,
    Field::Tag,
    Field::Desc,
    Field::Section,
    Field::Definition,
    Field::Drop,
    Field::Copy,
    Field::Schema,
    Field::Tablespace,
    Field::AccessMethod,
    Field::RelKind,
    Field::Owner,
    Field::WithOids,
    Field::Dependency,
    Field::Position,
];

/// Collects the fields of an entry.
#[derive(Debug, Default)]
pub(super) struct EntryReader {
    at: usize,
    minor: u8,
    id: i64,
    has_data: bool,
    oid: String,
    tag: Vec<u8>,
    desc: String,
    definition: Vec<u8>,
    copy: Vec<u8>,
    schema: Vec<u8>,
}

impl EntryReader {
    pub(super) fn new(minor: u8) -> Self {
        Self { minor, ..Self::default() }
    }

    fn is_table(&self) -> bool {
        self.desc == "TABLE DATA"
    }

    fn is_sequence(&self) -> bool {
        self.desc == "SEQUENCE SET"
    }

    /// What to read next.
    pub(super) fn wants(&self) -> Item {
        match FIELDS[self.at] {
            Field::Id | Field::HasData | Field::Section | Field::RelKind => Item::Int,
            Field::Position => Item::Offset,
            Field::Oid | Field::Tag | Field::Desc => Item::Text { keep: true },
            Field::Definition => Item::Text { keep: self.is_sequence() },
            Field::Copy => Item::Text { keep: self.is_table() },
            Field::Schema => Item::Text { keep: self.is_table() || self.is_sequence() },
            Field::TableOid
            | Field::Drop
            | Field::Tablespace
            | Field::AccessMethod
            | Field::Owner
            | Field::WithOids
            | Field::Dependency => Item::Text { keep: false },
        }
    }

    /// Takes it; gives the entry after its last field.
    pub(super) fn take(&mut self, value: Value) -> Result<Option<Entry>> {
        let field = FIELDS[self.at];
        // Dependencies go on until a NULL.
        if field == Field::Dependency && matches!(value, Value::Text(Some(_))) {
            return Ok(None);
        }
        match (field, value) {
            (Field::Id, Value::Int(n)) => self.id = n,
            (Field::HasData, Value::Int(n)) => self.has_data = n != 0,
            (Field::Oid, v) => self.oid = v.text(),
            (Field::Desc, v) => self.desc = v.text(),
            (Field::Tag, Value::Text(Some(t))) => self.tag = t,
            (Field::Definition, Value::Text(Some(t))) => self.definition = t,
            (Field::Copy, Value::Text(Some(t))) => self.copy = t,
            (Field::Schema, Value::Text(Some(t))) => self.schema = t,
            _ => (),
        }
        self.at += 1;
        // The kind of relation came with 1.16.
        if self.minor < 16 && FIELDS.get(self.at) == Some(&Field::RelKind) {
            self.at += 1;
        }
        if self.at < FIELDS.len() { Ok(None) } else { self.entry().map(Some) }
    }

    fn entry(&mut self) -> Result<Entry> {
        let bytes = (self.tag.len() + self.schema.len() + self.copy.len() + 256) as u64;
        let named = self.is_table() || self.is_sequence();
        let name = |s: &Self| ObjectName {
            schema: String::from_utf8_lossy(&s.schema).into_owned(),
            name: String::from_utf8_lossy(&s.tag).into_owned(),
        };
        let sequence = if self.is_sequence() {
            let (last_value, is_called) = setval(&self.definition)
                .ok_or_else(|| damaged("a sequence's value cannot be read").on(name(self).quoted()))?;
            Some(SequenceFacts { name: name(self), last_value, is_called, until: None })
        } else {
            None
        };
        let data = match (self.has_data, self.desc.as_str()) {
            (false, _) => None,
            (true, "BLOBS") => Some(Kept::Blobs),
            (true, "TABLE DATA") => {
                let columns = copy_columns(&self.copy)
                    .ok_or_else(|| damaged("a table's COPY statement cannot be read").on(name(self).quoted()))?;
                let oid = self.oid.parse().map_err(|_| damaged("a table has no number"))?;
                Some(Kept::Table { oid, name: name(self), columns })
            }
            (true, other) => return Err(damaged(&format!("an entry of kind \"{other}\" is not known to have data"))),
        };
        Ok(Entry { id: self.id, data, sequence, bytes: if named { bytes } else { 0 } })
    }
}

/// Columns of `COPY schema.table (a, "b c") FROM stdin;`; none where there is no list.
fn copy_columns(statement: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(statement);
    let rest = skip_name(text.strip_prefix("COPY ")?)?;
    let rest = match rest.strip_prefix('.') {
        Some(rest) => skip_name(rest)?,
        None => rest,
    };
    let rest = rest.trim_start_matches(' ');
    let mut columns = Vec::new();
    let Some(mut rest) = rest.strip_prefix('(') else {
        return rest.starts_with("FROM stdin;").then_some(columns);
    };
    loop {
        let after = skip_name(rest)?;
        columns.push(unquote(&rest[..rest.len() - after.len()]));
        rest = match (after.strip_prefix(", "), after.strip_prefix(") FROM stdin;")) {
            (Some(more), _) => more,
            (None, Some(_)) => return Some(columns),
            (None, None) => return None,
        };
    }
}

/// What follows an identifier, quoted or not.
fn skip_name(text: &str) -> Option<&str> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return (end > 0).then(|| &text[end..]);
    };
    let mut from = 0;
    loop {
        let quote = from + inner[from..].find('"')?;
        if inner[quote + 1..].starts_with('"') {
            from = quote + 2;
        } else {
            return Some(&inner[quote + 1..]);
        }
    }
}

fn unquote(name: &str) -> String {
    match name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

/// Value and flag of `SELECT pg_catalog.setval('…', 7, true);`.
fn setval(statement: &[u8]) -> Option<(i64, bool)> {
    let text = String::from_utf8_lossy(statement);
    let inner = text.trim_end().strip_prefix("SELECT pg_catalog.setval(")?.strip_suffix(");")?;
    let mut parts = inner.rsplitn(3, ", ");
    let called = match parts.next()? {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    Some((parts.next()?.parse().ok()?, called))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_lists_are_read_with_their_quotes() {
        let read = |s: &str| copy_columns(s.as_bytes());
        assert_eq!(read("COPY public.t (a, b_1) FROM stdin;\n").unwrap(), ["a", "b_1"]);
        assert_eq!(
            read("COPY \"s.\"\" (x\".\"t, (\" (\"a, b\", \"c\"\") FROM stdin;\", d) FROM stdin;\n").unwrap(),
            ["a, b", "c\") FROM stdin;", "d"]
        );
        assert!(read("COPY public.t  FROM stdin;\n").unwrap().is_empty());
        for bad in ["", "COPY ", "COPY public.t (a", "COPY public.t (a) TO stdout;", "COPY public.\"t (a) FROM stdin;"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn sequence_values_are_read() {
        assert_eq!(setval(b"SELECT pg_catalog.setval('public.s, 1, true);', -7, false);\n"), Some((-7, false)));
        assert_eq!(setval(b"SELECT pg_catalog.setval('s', 9223372036854775807, true);\n\n"), Some((i64::MAX, true)));
        for bad in [&b""[..], b"SELECT pg_catalog.setval('s', 1, maybe);", b"SELECT pg_catalog.setval('s', x, true);"] {
            assert_eq!(setval(bad), None);
        }
    }
}
