//! Which entries of an archive make up some tables: for `pg_restore --use-list`,
//! which goes by number, so that no name is ever a pattern.
//!
//! A table comes with its partitions and inheriting tables, and with everything
//! that is a part of it. What any of that needs (schema, types, functions,
//! partition roots) is created too, other tables without their rows. A foreign
//! key is left out unless the rows of both its tables are restored.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Code, Error, Result, Stage};
use crate::source::archive_list::Listed;
use crate::source::facts::ObjectName;
use crate::types::shown;

/// Kinds that have parts: entries that need one of these and begin with its name.
const OWNERS: [&str; 5] = ["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "DOMAIN"];
/// Kinds of parts whose tag is the owner's name, a space and their own.
const NAMED_PARTS: [&str; 8] =
    ["DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "TRIGGER", "RULE", "POLICY", "ROW SECURITY"];
/// Kinds of parts with a name of their own.
const PARTS: [&str; 4] = ["INDEX", "STATISTICS", "SEQUENCE", "STATISTICS DATA"];
/// What comes along when everything that it needs is there.
const COMPANIONS: [&str; 6] = ["COMMENT", "ACL", "SECURITY LABEL", "TABLE ATTACH", "INDEX ATTACH", "SEQUENCE OWNED BY"];
/// What `--table` may name.
const TABLES: [&str; 2] = ["TABLE", "FOREIGN TABLE"];

/// Schema and name as they stand in the archive.
type Name = (Vec<u8>, Vec<u8>);

/// What was chosen.
#[derive(Debug, Default)]
pub struct Selection {
    /// Numbers of the entries of the schema stream, in its order.
    pub ids: Vec<i64>,
    /// Tables that get their rows.
    pub rows: BTreeSet<ObjectName>,
    /// Tables that are created because something needs them, and stay empty.
    pub empty: Vec<ObjectName>,
    /// Foreign keys that are left out.
    pub foreign_keys: Vec<String>,
    rows_raw: BTreeSet<Name>,
    sequences_raw: BTreeSet<Name>,
}

impl Selection {
    /// Chooses `wanted` from the table of contents of a schema stream of a
    /// database with this encoding.
    ///
    /// # Errors
    /// Usage (2), with the nearest name, where a table is not there.
    pub fn choose(list: &[Listed], wanted: &[ObjectName], encoding: &str) -> Result<Self> {
        let mut chooser = Chooser::new(list);
        for name in wanted {
            let of_name = |e: &&Listed| {
                text(&e.schema, encoding).is_some_and(|s| s == name.schema)
                    && text(&e.tag, encoding).is_some_and(|n| n == name.name)
            };
            match list.iter().filter(|e| TABLES.contains(&e.desc.as_str())).find(of_name) {
                Some(entry) => chooser.with_rows(entry.id),
                None => return Err(missing(list, name, encoding, list.iter().find(of_name))),
            }
        }
        chooser.complete();
        chooser.finish(encoding)
    }

    /// Numbers of the entries of a data stream that hold what was chosen, and the
    /// tables among them.
    pub fn of_data(&self, list: &[Listed], encoding: &str) -> (Vec<i64>, Vec<ObjectName>) {
        let (mut ids, mut tables) = (Vec::new(), Vec::new());
        for e in list {
            let raw = (e.schema.clone(), e.tag.clone());
            match e.desc.as_str() {
                "TABLE DATA" if self.rows_raw.contains(&raw) => {
                    ids.push(e.id);
                    tables.extend(object(e, encoding));
                }
                "SEQUENCE SET" if self.sequences_raw.contains(&raw) => ids.push(e.id),
                _ => {}
            }
        }
        (ids, tables)
    }

    /// Whether any sequence gets its value.
    pub fn has_sequences(&self) -> bool {
        !self.sequences_raw.is_empty()
    }
}

struct Chooser<'a> {
    list: &'a [Listed],
    by_id: BTreeMap<i64, &'a Listed>,
    chosen: BTreeSet<i64>,
    rows: BTreeSet<i64>,
    left_out: BTreeSet<i64>,
}

impl<'a> Chooser<'a> {
    fn new(list: &'a [Listed]) -> Self {
        let by_id = list.iter().map(|e| (e.id, e)).collect();
        Self { list, by_id, chosen: BTreeSet::new(), rows: BTreeSet::new(), left_out: BTreeSet::new() }
    }

    /// The table and what inherits from it: their rows are the table's, too.
    fn with_rows(&mut self, id: i64) {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            if !self.rows.insert(id) {
                continue;
            }
            self.need(id);
            for e in self.list.iter().filter(|e| e.needs.contains(&id)) {
                if e.desc == "TABLE ATTACH" {
                    // Named after the partition; needs both tables.
                    let is_it =
                        |n: &&i64| self.by_id.get(n).is_some_and(|t| (&t.schema, &t.tag) == (&e.schema, &e.tag));
                    todo.extend(e.needs.iter().filter(|n| **n != id).find(is_it));
                } else if e.desc == "TABLE" && e.inherits {
                    todo.push(e.id);
                }
            }
        }
    }

    /// The entry and all that it needs.
    fn need(&mut self, id: i64) -> bool {
        let mut todo = vec![id];
        let mut new = false;
        while let Some(id) = todo.pop() {
            // Numbers without an entry are of what every database has.
            if let Some(e) = self.by_id.get(&id)
                && self.chosen.insert(id)
            {
                new = true;
                todo.extend(&e.needs);
            }
        }
        new
    }

    /// Adds parts and companions until nothing is missing.
    fn complete(&mut self) {
        loop {
            let mut new = false;
            for e in self.list {
                if self.chosen.contains(&e.id) || !self.belongs(e) {
                    continue;
                }
                if e.desc == "FK CONSTRAINT" && !self.tables_of(e).all(|t| self.rows.contains(&t)) {
                    self.left_out.insert(e.id);
                    continue;
                }
                new |= self.need(e.id);
            }
            if !new {
                return;
            }
        }
    }

    fn tables_of(&self, e: &'a Listed) -> impl Iterator<Item = i64> {
        e.needs.iter().copied().filter(|n| self.by_id.get(n).is_some_and(|t| TABLES.contains(&t.desc.as_str())))
    }

    fn belongs(&self, e: &'a Listed) -> bool {
        let desc = e.desc.as_str();
        let owner = |e: &Listed| {
            e.needs.iter().filter(|n| self.chosen.contains(n)).filter_map(|n| self.by_id.get(n)).any(|o| {
                OWNERS.contains(&o.desc.as_str())
                    && o.schema == e.schema
                    && e.tag.strip_prefix(o.tag.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b' ')
            })
        };
        if NAMED_PARTS.contains(&desc) {
            return owner(e);
        }
        if PARTS.contains(&desc) {
            let mut tables = self.tables_of(e).peekable();
            let is_view =
                |n: &i64| self.chosen.contains(n) && self.by_id.get(n).is_some_and(|o| o.desc == "MATERIALIZED VIEW");
            return (tables.peek().is_some() && tables.all(|t| self.chosen.contains(&t)))
                || e.needs.iter().any(is_view);
        }
        if !COMPANIONS.contains(&desc) {
            return false;
        }
        // Every database has the schema "public", so it has no entry of its own.
        if e.tag == b"SCHEMA public" && e.schema.is_empty() {
            return self.chosen.iter().filter_map(|id| self.by_id.get(id)).any(|c| c.schema == b"public");
        }
        !e.needs.is_empty() && e.needs.iter().all(|n| self.chosen.contains(n))
    }

    fn finish(self, encoding: &str) -> Result<Selection> {
        let mut out = Selection::default();
        for e in self.list {
            if self.left_out.contains(&e.id) && !self.chosen.contains(&e.id) {
                out.foreign_keys.push(String::from_utf8_lossy(&[&e.schema[..], b".", &e.tag].concat()).into_owned());
            }
            if !self.chosen.contains(&e.id) {
                continue;
            }
            out.ids.push(e.id);
            let raw = (e.schema.clone(), e.tag.clone());
            match e.desc.as_str() {
                "TABLE" | "FOREIGN TABLE" => {
                    let name = object(e, encoding).ok_or_else(|| {
                        Error::new(
                            Code::Usage,
                            Stage::Restore,
                            format!("a table's name cannot be read from {encoding}"),
                        )
                        .hint("Restore the whole database.")
                    })?;
                    if self.rows.contains(&e.id) {
                        out.rows.insert(name);
                        out.rows_raw.insert(raw);
                    } else {
                        out.empty.push(name);
                    }
                }
                "SEQUENCE" => _ = out.sequences_raw.insert(raw),
                _ => {}
            }
        }
        Ok(out)
    }
}

