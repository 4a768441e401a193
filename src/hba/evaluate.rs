//! All connections at once.
//!
//! Roles are sorted into classes that fit the same rules, databases for each
//! class likewise. What is left is a list of rules for each kind of connection
//! (transport and address family), with the networks they speak of; the same
//! lists come up again and again and are looked at once. In a list a rule is
//! first for its network without the networks of rules before it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::classes::{Class, Databases, classes};
use super::fit::Fit;
use super::matrix::{Cell, Matrix, Places};
use super::merge::{self, Background, Sheet};
use super::networks::Networks;
use super::parse::Config;
use super::shadows::Shadows;
use super::sweep::{self, Candidate, Plane, Taken, entries};
use super::words::Transport;
use super::world::World;

/// Steps that an evaluation may take: some seconds. More is refused as a whole.
const MOST_WORK: u64 = 150_000_000;

/// Numbers that may be held at a time: some hundred megabytes.
const MOST_HELD: u64 = 30_000_000;

/// What was used of both.
#[derive(Default)]
pub(super) struct Limits {
    pub(super) work: u64,
    pub(super) held: u64,
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), TooMuch> {
        if self.work > MOST_WORK || self.held > MOST_HELD { Err(TooMuch) } else { Ok(()) }
    }
}

/// Works out which rule decides which connections.
///
/// Rules are looked at even where the server would refuse the file; that, and
/// everything else that keeps this from being the whole truth, is in
/// [`Matrix::gaps`].
pub fn evaluate(config: &Config, world: &World<'_>) -> Matrix {
    let mut matrix = Matrix { gaps: gaps(config, world), ..Matrix::default() };
    match Run::new(config, world).all() {
        Ok((cells, shadows)) => {
            matrix.cells = cells;
            matrix.dead = shadows.dead(config, world);
        }
        Err(TooMuch) => matrix.gaps.push("there are too many rules, roles and databases to tell them apart".into()),
    }
    matrix
}

fn gaps(config: &Config, world: &World<'_>) -> Vec<String> {
    let mut gaps = Vec::new();
    if !config.errors.is_empty() {
        gaps.push("the server refuses the file, so it runs with other rules or not at all".into());
    }
    if !config.unresolved.is_empty() {
        gaps.push("files that the configuration names were not captured".into());
    }
    if !world.roles.iter().any(|r| r.login) {
        gaps.push("no role is known that can log in".into());
    }
    if world.databases.is_empty() {
        gaps.push("no database is known".into());
    }
    gaps
}

/// The evaluation would take too long or too much memory.
pub(super) struct TooMuch;

/// Whether a transport can be used at all, as far as that is known.
pub(super) fn offered(transport: Transport, world: &World<'_>) -> Fit {
    match transport {
        Transport::Socket | Transport::Plain => Fit::Yes,
        Transport::Tls => world.ssl.into(),
        Transport::Gss => world.gss.into(),
    }
}

/// A rule that fits some roles, with what is left of it.
struct Open {
    rule: u32,
    user: Fit,
    /// The planes in which nothing that fits every database shadows it.
    planes: u8,
}

struct Run<'a> {
    config: &'a Config,
    world: &'a World<'a>,
    nets: Networks,
    databases: Vec<Databases>,
    planes: Vec<Plane>,
    taken: Taken,
    /// Lists of rules by plane, with the roles and databases that they are for.
    lists: HashMap<(usize, Vec<sweep::Entry>), Sheet>,
    shadows: Shadows,
    limits: Limits,
}

impl<'a> Run<'a> {
    fn new(config: &'a Config, world: &'a World<'a>) -> Self {
        let nets = Networks::of(config);
        let families: [&[Option<bool>]; 2] = [&[None], &[Some(false), Some(true)]];
        let planes = Transport::ALL
            .into_iter()
            .filter(|t| offered(*t, world) > Fit::No)
            .flat_map(|transport| {
                let v6s = families[usize::from(transport != Transport::Socket)];
                v6s.iter().map(move |v6| Plane { transport, v6: *v6 })
            })
            .collect();
        let taken = Taken::new(&nets);
        Self {
            config,
            world,
            databases: Databases::of(config, world),
            nets,
            planes,
            taken,
            lists: HashMap::new(),
            shadows: Shadows::new(config.rules.len()),
            limits: Limits::default(),
        }
    }

    fn all(mut self) -> Result<(Vec<Cell>, Shadows), TooMuch> {
        let classes = classes(self.config, self.world);
        for (at, class) in classes.iter().enumerate() {
            self.shadows.meet(class, &self.databases, self.world);
            self.class(at as u32, class)?;
        }
        let Self { config, world, nets, planes, lists, mut shadows, mut limits, .. } = self;
        let back = Background { config, world, nets: &nets, planes: &planes, classes: &classes };
        let cells = merge::cells(lists, &back, &mut shadows, &mut limits)?;
        Ok((cells, shadows))
    }

