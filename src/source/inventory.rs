//! Every object of a database: what it is, whose it is, who may use it.
//!
//! Read in the dump's own snapshot and sealed beside it, and read again, by the
//! same queries, on the restored copy. A database of any size takes the same few
//! dozen queries. Objects are named by kind and identity as PostgreSQL writes
//! them (`pg_identify_object()`), so `table: public.t`, `trigger: g on public.t`.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::ask::{Ask, rows};
use super::deparsed::{self, Definition};
use super::schema::scope;
use super::{extension_members, large_objects, probe, rights, schema};
use crate::error::{Code, Error, Result, Stage};
use crate::types::Digest;

pub use super::extension_members::EXTENSION_VERSION;
pub use super::schema::added::ENFORCEMENT;
pub use super::schema::rare::MAPPING_OPTIONS;

/// What the names of members begin with that users added to an operator family of the
/// system (`pg_identify_object()`). pg_dump writes members with their family only, and
/// the system's families not at all (`dumpOpfamily()` in PostgreSQL's pg_dump.c).
const FAMILY_MEMBERS: [&str; 2] = ["function of access method: ", "operator of access method: "];

/// Whether this is such a member, by its name among the objects.
pub fn is_family_member(name: &str) -> bool {
    FAMILY_MEMBERS.iter().any(|kind| name.starts_with(kind))
}

/// What the names of user mappings begin with.
pub const USER_MAPPING: &str = "user mapping: ";

/// The user mapping, where the role was not allowed to see its options: pg_dump writes it
/// without them (`dumpUserMappings()` in PostgreSQL's pg_dump.c reads the same view).
pub fn hides_options<'n>(name: &'n str, object: &ObjectFacts) -> Option<&'n str> {
    name.strip_prefix(USER_MAPPING).filter(|_| !object.parts.contains_key(MAPPING_OPTIONS))
}

/// Most parts of objects that are sealed: they must stay far below the largest
/// facts that are read (1 GiB).
const MOST: usize = 2_000_000;

/// Most bytes of definitions that are sealed as they are. What is beyond has a
/// digest: equal or not can still be told, but not whether a difference means anything.
const MOST_TEXT: usize = 32 * 1024 * 1024;

/// What a database is made of. Keys of the maps are names of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// By which queries it was read, see [`VERSION`]; 1 in backups of older versions.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u32,
    /// Objects that users made.
    pub objects: Objects,
    /// Privileges that are not those an object is born with, `role PRIVILEGE`;
    /// of the system's and of extensions' objects too.
    pub grants: BTreeMap<String, Vec<String>>,
    /// `ALTER DEFAULT PRIVILEGES`.
    pub default_grants: BTreeMap<String, Vec<String>>,
    /// Policies, and tables with row security: parts with their fingerprints.
    pub row_security: BTreeMap<String, BTreeMap<String, String>>,
    /// Check constraints and foreign keys: whether they are validated.
    pub constraints: BTreeMap<String, bool>,
    /// Collations in use that have versions.
    pub collations: BTreeMap<String, CollationFacts>,
    /// Digest of comments and labels of large objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_object_labels: Option<Digest>,
    /// Publications, which a drill of a logical backup does not restore: parts with
    /// their fingerprints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub publications: BTreeMap<String, BTreeMap<String, String>>,
    /// Objects that users put into the system's schemas. They are among `objects` too,
    /// but pg_dump writes none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// Definitions with expressions in them, by object and part, as the server wrote
    /// them; absent in backups of older versions, which hold loose fingerprints only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Definitions>,
    /// Objects that belong to extensions, by extension; absent in backups of older
    /// versions. No dump holds them: `CREATE EXTENSION` makes them anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<BTreeMap<String, Objects>>,
}

/// Objects by name.
pub type Objects = BTreeMap<String, ObjectFacts>;

/// What is read today: version 2. Version 1 did not read all that pg_dump writes.
/// A copy is compared with a backup by the queries that the backup was read by.
pub const VERSION: u32 = 2;

