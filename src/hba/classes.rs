//! Roles that all rules treat alike, and what each rule says of databases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::fit::{self, Fit};
use super::parse::Config;
use super::words::{DbToken, UserToken};
use super::world::{Groups, World};

/// Roles that fit the same rules in the same way.
pub(super) struct Class {
    /// Places in `World::roles`, in order.
    pub(super) roles: Vec<u32>,
    /// The rules that fit, in order.
    pub(super) rules: Vec<(u32, Fit)>,
    /// The database of the same name, where rules ask for it.
    same_user: Option<u32>,
    /// Databases called like a role that they are members of, where rules ask for it.
    same_role: Vec<u32>,
    /// They may replicate.
    pub(super) replicates: bool,
}

/// Sorts all roles that can log in into classes.
pub(super) fn classes(config: &Config, world: &World<'_>) -> Vec<Class> {
    let groups = Groups::of(world);
    let users = Users::of(config);
    let uses = |wanted: &DbToken| config.rules.iter().any(|r| r.databases.contains(wanted));
    let (same_user, same_role) = (uses(&DbToken::SameUser), uses(&DbToken::SameRole));
    let places: HashMap<&str, u32> =
        world.databases.iter().enumerate().map(|(at, d)| (d.as_str(), at as u32)).collect();
    let mut found: BTreeMap<(Vec<(u32, Fit)>, Option<u32>, Vec<u32>, bool), Vec<u32>> = BTreeMap::new();
    for (at, role) in world.roles.iter().enumerate().filter(|(_, r)| r.login) {
        let own = if same_user { places.get(role.name.as_str()).copied() } else { None };
        let mut shared: Vec<u32> = Vec::new();
        if same_role {
            let names = groups.above(at).iter().filter_map(|g| world.roles.get(*g));
            shared.extend(names.filter_map(|g| places.get(g.name.as_str()).copied()));
            shared.sort_unstable();
        }
        let rules = users.rules_of(&role.name, at, world, &groups);
        found.entry((rules, own, shared, role.replication || role.superuser)).or_default().push(at as u32);
    }
    found
        .into_iter()
        .map(|((special, same_user, same_role, replicates), roles)| {
            let rules = users.with_everybody(&special);
            Class { roles, rules, same_user, same_role, replicates }
        })
        .collect()
}

/// The user fields of all rules, by what they ask for.
struct Users<'a> {
    /// How rules fit a role that nothing else is known of, where they do.
    everybody: BTreeMap<u32, Fit>,
    by_name: HashMap<&'a str, Vec<u32>>,
    by_group: HashMap<&'a str, Vec<u32>>,
    /// Patterns and damaged names: each is asked.
    asked: Vec<(u32, &'a UserToken)>,
}

impl<'a> Users<'a> {
    fn of(config: &'a Config) -> Self {
        let mut users =
            Self { everybody: BTreeMap::new(), by_name: HashMap::new(), by_group: HashMap::new(), asked: Vec::new() };
        for (at, rule) in config.rules.iter().enumerate() {
            let at = at as u32;
            for token in &rule.users {
                let all = match token {
                    UserToken::All => Fit::Yes,
                    UserToken::AtFile(_) => Fit::Maybe,
                    UserToken::Name(n) | UserToken::Group(n) if fit::is_lossy(n) => Fit::Maybe,
                    UserToken::Name(n) => {
                        users.by_name.entry(n).or_default().push(at);
                        continue;
                    }
                    UserToken::Group(g) => {
                        users.by_group.entry(g).or_default().push(at);
                        continue;
                    }
                    UserToken::Regex(_) => {
                        users.asked.push((at, token));
                        continue;
                    }
                };
                let known = users.everybody.entry(at).or_insert(all);
                *known = all.max(*known);
            }
        }
        users
    }

