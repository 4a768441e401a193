//! Who can read and write what: privileges, joined with what roles can become.
//!
//! Computed here and not asked of the server: `has_table_privilege` for 50,000
//! tables and 10,000 roles is half a billion calls. Tables that have the same
//! list of privileges, owner and schema have the same readers, so each such
//! group is computed once, on sets of bits.
//!
//! A role reaches a table where it, or any role that it can become
//! ([`super::Powers`]), or PUBLIC was granted a privilege on it or on a column of it,
//! or owns it; where the same is so of USAGE on its schema and CONNECT on
//! the database; members of `pg_read_all_data` and `pg_write_all_data` (14+)
//! need no other grant than CONNECT.
//!
//! It is what `has_table_privilege` says, but for three things, all of them
//! towards more: a role that does not inherit can still SET ROLE, so it counts;
//! an owner who took its own rights away can give them back, so it counts; and a
//! grant on one column makes a reader. Row security is no part of it: who sees
//! three rows of a table is its reader. Superusers, and roles that can become
//! one, are left out: they reach everything.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::access::Way;
use super::acl::{Acl, Privileges};
use super::outcome::ReachRow;
use super::place::Schema;
use super::relations::{Relation, Relations};
use super::{Blind, Database, Server};
use crate::hba::AddressClass;

/// Where readers come from who have no way in over the network.
pub const HOST_ALONE: &str = "the host alone";

/// Who can read and write each table, view, materialized view and foreign table
/// of a database, in order of their names, with the farthest place that their
/// readers can come from where the access rules are known. Classes of data are joined later.
///
/// # Errors
/// [`Blind`] where the catalogue cannot be read.
pub async fn read(db: &Database<'_>) -> Result<Vec<ReachRow>, Blind> {
    Ok(rows(db, db.relations().await?))
}

fn rows(db: &Database<'_>, relations: &Relations) -> Vec<ReachRow> {
    let mut reach = Reach::of_logins(db.server, relations);
    let logins = reach.roles.len() as u32;
    let tables = relations.all.iter().filter(|r| r.kind != 'S');
    // Tables share their readers, so each group's ways in are looked up once.
    let ways = db.server.access().ok().map(|access| access.ways(db.name));
    let mut entries: HashMap<usize, Way> = HashMap::new();
    tables
        .map(|relation| {
            let readers = reach.who(relation, Privileges::SELECT);
            let writers = reach.who(relation, Privileges::WRITE);
            let way = ways.as_ref().map(|ways| {
                *entries.entry(Rc::as_ptr(&readers) as usize).or_insert_with(|| {
                    reach.names(&readers).filter_map(|role| ways.get(role)).fold(Way::default(), |all, way| Way {
                        class: all.class.max(way.class),
                        plain: all.plain || way.plain,
                    })
                })
            });
            ReachRow {
                object: db.object(&relation.locator()),
                tag: None,
                classes: Vec::new(),
                readers: readers.count,
                writers: writers.count,
                logins,
                public: readers.public || writers.public,
                widest_entry: way.map(|w| w.class.map_or(HOST_ALONE, AddressClass::word).to_owned()),
                without_tls: way.map(|w| w.plain),
            }
        })
        .collect()
}

/// Answers who can do what, for a fixed list of roles.
#[derive(Debug)]
pub struct Reach<'a> {
    roles: Vec<&'a str>,
    relations: &'a Relations,
    /// By role: which of `roles` are it, or can become it.
    circles: HashMap<&'a str, Vec<u32>>,
    connect: Set,
    schemas: HashMap<u32, Rc<Set>>,
    answers: HashMap<Key, Rc<Who>>,
}

/// What an answer depends on. Lists and names are shared, so their addresses
/// tell them apart for as long as the relations live.
type Key = (usize, usize, u32, Vec<usize>, Privileges);

/// Roles that can do something.
#[derive(Debug)]
pub struct Who {
    set: Set,
    /// How many there are.
    pub count: u32,
    /// Whether everybody can, of whatever role.
    pub public: bool,
}

impl<'a> Reach<'a> {
    /// For login roles that are no superusers and cannot become one.
    pub fn of_logins(server: &'a Server, relations: &'a Relations) -> Self {
        let logins = server.logins().map(|r| r.name.as_str()).filter(|name| !server.powers.is_super(name));
        Self::of(server, relations, logins.collect())
    }

