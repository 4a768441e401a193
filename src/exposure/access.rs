//! Who can enter a server: its access rules, evaluated over its roles and databases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::Server;
use super::outcome::EntryRow;
use crate::hba::{
    AddressClass, Cell, Config, DbSet, IdentMaps, Interval, Matrix, Membership, RoleInfo, Rule, Transport, World,
    evaluate, parse, parse_ident,
};
use crate::types::Known;

/// Names that a row or a message lists; more are counted.
const LISTED: usize = 20;
/// Rows of the picture.
const ROWS: usize = 1_000;

/// The access rules with what follows from them.
#[derive(Debug)]
pub struct Access {
    /// The rules.
    pub config: Config,
    /// The user name maps, or why they are not known.
    pub ident: Known<IdentMaps>,
    /// Who can enter from where as what.
    pub matrix: Matrix,
    roles: Vec<RoleInfo>,
    databases: Vec<String>,
    supers: BTreeSet<u32>,
    listens: Listens,
}

/// Where the server listens, as far as its rules matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listens {
    /// At no network address: TCP rules let nobody in now.
    Nowhere,
    /// At loopback addresses.
    Loopback,
    /// At others, too.
    Beyond,
    /// Not known.
    Unknown,
}

/// Filled when it is first asked for.
#[derive(Debug, Default)]
pub struct Evaluated(OnceLock<Result<Access, String>>);

/// Cells of one rule that a check is about.
#[derive(Debug)]
pub struct Hit<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Roles of the cells, by name.
    pub roles: BTreeSet<&'a str>,
    /// Those that are, or can become, superusers.
    pub supers: BTreeSet<&'a str>,
    /// Databases; `replication` among them.
    pub databases: BTreeSet<&'a str>,
    /// Transports.
    pub transports: BTreeSet<Transport>,
    /// The farthest class of addresses; `None` for the socket alone.
    pub class: Option<AddressClass>,
    /// Addresses, of the cell with the most.
    pub addresses: u128,
    /// Whether all of that depends on what is not known.
    pub maybe: bool,
}

/// How a role can enter a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    /// The farthest class of addresses beyond the host; `None` where from the host alone.
    pub class: Option<AddressClass>,
    /// Whether unencrypted from beyond the host.
    pub plain: bool,
}

impl Server {
    /// The evaluated access rules.
    ///
    /// # Errors
    /// Why they cannot be evaluated: not read, or not what the server runs with.
    pub fn access(&self) -> Result<&Access, &str> {
        self.evaluated.0.get_or_init(|| Access::of(self)).as_ref().map_err(String::as_str)
    }
}

impl Access {
    fn of(server: &Server) -> Result<Self, String> {
        let major = server.version.major();
        let captured = server.posture.hba.get().map_err(|why| format!("pg_hba.conf is not known: {why}"))?;
        let config = parse(&captured.files(), major);
        if !config.loadable() {
            let first = config.errors.first().map_or("there is no rule", |e| e.message.as_str());
            return Err(format!(
                "pg_hba.conf has errors, so the server runs with other rules than these ({first}): see EXP-HBA-012"
            ));
        }
        let ident = match server.posture.ident.get() {
            Ok(captured) => Known::Yes(parse_ident(&captured.files(), major)),
            Err(why) => Known::no(why),
        };
        // The predefined roles cannot log in; they are groups.
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        let mut roles: Vec<RoleInfo> = Vec::new();
        for r in &server.roles {
            names.insert(&r.name, roles.len() as u32);
            roles.push(RoleInfo {
                name: r.name.clone(),
                login: r.login,
                superuser: r.superuser,
                replication: r.replication,
            });
        }
        for m in &server.memberships {
            for name in [&m.role, &m.member] {
                names.entry(name).or_insert_with(|| {
                    roles.push(RoleInfo { name: name.clone(), ..RoleInfo::default() });
                    roles.len() as u32 - 1
                });
            }
        }
        let at = |name: &str| names.get(name).copied().unwrap_or_default() as usize;
        let memberships: Vec<Membership> =
            server.memberships.iter().map(|m| Membership { member: at(&m.member), group: at(&m.role) }).collect();
        let databases: Vec<String> = match server.posture.databases.get() {
            Ok(all) => all.iter().filter(|d| d.connectable).map(|d| d.name.clone()).collect(),
            Err(why) => return Err(format!("the databases are not known: {why}")),
        };
        let ssl = server.is_on("ssl")?;
        let matrix = evaluate(
            &config,
            &World { roles: &roles, memberships: &memberships, databases: &databases, ssl, gss: None, major },
        );
        let supers = (0u32..).zip(&roles).filter(|(_, r)| server.powers.is_super(&r.name)).map(|(i, _)| i).collect();
        let listens = server.value("listen_addresses").map_or(Listens::Unknown, listens);
        Ok(Self { config, ident, matrix, roles, databases, supers, listens })
    }

