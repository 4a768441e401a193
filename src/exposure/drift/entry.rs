//! EXP-DRIFT-002: access rules let no more in than before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::History;
use crate::exposure::access::{Access, Listens, amount, listed};
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Severity};
use crate::hba::interval::{Interval, minus};
use crate::hba::rows::ease;
use crate::hba::{Cell, Transport};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-DRIFT-002",
        title: "access rules let nobody in who could not enter at the last drill",
        severity: Severity::High,
        planes: &[Plane::Posture],
        guide: &[2, 5, 24],
        refs: &["SRG-APP-000381"],
        why: "pg_hba.conf is changed in a hurry, above other lines, and stays so. What a line lets in depends on all lines \
              before it, so that neither the file nor its difference tells what was opened.",
        inspects: "The evaluated rules of this backup beside those of the backup drilled before: who can enter where from \
                   which addresses. A finding for each rule that lets in roles from addresses that could not enter that \
                   database before, or that asks less of them (a weaker method, or no encryption), and for each rule of \
                   which it cannot be known here whom it fits (a host name, say) and that was not there. Edits without \
                   effect are silent; so are new roles and databases under rules that were there.",
        remedy: "Find out who needed it. Narrow the rule to the addresses and roles of today, or put a reject line above it; \
                 then SELECT pg_reload_conf().",
        false_positives: "A new application server: waive the rule until the next drill, with the ticket.",
        source: "PostgreSQL manual, \"The pg_hba.conf File\"",
    },
    look: Look::History(look),
};

fn look(history: &History<'_>, _: &Policy) -> Seen {
    let before = match history.before.get() {
        Ok(before) => before,
        Err(why) => return Seen::not_evaluated(format!("there is nothing to compare with: {why}")),
    };
    let (then, now) = match (before.server.access(), history.now.access()) {
        (Ok(then), Ok(now)) => (then, now),
        (Err(why), _) => return Seen::not_evaluated(format!("who could enter then: {why}")),
        (_, Err(why)) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(now.config.rules.len());
    for (when, access) in [("then", then), ("now", now)] {
        seen.open.extend(access.matrix.gaps.iter().map(|gap| format!("{when}: {gap}")));
    }
    let was_near = matches!(then.listens(), Listens::Nowhere | Listens::Loopback);
    if was_near && matches!(now.listens(), Listens::Beyond) && now.matrix.accepting().any(Cell::is_remote) {
        let message = "the server listened at no address beyond the host, and does now: its rules let in from there";
        seen.add(Found::new("setting listen_addresses", message));
    }
    for gain in gains(then, now) {
        seen.add(gain);
    }
    seen
}

/// What a rule lets in more.
#[derive(Default)]
struct Gain<'a> {
    roles: BTreeSet<&'a str>,
    databases: BTreeSet<&'a str>,
    addresses: Vec<Interval>,
    socket: bool,
    unsure: bool,
}

fn gains(then: &Access, now: &Access) -> Vec<Found> {
    let past = Then::of(then);
    let mut all: BTreeMap<String, Gain<'_>> = BTreeMap::new();
    for cell in now.matrix.accepting() {
        let Some(rule) = now.config.rules.get(cell.rule) else { continue };
        // Nobody knows whether the server offers GSSAPI encryption; a rule that fits
        // other transports, too, is judged by those.
        if cell.transport == Transport::Gss && rule.transport.covers(Transport::Plain) {
            continue;
        }
        let text = rule.canonical();
        let known = past.rules.contains(&text);
        if cell.maybe {
            if !known {
                let gain = all.entry(text).or_default();
                gain.unsure = true;
                gain.roles.extend(cell.roles.iter().map(|r| now.role(*r)));
                gain.databases.extend(now.names(&cell.databases));
            }
            continue;
        }
        // Roles and databases that the earlier rules treated alike gain alike.
        let roles = Then::alike(cell.roles.iter().map(|r| now.role(*r)), &past.roles);
        let places = Then::alike(now.names(&cell.databases).into_iter(), &past.databases);
        for (of_roles, roles) in &roles {
            for (of_databases, databases) in &places {
                let gained = match (of_roles, of_databases) {
                    (Some(r), Some(d)) => gained(cell, &past.common(*r, *d, cell)),
                    // They were not there: nothing is gained by a rule that was.
                    _ if known => continue,
                    _ => Some(cell.addresses.to_vec()),
                };
                let Some(gained) = gained else { continue };
                let gain = all.entry(text.clone()).or_default();
                gain.socket |= gained.is_empty();
                gain.addresses.extend(gained);
                gain.roles.extend(roles);
                gain.databases.extend(databases);
            }
        }
    }
    all.into_iter().map(|(rule, gain)| gain.found(&rule)).collect()
}