    /// The rules that fit this role more than everybody.
    fn rules_of(&self, name: &str, role: usize, world: &World<'_>, groups: &Groups) -> Vec<(u32, Fit)> {
        let mut fits: BTreeMap<u32, Fit> = BTreeMap::new();
        let mut add = |rule: u32, fit: Fit| {
            if fit > self.everybody.get(&rule).copied().unwrap_or(Fit::No) {
                let known = fits.entry(rule).or_insert(fit);
                *known = fit.max(*known);
            }
        };
        let named = self.by_name.get(name).into_iter();
        let grouped = groups.above(role).iter().filter_map(|g| world.roles.get(*g));
        let grouped = grouped.filter_map(|g| self.by_group.get(g.name.as_str()));
        named.chain(grouped).flatten().for_each(|rule| add(*rule, Fit::Yes));
        for (rule, token) in &self.asked {
            if let UserToken::Regex(pattern) = token {
                add(*rule, pattern.fits(name).into());
            }
        }
        fits.into_iter().collect()
    }

    fn with_everybody(&self, special: &[(u32, Fit)]) -> Vec<(u32, Fit)> {
        let mut all = self.everybody.clone();
        all.extend(special.iter().copied());
        all.into_iter().collect()
    }
}

/// What the database field of a rule says.
pub(super) struct Databases {
    /// Of a database that nothing else is known of.
    pub(super) every: Fit,
    /// Of physical replication.
    pub(super) replication: Fit,
    /// Of single databases, where that is more; in order.
    special: Vec<(u32, Fit)>,
    same_user: bool,
    same_role: bool,
}

impl Databases {
    /// Of all rules.
    pub(super) fn of(config: &Config, world: &World<'_>) -> Vec<Self> {
        let places: HashMap<&str, u32> =
            world.databases.iter().enumerate().map(|(at, d)| (d.as_str(), at as u32)).collect();
        config.rules.iter().map(|rule| Self::of_rule(&rule.databases, &places, world)).collect()
    }

    fn of_rule(tokens: &[DbToken], places: &HashMap<&str, u32>, world: &World<'_>) -> Self {
        let mut says =
            Self { every: Fit::No, replication: Fit::No, special: Vec::new(), same_user: false, same_role: false };
        for token in tokens {
            match token {
                DbToken::All => says.every = Fit::Yes,
                DbToken::Replication => says.replication = Fit::Yes,
                DbToken::SameUser => says.same_user = true,
                DbToken::SameRole => says.same_role = true,
                DbToken::AtFile(_) => {
                    says.every = says.every.max(Fit::Maybe);
                    says.replication = says.replication.max(Fit::Maybe);
                }
                DbToken::Name(name) if fit::is_lossy(name) => says.every = says.every.max(Fit::Maybe),
                DbToken::Name(name) => says.special.extend(places.get(name.as_str()).map(|at| (*at, Fit::Yes))),
                DbToken::Regex(pattern) => {
                    let fits = world.databases.iter().enumerate().map(|(at, d)| (at as u32, pattern.fits(d).into()));
                    says.special.extend(fits.filter(|(_, fit)| *fit > Fit::No));
                }
            }
        }
        // The best of what is said of a database comes first, and stays.
        says.special.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        says.special.dedup_by_key(|(at, _)| *at);
        let every = says.every;
        says.special.retain(|(_, fit)| *fit > every);
        says
    }

    /// Whether single databases are named that there are, for these roles.
    pub(super) fn names_any(&self, class: &Class) -> bool {
        !self.special.is_empty()
            || (self.same_user && class.same_user.is_some())
            || (self.same_role && !class.same_role.is_empty())
    }

    /// Databases that the rule says more of than of every one, for these roles.
    pub(super) fn special_for(&self, class: &Class) -> Vec<(u32, Fit)> {
        if self.every == Fit::Yes || !(self.same_user || self.same_role) {
            return self.special.clone();
        }
        let mut all: BTreeMap<u32, Fit> = self.special.iter().copied().collect();
        let own: BTreeSet<u32> = class.same_user.into_iter().filter(|_| self.same_user).collect();
        let shared = class.same_role.iter().copied().filter(|_| self.same_role);
        all.extend(own.into_iter().chain(shared).map(|at| (at, Fit::Yes)));
        all.into_iter().collect()
    }
}