    /// For these roles.
    pub fn of(server: &'a Server, relations: &'a Relations, roles: Vec<&'a str>) -> Self {
        let mut circles: HashMap<&str, Vec<u32>> = HashMap::new();
        for (index, role) in (0..).zip(&roles) {
            for target in std::iter::once(*role).chain(server.powers.reaches(role)) {
                circles.entry(target).or_default().push(index);
            }
        }
        let mut reach = Self {
            connect: Set::none(roles.len()),
            roles,
            relations,
            circles,
            schemas: HashMap::new(),
            answers: HashMap::new(),
        };
        reach.connect = reach.granted(&relations.place.acl, &relations.place.owner, Privileges::CONNECT);
        reach
    }

    /// The roles that are asked about.
    pub fn roles(&self) -> &[&'a str] {
        &self.roles
    }

    /// Who can do any of `wanted` with this relation or a column of it.
    pub fn who(&mut self, relation: &Relation, wanted: Privileges) -> Rc<Who> {
        let columns = relation.columns.iter().map(|c| address(&c.1)).collect();
        let owner = relation.owner.as_ptr() as usize;
        let key = (address(&relation.acl), owner, relation.schema, columns, wanted);
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let mut set = self.granted(&relation.acl, &relation.owner, wanted);
        for (_, acl) in &relation.columns {
            self.grant(&mut set, acl, wanted);
        }
        if wanted.has(Privileges::SELECT) {
            self.join(&mut set, "pg_read_all_data");
        }
        if wanted.has_any(Privileges::WRITE.without(Privileges::TRUNCATE)) {
            self.join(&mut set, "pg_write_all_data");
        }
        set.keep(&self.schema(relation.schema));
        set.keep(&self.connect);
        let public = relation.acls().any(|a| a.public().has_any(wanted))
            && self.relations.place.is_open(relation.schema)
            && self.relations.place.acl.public().has(Privileges::CONNECT);
        let answer = Rc::new(Who { count: set.count(), set, public });
        self.answers.insert(key, answer.clone());
        answer
    }

    /// Those of `who` that are not, and cannot become, `owner`.
    pub fn others(&self, who: &Who, owner: &str) -> u32 {
        let mut own = Set::none(self.roles.len());
        self.join(&mut own, owner);
        own.keep(&who.set);
        who.count - own.count()
    }

    /// The names of `who`, in the order of the roles.
    pub fn names<'s>(&'s self, who: &'s Who) -> impl Iterator<Item = &'a str> + 's {
        self.roles.iter().enumerate().filter(|(i, _)| who.set.has(*i)).map(|(_, name)| *name)
    }

    /// Who may use what lies in a schema.
    fn schema(&mut self, oid: u32) -> Rc<Set> {
        if let Some(set) = self.schemas.get(&oid) {
            return set.clone();
        }
        let mut set = match self.relations.place.schemas.get(&oid) {
            Some(Schema { acl, owner, .. }) => self.granted(acl, owner, Privileges::USAGE),
            None => Set::none(self.roles.len()),
        };
        for all in ["pg_read_all_data", "pg_write_all_data"] {
            self.join(&mut set, all);
        }
        let set = Rc::new(set);
        self.schemas.insert(oid, set.clone());
        set
    }

    /// Who may do any of `wanted`, by the list or as the owner.
    fn granted(&self, acl: &Acl, owner: &str, wanted: Privileges) -> Set {
        let mut set = Set::none(self.roles.len());
        self.join(&mut set, owner);
        self.grant(&mut set, acl, wanted);
        set
    }

    fn grant(&self, set: &mut Set, acl: &Acl, wanted: Privileges) {
        for grantee in acl.grantees(wanted) {
            match grantee {
                Some(role) => self.join(set, role),
                None => set.fill(),
            }
        }
    }

    /// Adds those that are, or can become, `role`.
    fn join(&self, set: &mut Set, role: &str) {
        for owner in [role, self.relations.place.role(role)] {
            for index in self.circles.get(owner).into_iter().flatten() {
                set.add(*index as usize);
            }
        }
    }
}

fn address(acl: &Arc<Acl>) -> usize {
    Arc::as_ptr(acl) as usize
}

/// A set of roles by their place in the list.
#[derive(Debug, Clone)]
struct Set {
    size: usize,
    bits: Vec<u64>,
}

impl Set {
    fn none(size: usize) -> Self {
        Self { size, bits: vec![0; size.div_ceil(64)] }
    }

    fn add(&mut self, index: usize) {
        self.bits[index / 64] |= 1 << (index % 64);
    }

    fn has(&self, index: usize) -> bool {
        self.bits[index / 64] & (1 << (index % 64)) != 0
    }

    fn fill(&mut self) {
        (0..self.size).for_each(|i| self.add(i));
    }

    fn keep(&mut self, other: &Self) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(a, b)| *a &= b);
    }

    fn count(&self) -> u32 {
        self.bits.iter().map(|b| b.count_ones()).sum()
    }
}