/// The addresses of a cell from which nobody could enter as easily; none at all
/// for the socket. `None` where nothing is gained.
fn gained(cell: &Cell, before: &[&Cell]) -> Option<Vec<Interval>> {
    if cell.addresses.is_empty() {
        return before.iter().all(|b| !b.addresses.is_empty()).then(Vec::new);
    }
    let taken: Vec<Interval> = before.iter().flat_map(|b| b.addresses.iter().copied()).collect();
    let left = minus(&cell.addresses, &taken);
    (!left.is_empty()).then_some(left)
}

/// How easily one enters by a cell; what can be read on the way counts.
fn easy(cell: &Cell) -> u8 {
    ease(cell.method, cell.transport) * 2 + u8::from(cell.transport == Transport::Plain)
}

/// The earlier rules, with the cells of each role and database.
struct Then<'a> {
    cells: Vec<&'a Cell>,
    /// Lists of cells, in order; roles and databases share them.
    lists: Vec<Vec<u32>>,
    /// The list of each role that could log in.
    roles: HashMap<&'a str, usize>,
    databases: HashMap<&'a str, usize>,
    rules: BTreeSet<String>,
}

impl<'a> Then<'a> {
    fn of(access: &'a Access) -> Self {
        let cells: Vec<&Cell> = access.matrix.accepting().filter(|c| !c.maybe).collect();
        let mut roles: HashMap<&str, Vec<u32>> = access.logins().map(|r| (r, Vec::new())).collect();
        let mut databases: HashMap<&str, Vec<u32>> =
            access.databases().chain(["replication"]).map(|d| (d, Vec::new())).collect();
        for (at, cell) in (0u32..).zip(&cells) {
            for role in cell.roles.iter() {
                roles.entry(access.role(*role)).or_default().push(at);
            }
            for database in access.names(&cell.databases) {
                databases.entry(database).or_default().push(at);
            }
        }
        let (mut lists, mut known) = (Vec::new(), HashMap::new());
        let mut number = |all: HashMap<&'a str, Vec<u32>>| -> HashMap<&'a str, usize> {
            let one = |(name, list): (&'a str, Vec<u32>)| {
                let at = *known.entry(list.clone()).or_insert(lists.len());
                if at == lists.len() {
                    lists.push(list);
                }
                (name, at)
            };
            all.into_iter().map(one).collect()
        };
        let (roles, databases) = (number(roles), number(databases));
        let canonical = access.config.rules.iter().map(crate::hba::Rule::canonical);
        Self { cells, lists, roles, databases, rules: canonical.collect() }
    }

    /// Names by their list; those that were not there by none.
    fn alike<'b>(
        names: impl Iterator<Item = &'b str>,
        lists: &HashMap<&str, usize>,
    ) -> BTreeMap<Option<usize>, Vec<&'b str>> {
        let mut all: BTreeMap<Option<usize>, Vec<&str>> = BTreeMap::new();
        for name in names {
            all.entry(lists.get(name).copied()).or_default().push(name);
        }
        all
    }

    /// Cells in both lists by which one entered at least as easily as by `cell`.
    /// Where rules before may have decided is no better known of one than of the other.
    fn common(&self, roles: usize, databases: usize, cell: &Cell) -> Vec<&'a Cell> {
        let databases = &self.lists[databases];
        let both = self.lists[roles].iter().filter(|at| databases.binary_search(at).is_ok());
        let cells = both.filter_map(|at| self.cells.get(*at as usize).copied());
        cells.filter(|c| easy(c) >= easy(cell) && (cell.contested || !c.contested)).collect()
    }
}

impl Gain<'_> {
    fn found(mut self, rule: &str) -> Found {
        let (roles, databases) = (listed(&self.roles), listed(&self.databases));
        let unsure = if self.unsure { " (if it fits, which is not known here)" } else { "" };
        self.addresses.sort_unstable();
        self.addresses.dedup();
        let from = match (Interval::widest(&self.addresses), self.socket) {
            _ if self.unsure => "by a rule that was not there".to_owned(),
            (None, _) => "over the socket".to_owned(),
            (Some(class), _) => {
                let more = amount(Interval::total(&distinct(&self.addresses)));
                format!("from {more} {} addresses from which that was not so easy", class.word())
            }
        };
        Found::new(format!("rule {rule}"), format!("roles can now enter {from}: {roles}, to {databases}{unsure}"))
    }
}

/// The same addresses without overlaps.
fn distinct(sorted: &[Interval]) -> Vec<Interval> {
    let mut out: Vec<Interval> = Vec::new();
    for one in sorted {
        let left = minus(&[*one], &out);
        out.extend(left);
    }
    out
}
