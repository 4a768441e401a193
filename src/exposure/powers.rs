//! What each role can become: memberships followed to their end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::facts::{MembershipFacts, RoleFacts};

/// Memberships, closed over all steps.
///
/// A membership gives something where it is inherited or can be taken with
/// `SET ROLE`: always before 16, and since then by its options (PostgreSQL manual,
/// "Role Membership"). One with neither gives nothing.
#[derive(Debug, Clone, Default)]
pub struct Powers {
    /// For each role, what it can become, itself not included, with the way
    /// there: the roles in between and the last.
    reach: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    superusers: BTreeSet<String>,
}

impl Powers {
    /// From the roles and memberships of a server.
    pub fn of(roles: &[RoleFacts], memberships: &[MembershipFacts]) -> Self {
        let mut up: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for m in memberships {
            if m.inherit.unwrap_or(true) || m.set.unwrap_or(true) {
                up.entry(&m.member).or_default().push(&m.role);
            }
        }
        let starts: BTreeSet<&str> = roles.iter().map(|r| r.name.as_str()).chain(up.keys().copied()).collect();
        let mut reach = BTreeMap::new();
        for start in starts {
            let mut ways: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let mut next: VecDeque<(&str, Vec<String>)> = VecDeque::from([(start, Vec::new())]);
            while let Some((role, way)) = next.pop_front() {
                for parent in up.get(role).into_iter().flatten() {
                    if *parent == start || ways.contains_key(*parent) {
                        continue;
                    }
                    let mut way = way.clone();
                    way.push((*parent).to_owned());
                    ways.insert((*parent).to_owned(), way.clone());
                    next.push_back((parent, way));
                }
            }
            if !ways.is_empty() {
                reach.insert(start.to_owned(), ways);
            }
        }
        let superusers = roles.iter().filter(|r| r.superuser).map(|r| r.name.clone()).collect();
        Self { reach, superusers }
    }

    /// What `role` can become, itself not included.
    pub fn reaches(&self, role: &str) -> impl Iterator<Item = &str> {
        self.reach.get(role).into_iter().flat_map(|ways| ways.keys().map(String::as_str))
    }

    /// The shortest way from `role` to `target`: every role on it, the target
    /// last. Empty where they are the same; `None` where there is no way.
    pub fn way(&self, role: &str, target: &str) -> Option<&[String]> {
        if role == target {
            return Some(&[]);
        }
        self.reach.get(role)?.get(target).map(Vec::as_slice)
    }

    /// Whether `role` is, or can become, `target`.
    pub fn can_become(&self, role: &str, target: &str) -> bool {
        self.way(role, target).is_some()
    }

    /// The shortest way to any superuser; empty where the role is one.
    pub fn to_superuser(&self, role: &str) -> Option<&[String]> {
        if self.superusers.contains(role) {
            return Some(&[]);
        }
        let ways = self.reach.get(role)?;
        ways.iter()
            .filter(|(to, _)| self.superusers.contains(*to))
            .map(|(_, way)| way.as_slice())
            .min_by_key(|w| w.len())
    }

    /// Whether `role` is effectively a superuser.
    pub fn is_super(&self, role: &str) -> bool {
        self.to_superuser(role).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, superuser: bool) -> RoleFacts {
        RoleFacts {
            name: name.into(),
            superuser,
            inherit: true,
            create_role: false,
            create_db: false,
            login: true,
            replication: false,
            bypass_rls: false,
            connection_limit: -1,
            valid_until: None,
            member_of: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn member(member: &str, role: &str, inherit: Option<bool>, set: Option<bool>) -> MembershipFacts {
        MembershipFacts { role: role.into(), member: member.into(), admin: false, inherit, set }
    }

    #[test]
    fn the_way_to_a_superuser_is_found_through_groups_and_circles() {
        let roles = [role("app", false), role("ops", false), role("root", true), role("other", false)];
        let m = [
            member("app", "ops", None, None),
            member("ops", "root", Some(false), Some(true)),
            // A circle cannot be made in PostgreSQL, but facts come from outside.
            member("root", "app", None, None),
            member("other", "root", Some(false), Some(false)),
        ];
        let p = Powers::of(&roles, &m);
        assert_eq!(p.to_superuser("app"), Some(&["ops".to_owned(), "root".to_owned()][..]));
        assert_eq!(p.to_superuser("root"), Some(&[][..]));
        assert!(p.is_super("ops") && !p.is_super("other"));
        assert!(p.can_become("app", "app") && p.can_become("app", "ops") && !p.can_become("other", "root"));
        assert_eq!(p.reaches("app").collect::<Vec<_>>(), ["ops", "root"]);
    }
}