fn object(e: &Listed, encoding: &str) -> Option<ObjectName> {
    Some(ObjectName { schema: text(&e.schema, encoding)?, name: text(&e.tag, encoding)? })
}

/// Names as text. Of single-byte encodings only Latin 1 is read; ASCII is the
/// same in all that a server may have.
pub(super) fn text(bytes: &[u8], encoding: &str) -> Option<String> {
    match encoding {
        "LATIN1" => Some(bytes.iter().copied().map(char::from).collect()),
        "UTF8" | "SQL_ASCII" => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ if bytes.is_ascii() => Some(bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

/// The table is not there; the nearest one may be meant.
fn missing(list: &[Listed], name: &ObjectName, encoding: &str, other: Option<&Listed>) -> Error {
    let e = Error::usage("the backup does not hold this table").on(name.quoted());
    if let Some(other) = other {
        return e.hint(format!("This is a {}; --table takes tables only.", shown(&other.desc).to_lowercase()));
    }
    let near = |o: &ObjectName| {
        strsim::jaro_winkler(&o.name, &name.name) + 0.5 * strsim::jaro_winkler(&o.schema, &name.schema)
    };
    let tables = list.iter().filter(|e| TABLES.contains(&e.desc.as_str())).filter_map(|e| object(e, encoding));
    match tables.max_by(|a, b| near(a).total_cmp(&near(b))) {
        Some(nearest) => e.hint(format!("Did you mean {}?", nearest.quoted())),
        None => e.hint("The database holds no tables."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64, desc: &str, tag: &str, needs: &[i64]) -> Listed {
        let schema = if desc == "SCHEMA" { Vec::new() } else { b"s".to_vec() };
        Listed { id, desc: desc.into(), tag: tag.into(), schema, needs: needs.to_vec(), ..Listed::default() }
    }

    fn name(n: &str) -> ObjectName {
        ObjectName { schema: "s".into(), name: n.into() }
    }

    fn sample() -> Vec<Listed> {
        vec![
            entry(1, "SCHEMA", "s", &[]),
            entry(2, "TYPE", "mood", &[1]),
            entry(3, "TABLE", "a", &[1, 2]),
            entry(4, "SEQUENCE", "a_id_seq", &[1, 3]),
            entry(5, "TABLE", "b", &[1]),
            entry(6, "DEFAULT", "a id", &[3, 4]),
            entry(7, "CONSTRAINT", "a a_pkey", &[3]),
            entry(8, "FK CONSTRAINT", "b fk", &[3, 5, 7]),
            entry(9, "RULE", "b r", &[5, 3]),
            entry(10, "ACL", "TABLE a", &[3]),
            entry(11, "TABLE", "root", &[1]),
            entry(12, "TABLE", "leaf", &[1, 11]),
            entry(13, "TABLE ATTACH", "leaf", &[12, 11]),
            entry(14, "DEFAULT ACL", "DEFAULT PRIVILEGES FOR TABLES", &[1]),
            entry(15, "VIEW", "v", &[3]),
            entry(16, "FK CONSTRAINT", "leaf fk", &[12, 11]),
        ]
    }

    fn choose(names: &[&str]) -> Selection {
        Selection::choose(&sample(), &names.iter().map(|n| name(n)).collect::<Vec<_>>(), "UTF8").unwrap()
    }

    #[test]
    fn a_table_comes_with_its_parts_and_needs_and_nothing_else() {
        assert_eq!(choose(&["a"]).ids, [1, 2, 3, 4, 6, 7, 10]);
        // The rule of b needs a, which is created for it and stays empty.
        let b = choose(&["b"]);
        assert_eq!(b.empty, [name("a")]);
        assert_eq!(b.foreign_keys, ["s.b fk"]);
        let both = choose(&["a", "b"]);
        assert!(both.ids.contains(&8) && both.foreign_keys.is_empty() && both.empty.is_empty());
    }

    #[test]
    fn partitions_come_with_their_root_and_roots_bring_their_partitions() {
        let root = choose(&["root"]);
        assert_eq!((root.ids, root.rows.len()), (vec![1, 11, 12, 13, 16], 2));
        let leaf = choose(&["leaf"]);
        assert_eq!((leaf.ids, leaf.empty, leaf.foreign_keys.len()), (vec![1, 11, 12, 13], vec![name("root")], 1));
    }

    #[test]
    fn rows_and_values_are_found_by_exact_name() {
        let data = [
            entry(90, "TABLE DATA", "a", &[3]),
            entry(91, "TABLE DATA", "b", &[5]),
            entry(92, "SEQUENCE SET", "a_id_seq", &[4]),
            entry(93, "BLOBS", "BLOBS", &[]),
        ];
        assert_eq!(choose(&["a"]).of_data(&data, "UTF8"), (vec![90, 92], vec![name("a")]));
    }

    #[test]
    fn a_missing_table_is_told_with_the_nearest_name() {
        let hint = |n: &str| {
            let e = Selection::choose(&sample(), &[name(n)], "UTF8").unwrap_err();
            assert_eq!(e.code(), Code::Usage);
            e.next_step().unwrap().to_owned()
        };
        assert_eq!(hint("laef"), "Did you mean \"s\".\"leaf\"?");
        assert_eq!(hint("v"), "This is a view; --table takes tables only.");
        assert_eq!(
            Selection::choose(&[], &[name("x")], "UTF8").unwrap_err().next_step(),
            Some("The database holds no tables.")
        );
    }

    #[test]
    fn names_are_read_in_the_encodings_that_can_be() {
        assert_eq!(text(b"\xe9", "LATIN1").as_deref(), Some("é"));
        assert_eq!(text("é".as_bytes(), "UTF8").as_deref(), Some("é"));
        assert_eq!(text(b"\xe9", "WIN1251"), None);
        assert_eq!(text(b"e", "WIN1251").as_deref(), Some("e"));
    }
}