    /// What a rule says in a plane, apart from roles and databases.
    fn candidate(&self, rule: u32, plane: usize, fit: Fit) -> Option<Candidate> {
        let of = self.config.rules.get(rule as usize)?;
        let Plane { transport, v6 } = self.planes[plane];
        if !of.transport.covers(transport) {
            return None;
        }
        let net = match v6 {
            None => None,
            Some(v6) => Some(self.nets.of_rule(rule as usize, v6)?),
        };
        Some(Candidate { rule, net, fit: if of.address.is_maybe() { fit.min(Fit::Maybe) } else { fit } })
    }

    fn class(&mut self, at: u32, class: &Class) -> Result<(), TooMuch> {
        let open = self.open(class);
        // What rules say of single databases, by database.
        let mut special: BTreeMap<u32, Vec<(u32, Fit)>> = BTreeMap::new();
        for o in &open {
            for (database, fit) in self.databases[o.rule as usize].special_for(class) {
                special.entry(database).or_default().push((o.rule, fit));
                self.limits.work += 1;
            }
        }
        self.limits.check()?;
        // Databases of which the same is said.
        let mut alike: HashMap<Vec<(u32, Fit)>, Vec<u32>> = HashMap::new();
        let others = (0..self.world.databases.len() as u32).filter(|d| !special.contains_key(d)).collect::<Vec<_>>();
        for (database, says) in special {
            alike.entry(says).or_default().push(database);
        }
        if !others.is_empty() {
            alike.insert(Vec::new(), others);
        }
        for (says, databases) in alike {
            self.list(at, &open, &says, databases);
            self.limits.check()?;
        }
        if class.replicates {
            for plane in 0..self.planes.len() {
                let candidates: Vec<Candidate> = class
                    .rules
                    .iter()
                    .filter_map(|(rule, user)| {
                        let fit = self.databases[*rule as usize].replication.min(*user);
                        if fit == Fit::No { None } else { self.candidate(*rule, plane, fit) }
                    })
                    .collect();
                self.limits.work += class.rules.len() as u64;
                if let Some(sheet) = self.sheet(plane, &candidates) {
                    sheet.add_replication(at);
                }
            }
        }
        self.limits.check()
    }

    /// The rules that fit a class, without those that one before them shadows for every database.
    fn open(&mut self, class: &Class) -> Vec<Open> {
        let mut left: Vec<Open> =
            class.rules.iter().map(|(rule, user)| Open { rule: *rule, user: *user, planes: 0 }).collect();
        for plane in 0..self.planes.len() {
            self.taken.clear();
            for open in &mut left {
                let every = self.databases[open.rule as usize].every.min(open.user);
                let Some(candidate) = self.candidate(open.rule, plane, every) else { continue };
                self.limits.work += 1;
                if let Some(by) = self.taken.by(&self.nets, candidate.net, true) {
                    self.shadows.cast(open.rule, by);
                    continue;
                }
                open.planes |= 1 << plane;
                if candidate.fit == Fit::Yes {
                    self.taken.take(candidate.net, open.rule, true);
                }
            }
        }
        left.retain(|o| o.planes != 0);
        left
    }

    /// One class and databases of which all rules say the same.
    fn list(&mut self, class: u32, open: &[Open], says: &[(u32, Fit)], databases: Vec<u32>) {
        let databases = Places::from(databases);
        for plane in 0..self.planes.len() {
            let mut special = says.iter().peekable();
            let mut candidates = Vec::new();
            for o in open {
                while special.peek().is_some_and(|s| s.0 < o.rule) {
                    special.next();
                }
                let own = special.peek().filter(|s| s.0 == o.rule).map_or(Fit::No, |s| s.1);
                let fit = own.max(self.databases[o.rule as usize].every).min(o.user);
                if fit > Fit::No && o.planes & 1 << plane != 0 {
                    candidates.extend(self.candidate(o.rule, plane, fit));
                }
            }
            self.limits.work += open.len() as u64;
            if let Some(sheet) = self.sheet(plane, &candidates) {
                sheet.add(class, databases.clone());
                self.limits.held += databases.len() as u64;
            }
        }
    }

    /// The list of rules that these come down to, with what else it is asked for.
    fn sheet(&mut self, plane: usize, candidates: &[Candidate]) -> Option<&mut Sheet> {
        let gap = self.config.first_gap();
        let Self { nets, taken, shadows, limits, .. } = self;
        let list = entries(candidates, nets, taken, gap, shadows, &mut limits.work);
        if list.is_empty() {
            return None;
        }
        Some(match self.lists.entry((plane, list)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                limits.held += new.key().1.len() as u64;
                new.insert(Sheet::default())
            }
        })
    }
}