    /// Where the server listens.
    pub fn listens(&self) -> Listens {
        self.listens
    }

    /// Whether this cell can be reached from beyond the host with the
    /// addresses that the server listens at. Not knowing them is "yes".
    pub fn is_remote(&self, cell: &Cell) -> bool {
        cell.is_remote() && matches!(self.listens, Listens::Beyond | Listens::Unknown)
    }

    /// Whether a superuser, or who can become one, is among the roles.
    pub fn holds_superuser(&self, cell: &Cell) -> bool {
        cell.roles.iter().any(|r| self.supers.contains(r))
    }

    /// The role at this place.
    pub fn role(&self, at: u32) -> &str {
        self.roles.get(at as usize).map_or("", |r| r.name.as_str())
    }

    /// The databases of a set; `replication` for what is of none.
    pub fn names<'a>(&'a self, set: &'a DbSet) -> Vec<&'a str> {
        match set {
            DbSet::Replication => vec!["replication"],
            DbSet::Databases(all) => {
                all.iter().filter_map(|d| self.databases.get(*d as usize)).map(String::as_str).collect()
            }
        }
    }

    /// Names of all roles that may log in.
    pub fn logins(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().filter(|r| r.login).map(|r| r.name.as_str())
    }

    /// Names of all databases that one can connect to.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(String::as_str)
    }

    /// The accepting cells that `wanted` fits, put together rule by rule.
    pub fn hits(&self, wanted: impl Fn(&Cell) -> bool) -> Vec<Hit<'_>> {
        let mut hits: BTreeMap<usize, Hit<'_>> = BTreeMap::new();
        for cell in self.matrix.accepting().filter(|c| wanted(c)) {
            let Some(rule) = self.config.rules.get(cell.rule) else { continue };
            let hit = hits.entry(cell.rule).or_insert_with(|| Hit {
                rule,
                roles: BTreeSet::new(),
                supers: BTreeSet::new(),
                databases: BTreeSet::new(),
                transports: BTreeSet::new(),
                class: None,
                addresses: 0,
                maybe: true,
            });
            hit.roles.extend(cell.roles.iter().map(|r| self.role(*r)));
            hit.supers.extend(cell.roles.iter().filter(|r| self.supers.contains(r)).map(|r| self.role(*r)));
            hit.databases.extend(self.names(&cell.databases));
            hit.transports.insert(cell.transport);
            hit.class = hit.class.max(cell.class());
            hit.addresses = hit.addresses.max(cell.count());
            hit.maybe &= cell.maybe;
        }
        hits.into_values().collect()
    }

    /// For each role that can log in to a database: the farthest class it can come
    /// from (`None` for the socket alone), and whether it can without encryption from
    /// beyond the host.
    pub fn ways(&self, database: &str) -> BTreeMap<&str, Way> {
        let mut ways: BTreeMap<&str, Way> = BTreeMap::new();
        for cell in self.matrix.accepting() {
            let DbSet::Databases(all) = &cell.databases else { continue };
            if !all.iter().any(|d| self.databases.get(*d as usize).is_some_and(|d| d == database)) {
                continue;
            }
            let class = if self.is_remote(cell) { cell.class() } else { None };
            let plain = cell.transport == Transport::Plain && self.is_remote(cell);
            for role in cell.roles.iter() {
                let way = ways.entry(self.role(*role)).or_default();
                way.class = way.class.max(class);
                way.plain |= plain;
            }
        }
        ways
    }

    /// The picture: who can enter from where as what, the worst first.
    pub fn picture(&self, server: &Server) -> Vec<EntryRow> {
        let world = World {
            roles: &self.roles,
            memberships: &[],
            databases: &self.databases,
            ssl: true,
            gss: None,
            major: server.version.major(),
        };
        let mut rows: Vec<EntryRow> = Vec::new();
        for row in self.matrix.entry_rows(&world) {
            let Some(rule) = self.config.rules.get(row.rule) else { continue };
            let databases = self.names(&row.databases);
            for transport in &row.transports {
                if rows.len() == ROWS {
                    return rows;
                }
                rows.push(EntryRow {
                    from: place(&row.addresses),
                    class: row.class().map_or("socket", AddressClass::word).to_owned(),
                    addresses: Interval::total(&row.addresses).to_string(),
                    transport: transport.word().to_owned(),
                    method: row.method.word().to_owned(),
                    roles: row.roles.iter().take(LISTED).map(|r| self.role(*r).to_owned()).collect(),
                    role_count: row.roles.len() as u32,
                    superuser: row.roles.iter().any(|r| self.supers.contains(r)),
                    databases: databases.iter().take(LISTED).map(|d| (*d).to_owned()).collect(),
                    rule: rule.text(),
                    maybe: row.maybe || row.contested,
                });
            }
        }
        rows
    }
}