const fn first() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_first(version: &u32) -> bool {
    *version == 1
}

/// Definitions by object and part.
pub type Definitions = BTreeMap<String, BTreeMap<String, Definition>>;

/// One object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectFacts {
    /// Its owner, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its parts with their fingerprints (`body`, `column a: default`).
    pub parts: BTreeMap<String, String>,
}

/// Versions of a collation (PostgreSQL manual, "pg_collation").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollationFacts {
    /// The version under which it, or the database, was made.
    pub recorded: Option<String>,
    /// The version that the server's host has.
    pub actual: Option<String>,
}

/// Class and number of an object: `pg_class`' own number, and the row's.
pub type Address = (u32, u32);

/// An inventory, and where its objects are in the catalogs of the server it was read from.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What there is.
    pub inventory: Inventory,
    /// Where it is.
    pub addresses: HashMap<String, Address>,
}

/// Reads it. Names are looked up for all objects at once.
///
/// # Errors
/// Those of the session; 44 where there are more than two million parts.
pub async fn read(session: &impl Ask) -> Result<Inventory> {
    Ok(addressed(session, VERSION).await?.inventory)
}

/// The same as a version did, to compare it with an inventory of that version; with the
/// objects' addresses.
///
/// # Errors
/// As of [`read`]; 53 for a version that is newer than this program's.
pub async fn addressed(session: &impl Ask, version: u32) -> Result<Reading> {
    some(session, version, "").await
}

/// The same without them.
///
/// # Errors
/// As of [`addressed`].
pub async fn read_as(session: &impl Ask, version: u32) -> Result<Inventory> {
    Ok(addressed(session, version).await?.inventory)
}

/// The same by those queries alone whose text has `word` in it: a catalog's name.
///
/// # Errors
/// As of [`addressed`].
pub async fn read_some(session: &impl Ask, version: u32, word: &str) -> Result<Inventory> {
    Ok(some(session, version, word).await?.inventory)
}

