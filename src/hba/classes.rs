//! Roles that all rules treat alike, and what each rule says of databases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::fit::{self, Fit};
use super::parse::Config;
use super::set::Set;
use super::words::{DbToken, UserToken};
use super::world::{Groups, World};

/// Roles that fit the same rules in the same way.
pub(super) struct Class {
    /// Places in `World::roles`, in order.
    pub(super) roles: Vec<u32>,
    /// The database of the same name, where rules ask for it.
    same_user: Option<u32>,
    /// Databases called like a role that they are members of, where rules ask for it.
    same_role: Vec<u32>,
    /// They may replicate.
    pub(super) replicates: bool,
}

/// What makes roles one class: rules they fit more than everybody, then the
/// fields of [`Class`].
type Signature = (Vec<(u32, Fit)>, Option<u32>, Vec<u32>, bool);

/// All roles that can log in.
pub(super) struct Classes {
    pub(super) all: Vec<Class>,
    /// The classes that each rule surely fits.
    pub(super) sure: Vec<Set>,
    /// Those that it may fit.
    pub(super) maybe: Vec<Set>,
}

impl Classes {
    /// Sorts roles into classes.
    pub(super) fn of(config: &Config, world: &World<'_>) -> Self {
        let groups = Groups::of(world);
        let users = Users::of(config);
        let asks = |wanted: &DbToken| config.rules.iter().any(|r| r.databases.contains(wanted));
        let (same_user, same_role) = (asks(&DbToken::SameUser), asks(&DbToken::SameRole));
        let places: HashMap<&str, u32> =
            world.databases.iter().enumerate().map(|(at, d)| (d.as_str(), at as u32)).collect();
        let mut found: BTreeMap<Signature, Vec<u32>> = BTreeMap::new();
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
        let (mut sure, mut maybe) = (vec![Vec::new(); config.rules.len()], vec![Vec::new(); config.rules.len()]);
        let mut all = Vec::new();
        for ((special, same_user, same_role, replicates), roles) in found {
            for (rule, fit) in special {
                let known = if fit == Fit::Yes { &mut sure } else { &mut maybe };
                known[rule as usize].push(all.len() as u32);
            }
            all.push(Class { roles, same_user, same_role, replicates });
        }
        let mut sure: Vec<Set> = sure.into_iter().map(Set::Some).collect();
        let mut maybe: Vec<Set> = maybe.into_iter().map(Set::Some).collect();
        for (rule, fit) in users.everybody {
            let rule = rule as usize;
            if fit == Fit::Yes {
                (sure[rule], maybe[rule]) = (if all.is_empty() { Set::none() } else { Set::All }, Set::none());
            } else {
                maybe[rule] = sure[rule].missing_of(0..all.len() as u32);
            }
        }
        Self { all, sure, maybe }
    }
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
}

/// What the database field of a rule says.
pub(super) struct Databases {
    /// Of a database that nothing else is known of.
    every: Fit,
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

    /// Databases that it surely fits, and those that it may, whoever asks; `count` there are.
    pub(super) fn sets(&self, count: usize) -> (Set, Set) {
        let of = |fit: Fit| Set::Some(self.special.iter().filter(|s| s.1 == fit).map(|s| s.0).collect());
        match self.every {
            Fit::Yes => (Set::All, Set::none()),
            Fit::Maybe => {
                let sure = of(Fit::Yes);
                let rest = sure.missing_of(0..count as u32);
                (sure, rest)
            }
            Fit::No => (of(Fit::Yes), of(Fit::Maybe)),
        }
    }

    /// Whether some databases depend on the role.
    pub(super) fn depends(&self) -> bool {
        self.every != Fit::Yes && (self.same_user || self.same_role)
    }

    /// The databases that depend on the role, for these roles.
    pub(super) fn own(&self, class: &Class) -> Vec<u32> {
        let own: BTreeSet<u32> = class.same_user.into_iter().filter(|_| self.same_user).collect();
        let shared = class.same_role.iter().copied().filter(|_| self.same_role);
        own.into_iter().chain(shared).collect::<BTreeSet<u32>>().into_iter().collect()
    }
}
