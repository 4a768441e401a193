//! What each role can become: memberships followed to their end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::facts::{MembershipFacts, RoleFacts};

/// Memberships, followed over all steps.
///
/// A membership gives something where it is inherited or can be taken with
/// `SET ROLE`: always before 16, and since then by its options (PostgreSQL manual,
/// "Role Membership"). `ADMIN OPTION` alone gives it, too, because its holder may
/// grant himself the rest; but a superuser's role is granted by superusers only.
///
/// Ways are looked for when asked: to keep them all would take memory that a
/// server with a long chain of roles could exhaust.
#[derive(Debug, Clone, Default)]
pub struct Powers {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
    /// What each role is directly a member of, and whether by `SET ROLE`.
    up: Vec<Vec<(usize, bool)>>,
    superusers: BTreeSet<usize>,
    /// Superusers, and whoever can become one.
    effective: BTreeSet<usize>,
}

/// How a role gets at another one's powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In any way: for privileges, which are inherited.
    Any,
    /// By `SET ROLE`: for attributes (`SUPERUSER`, `CREATEROLE`, …), which are not.
    Set,
}

impl Powers {
    /// From the roles and memberships of a server.
    pub fn of(roles: &[RoleFacts], memberships: &[MembershipFacts]) -> Self {
        let mut powers = Self::default();
        for role in roles {
            let place = powers.place(&role.name);
            if role.superuser {
                powers.superusers.insert(place);
            }
        }
        let mut down: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for m in memberships {
            let (member, role) = (powers.place(&m.member), powers.place(&m.role));
            let granted = m.admin && !powers.superusers.contains(&role);
            let set = m.set.unwrap_or(true) || granted;
            if set || m.inherit.unwrap_or(true) {
                powers.up[member].push((role, set));
                down.entry(role).or_default().push(member);
            }
        }
        let mut next: Vec<usize> = powers.superusers.iter().copied().collect();
        powers.effective.clone_from(&powers.superusers);
        while let Some(role) = next.pop() {
            next.extend(down.get(&role).into_iter().flatten().filter(|m| powers.effective.insert(**m)));
        }
        powers
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.up.push(Vec::new());
        self.places.insert(name.to_owned(), place);
        place
    }

    /// The shortest way from `role` to one that `is` it: every role on it, that one
    /// last. Empty where `role` is it itself; `None` where there is no way.
    pub fn nearest(&self, role: &str, how: How, is: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        if is(role) {
            return Some(Vec::new());
        }
        let start = *self.places.get(role)?;
        let mut before = BTreeMap::from([(start, start)]);
        let mut next = VecDeque::from([start]);
        while let Some(at) = next.pop_front() {
            for (to, set) in self.up.get(at).into_iter().flatten() {
                if before.contains_key(to) || (how == How::Set && !set) {
                    continue;
                }
                before.insert(*to, at);
                if self.names.get(*to).is_some_and(|n| is(n)) {
                    return Some(self.back(*to, start, &before));
                }
                next.push_back(*to);
            }
        }
        None
    }

    fn back(&self, end: usize, start: usize, before: &BTreeMap<usize, usize>) -> Vec<String> {
        let mut way = Vec::new();
        let mut at = end;
        while at != start {
            way.extend(self.names.get(at).cloned());
            at = before.get(&at).copied().unwrap_or(start);
        }
        way.reverse();
        way
    }

    /// What `role` can become, itself not included, in order of name.
    pub fn reaches(&self, role: &str) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let start = self.places.get(role).copied();
        let mut next: Vec<usize> = start.into_iter().collect();
        while let Some(at) = next.pop() {
            next.extend(self.up[at].iter().map(|(to, _)| *to).filter(|to| Some(*to) != start && seen.insert(*to)));
        }
        let names: BTreeSet<&str> = seen.into_iter().map(|at| self.names[at].as_str()).collect();
        names.into_iter()
    }

    /// The shortest way from `role` to `target`: every role on it, the target
    /// last. Empty where they are the same; `None` where there is no way.
    pub fn way(&self, role: &str, target: &str) -> Option<Vec<String>> {
        self.nearest(role, How::Any, |name| name == target)
    }

    /// Whether `role` is, or can become, `target`.
    pub fn can_become(&self, role: &str, target: &str) -> bool {
        self.way(role, target).is_some()
    }

    /// The shortest way to any superuser; empty where the role is one.
    ///
    /// Whoever merely inherits from a superuser may replace functions that
    /// belong to it, and so becomes one.
    pub fn to_superuser(&self, role: &str) -> Option<Vec<String>> {
        let is = |name: &str| self.places.get(name).is_some_and(|at| self.superusers.contains(at));
        self.is_super(role).then(|| self.nearest(role, How::Any, is))?
    }

    /// Whether `role` is effectively a superuser.
    pub fn is_super(&self, role: &str) -> bool {
        self.places.get(role).is_some_and(|at| self.effective.contains(at))
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
            more: None,
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
        assert_eq!(p.to_superuser("app"), Some(vec!["ops".to_owned(), "root".to_owned()]));
        assert_eq!(p.to_superuser("root"), Some(Vec::new()));
        assert!(p.is_super("ops") && !p.is_super("other"));
        assert!(p.can_become("app", "app") && p.can_become("app", "ops") && !p.can_become("other", "root"));
        assert_eq!(p.reaches("app").collect::<Vec<_>>(), ["ops", "root"]);
    }
    #[test]
    fn attributes_are_taken_and_not_inherited() {
        let roles = [role("app", false), role("maker", false), role("root", true)];
        let admin = MembershipFacts { admin: true, ..member("app", "root", Some(false), Some(false)) };
        let inherited = Powers::of(&roles, &[member("app", "maker", Some(true), Some(false)), admin.clone()]);
        let is_maker = |name: &str| name == "maker";
        assert_eq!(inherited.nearest("app", How::Any, is_maker), Some(vec!["maker".to_owned()]));
        assert_eq!(inherited.nearest("app", How::Set, is_maker), None);
        assert!(!inherited.is_super("app"), "only a superuser grants a superuser's role");
        let admin = MembershipFacts { role: "maker".into(), ..admin };
        assert!(Powers::of(&roles, &[admin]).nearest("app", How::Set, is_maker).is_some());
    }

    #[test]
    fn a_long_chain_of_roles_is_followed() {
        let roles: Vec<RoleFacts> = (0..10_000).map(|n| role(&format!("r{n}"), n == 9_999)).collect();
        let chain: Vec<MembershipFacts> =
            (0..9_999).map(|n| member(&format!("r{n}"), &format!("r{}", n + 1), None, None)).collect();
        let p = Powers::of(&roles, &chain);
        assert!(roles.iter().all(|r| p.is_super(&r.name)));
        assert_eq!(p.to_superuser("r0").unwrap().len(), 9_999);
    }
}