impl Hit<'_> {
    /// `rule host all all 0.0.0.0/0 md5`: the form of objects in findings.
    pub fn object(&self) -> String {
        format!("rule {}", self.rule.canonical())
    }

    /// `as app, repl and 10 more from 256 private addresses`.
    pub fn who(&self) -> String {
        let roles = listed(&self.roles);
        let maybe = if self.maybe { " (if it fits, which is not known here)" } else { "" };
        match self.class {
            None => format!("as {roles} over the socket{maybe}"),
            Some(class) => format!("as {roles} from {} {} addresses{maybe}", amount(self.addresses), class.word()),
        }
    }
}

/// At most five names, and how many more.
pub fn listed(names: &BTreeSet<&str>) -> String {
    let first: Vec<&str> = names.iter().take(5).copied().collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A number of addresses for people.
pub fn amount(count: u128) -> String {
    if count < 10_000_000 { count.to_string() } else { format!("{:.1e}", count as f64) }
}

/// Ranges in words: at most three, and how many more.
fn place(ranges: &[Interval]) -> String {
    let one = |i: &Interval| if i.from == i.to { i.from.to_string() } else { format!("{}-{}", i.from, i.to) };
    match ranges {
        [] => "socket".to_owned(),
        all if all.len() > 3 => {
            let first: Vec<String> = all.iter().take(3).map(one).collect();
            format!("{} and {} more ranges", first.join(", "), all.len() - 3)
        }
        all => all.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// What `listen_addresses` means: a list of names and addresses (PostgreSQL
/// manual, "Connections and Authentication"). A name other than `localhost` may
/// be any address.
fn listens(value: &str) -> Listens {
    let all: Vec<&str> = value.split(',').map(|a| a.trim().trim_matches('"')).filter(|a| !a.is_empty()).collect();
    let near = |a: &&str| *a == "localhost" || a.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match all.as_slice() {
        [] => Listens::Nowhere,
        all if all.iter().all(near) => Listens::Loopback,
        _ => Listens::Beyond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_server_listens() {
        for (value, wanted) in [
            ("", Listens::Nowhere),
            (" , ", Listens::Nowhere),
            ("localhost", Listens::Loopback),
            ("127.0.0.1, ::1", Listens::Loopback),
            ("*", Listens::Beyond),
            ("localhost,10.0.0.7", Listens::Beyond),
            ("db.internal", Listens::Beyond),
        ] {
            assert_eq!(listens(value), wanted, "{value:?}");
        }
    }

    #[test]
    fn long_lists_are_counted() {
        let names: BTreeSet<&str> = ["a", "b", "c", "d", "e", "f", "g"].into();
        assert_eq!(listed(&names), "a, b, c, d, e and 2 more");
        assert_eq!(listed(&["a"].into()), "a");
        assert_eq!((amount(65_536), amount(1 << 32)), ("65536".to_owned(), "4.3e9".to_owned()));
    }
}
