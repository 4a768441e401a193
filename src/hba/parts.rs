//! Rules as boxes: roles, databases and addresses that go together.
//!
//! Most rules are one box. More are needed where a rule says of some roles or
//! databases that it fits and of others only that it may, and for `sameuser`
//! and `samerole`, where the databases depend on the role.

use std::collections::BTreeMap;

use super::classes::{Classes, Databases};
use super::fit::Fit;
use super::networks::{Net, Networks};
use super::parse::Config;
use super::set::Set;
use super::words::ConnType;

/// The socket, IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Socket,
    V4,
    V6,
}

/// A box of a rule.
pub(super) struct Part {
    pub(super) rule: u32,
    pub(super) conn: ConnType,
    /// Of IPv4 and IPv6.
    pub(super) nets: [Option<Net>; 2],
    /// Classes of roles.
    pub(super) roles: Set,
    /// Databases, or nothing where it is about replication.
    pub(super) databases: Set,
    pub(super) replication: bool,
    pub(super) maybe: bool,
}

impl Part {
    /// Whether it has anything to say of a family.
    pub(super) fn is_of(&self, family: Family) -> bool {
        match family {
            Family::Socket => self.conn == ConnType::Local,
            _ => self.net(family).is_some(),
        }
    }

    /// Its network; none for the socket.
    pub(super) fn net(&self, family: Family) -> Option<Net> {
        match family {
            Family::Socket => None,
            Family::V4 => self.nets[0],
            Family::V6 => self.nets[1],
        }
    }
}

/// All boxes in the order they are asked; of one rule, those that surely fit first.
pub(super) fn parts(
    config: &Config,
    nets: &Networks,
    classes: &Classes,
    says: &[Databases],
    count: usize,
) -> Vec<Part> {
    let mut out = Vec::new();
    for (at, rule) in config.rules.iter().enumerate() {
        let says = &says[at];
        let (sure, maybe) = (&classes.sure[at], &classes.maybe[at]);
        let mut add = |roles: Set, databases: Set, replication: bool, may: bool| {
            if !roles.is_empty() && (replication || !databases.is_empty()) {
                out.push(Part {
                    rule: at as u32,
                    conn: rule.transport,
                    nets: [nets.of_rule(at, false), nets.of_rule(at, true)],
                    roles,
                    databases,
                    replication,
                    maybe: may || rule.address.is_maybe(),
                });
            }
        };
        let everybody = || match sure {
            Set::All => Set::All,
            Set::Some(_) => {
                let mut both = sure.list(0);
                both.extend(maybe.list(0));
                both.sort_unstable();
                Set::Some(both)
            }
        };
        let (known, unknown) = says.sets(count);
        let known = if count == 0 { Set::none() } else { known };
        add(sure.clone(), known.clone(), false, false);
        // Databases that depend on the role, by what they are.
        let mut own: BTreeMap<(bool, Vec<u32>), Vec<u32>> = BTreeMap::new();
        if says.depends() {
            for class in everybody().list(classes.all.len()) {
                let may = !sure.has(class);
                let mut list = says.own(&classes.all[class as usize]);
                list.retain(|d| !known.has(*d) && (!may || !unknown.has(*d)));
                if !list.is_empty() {
                    own.entry((may, list)).or_default().push(class);
                }
            }
        }
        for ((may, list), of) in own {
            add(Set::Some(of), Set::Some(list), false, may);
        }
        let replicating = |set: &Set| {
            let all = set.list(classes.all.len()).into_iter();
            Set::Some(all.filter(|c| classes.all[*c as usize].replicates).collect())
        };
        match says.replication {
            Fit::Yes => {
                add(replicating(sure), Set::none(), true, false);
                add(replicating(maybe), Set::none(), true, true);
            }
            Fit::Maybe => add(replicating(&everybody()), Set::none(), true, true),
            Fit::No => {}
        }
        add(maybe.clone(), known, false, true);
        add(everybody(), unknown, false, true);
    }
    out
}