async fn some(session: &impl Ask, version: u32, word: &str) -> Result<Reading> {
    if !(1..=VERSION).contains(&version) {
        let text = format!("the inventory is of version {version}, this pgseal knows up to {VERSION}");
        return Err(Error::new(Code::CouldNotRun, Stage::Checks, text).hint("Use the pgseal that took the backup."));
    }
    let major = probe::version(session).await?.major();
    let scope = scope(version);
    let ask = async |what: &str, sql: String| {
        if sql.contains(word) { rows(session, what, &sql, &[]).await } else { Ok(Vec::new()) }
    };
    let mut parts = Vec::new();
    for (what, sql) in schema::kinds(major, version) {
        parts.extend(ask(what, format!("WITH {scope} {sql}")).await?);
        limit(parts.len())?;
    }
    let owners = ask("the owners", rights::owners(version, scope)).await?;
    let grants = ask("the privileges", rights::grants(major, version)).await?;
    let default_grants = ask("the default privileges", rights::DEFAULT_GRANTS.to_owned()).await?;
    let security = ask("the policies", rights::row_security(scope)).await?;
    let constraints = ask("the constraints", rights::constraints(major, version)).await?;
    limit(parts.len() + owners.len() + grants.len() + security.len() + constraints.len())?;
    let collations = ask("the collations", rights::collations(major, version)).await?;

    let (mut outside, mut publications, mut labels, mut members) = (Vec::new(), Vec::new(), None, None);
    if version > 1 {
        // What reads by one catalog's name wants no extension's objects.
        members = if word.is_empty() { Some(extension_members::read(session, major).await?) } else { None };
        outside = ask("the system's schemas", schema::labels::outside(scope)).await?;
        publications = ask("the publications", schema::publications::parts(major)).await?;
        labels = Some(large_objects::labels(session).await?);
    }

    let all = [&parts, &owners, &grants, &default_grants, &security, &constraints, &outside, &publications];
    let names = names(session, all.into_iter().flatten().map(address).collect()).await?;
    let mut out = Inventory { version, ..Inventory::default() };
    let mut texts = Texts::default();
    for row in &parts {
        if let Some(name) = names.get(&address(row)) {
            let (part, print) = texts.part(name, row);
            out.objects.entry(name.clone()).or_default().parts.insert(part, print);
        }
    }
    for row in &owners {
        if let Some(name) = names.get(&address(row)) {
            out.objects.entry(name.clone()).or_default().owner = Some(row.get(2));
        }
    }
    for (list, into) in [(&grants, &mut out.grants), (&default_grants, &mut out.default_grants)] {
        for row in list {
            if let Some(name) = names.get(&address(row)) {
                let column: Option<String> = row.get(2);
                let name = column.map_or_else(|| name.clone(), |c| format!("{name}, column {c}"));
                into.insert(name, row.get(3));
            }
        }
    }
    for row in &security {
        if let Some(name) = names.get(&address(row)) {
            let (part, print) = texts.part(name, row);
            out.row_security.entry(name.clone()).or_default().insert(part, print);
        }
    }
    for row in &publications {
        if let Some(name) = names.get(&address(row)) {
            let (part, text): (String, String) = (row.get(2), row.get(3));
            let print = deparsed::fingerprint(&text, row.get(4));
            out.publications.entry(name.clone()).or_default().insert(part, print);
        }
    }
    out.large_object_labels = labels;
    for row in &constraints {
        if let Some(name) = names.get(&address(row)) {
            out.constraints.insert(name.clone(), row.get(2));
        }
    }
    out.outside = outside.iter().filter_map(|row| names.get(&address(row)).cloned()).collect();
    out.outside.sort();
    for row in &collations {
        out.collations.insert(row.get(0), CollationFacts { recorded: row.get(1), actual: row.get(2) });
    }
    out.definitions = Some(texts.all);
    out.members = members;
    Ok(Reading { inventory: out, addresses: names.into_iter().map(|(address, name)| (name, address)).collect() })
}

/// Collects definitions with expressions.
#[derive(Default)]
struct Texts {
    all: Definitions,
    bytes: usize,
}

impl Texts {
    /// A part's name, and its fingerprint.
    fn part(&mut self, object: &str, row: &Row) -> (String, String) {
        let (part, text, expressions): (String, String, bool) = (row.get(2), row.get(3), row.get(4));
        let print = deparsed::fingerprint(&text, expressions);
        if expressions {
            let definition = Definition::of(text, MOST_TEXT.saturating_sub(self.bytes));
            self.bytes += definition.text().map_or(0, str::len);
            self.all.entry(object.to_owned()).or_default().insert(part.clone(), definition);
        }
        (part, print)
    }
}

pub(super) fn address(row: &Row) -> Address {
    (row.get(0), row.get(1))
}

pub(super) fn limit(parts: usize) -> Result<()> {
    if parts <= MOST {
        return Ok(());
    }
    Err(Error::new(Code::Limit, Stage::Source, format!("the database's objects have more than {MOST} parts")))
}

/// `kind: identity` of each object that is still there.
pub(super) async fn names(session: &impl Ask, mut all: Vec<Address>) -> Result<HashMap<Address, String>> {
    all.sort_unstable();
    all.dedup();
    let (classes, numbers): (Vec<u32>, Vec<u32>) = all.into_iter().unzip();
    let sql = "SELECT o.class, o.number, i.type || ': ' || i.identity FROM unnest($1::oid[], $2::oid[]) o(class, number), \
               LATERAL pg_identify_object(o.class, o.number, 0) i WHERE i.identity IS NOT NULL";
    let list = rows(session, "the names of objects", sql, &[&classes, &numbers]).await?;
    Ok(list.iter().map(|r| (address(r), r.get(2))).collect())
}
