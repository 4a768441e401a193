//! All connections at once.
//!
//! Each rule is a box or a few ([`super::parts`]). What a box decides is the
//! box without all boxes before it that surely fit. Only boxes that share
//! roles, databases and addresses with it matter; by these its roles are
//! sorted, for each sort of roles its databases, and for both what is left of
//! its network.

use super::classes::{Classes, Databases};
use super::fit::Fit;
use super::index::Index;
use super::interval::Interval;
use super::matrix::{Cell, Matrix};
use super::merge::{Kind, Pile};
use super::networks::Networks;
use super::parse::Config;
use super::parts::{Family, Part, parts};
use super::set::{Set, split};
use super::shadows::Shadows;
use super::words::Transport;
use super::world::World;

/// Steps that an evaluation may take: some seconds. More is refused as a whole.
const MOST_WORK: u64 = 100_000_000;

/// Numbers that may be held at a time: some hundred megabytes.
const MOST_HELD: u64 = 20_000_000;

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

/// The evaluation would take too long or too much memory.
pub(super) struct TooMuch;

/// Works out which rule decides which connections.
///
/// Rules are looked at even where the server would refuse the file; that, and
/// everything else that keeps this from being the whole truth, is in
/// [`Matrix::gaps`].
pub fn evaluate(config: &Config, world: &World<'_>) -> Matrix {
    let mut matrix = Matrix { gaps: gaps(config, world), ..Matrix::default() };
    match all(config, world) {
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

/// Whether a transport can be used at all, as far as that is known.
pub(super) fn offered(transport: Transport, world: &World<'_>) -> Fit {
    match transport {
        Transport::Socket | Transport::Plain => Fit::Yes,
        Transport::Tls => world.ssl.into(),
        Transport::Gss => world.gss.into(),
    }
}

fn all(config: &Config, world: &World<'_>) -> Result<(Vec<Cell>, Shadows), TooMuch> {
    let nets = Networks::of(config);
    let classes = Classes::of(config, world);
    let says = Databases::of(config, world);
    let parts = parts(config, &nets, &classes, &says, world.databases.len());
    let mut limits = Limits::default();
    limits.held += parts.iter().map(|p| p.roles.cost() + p.databases.cost()).sum::<u64>();
    limits.check()?;
    let mut index = Index::new(&nets);
    let mut run = Run {
        world,
        nets: &nets,
        parts: &parts,
        classes: classes.all.len(),
        first_gap: config.first_gap(),
        shadows: Shadows::new(config.rules.len()),
        pile: Pile::default(),
        limits,
    };
    for (at, part) in parts.iter().enumerate() {
        run.shadows.meet(part.rule);
        for family in [Family::Socket, Family::V4, Family::V6] {
            if part.is_of(family) {
                let before = index.before(part, family, &nets, &mut run.limits);
                run.part(part, family, &before)?;
            }
        }
        index.add(at as u32, part, &mut run.limits);
        run.limits.check()?;
    }
    let Run { pile, shadows, mut limits, .. } = run;
    Ok((pile.cells(config, &classes, world, &mut limits)?, shadows))
}

struct Run<'a> {
    world: &'a World<'a>,
    nets: &'a Networks,
    parts: &'a [Part],
    classes: usize,
    first_gap: Option<usize>,
    shadows: Shadows,
    pile: Pile,
    limits: Limits,
}

impl Run<'_> {
    /// Whether two boxes share addresses.
    fn touch(&self, a: &Part, b: &Part, family: Family) -> bool {
        match (a.net(family), b.net(family)) {
            (Some(a), Some(b)) => self.nets.lies_in(a, b) || self.nets.lies_in(b, a),
            _ => a.is_of(family) && b.is_of(family),
        }
    }

    /// Whether all addresses of `inner` are ones of `outer`.
    fn holds(&self, outer: &Part, inner: &Part, family: Family) -> bool {
        match (outer.net(family), inner.net(family)) {
            (Some(outer), Some(inner)) => self.nets.lies_in(inner, outer),
            _ => outer.is_of(family) && inner.is_of(family),
        }
    }

    /// What a box decides in a family, after the boxes at `before`.
    fn part(&mut self, part: &Part, family: Family, before: &[u32]) -> Result<(), TooMuch> {
        let mut sharing: Vec<u32> = Vec::new();
        for at in before {
            let other = &self.parts[*at as usize];
            self.limits.work += 1;
            if other.replication == part.replication
                && self.touch(part, other, family)
                && part.roles.meets(&other.roles)
                && (part.replication || part.databases.meets(&other.databases))
            {
                sharing.push(*at);
            }
        }
        let transports: Vec<Transport> =
            Transport::ALL.into_iter().filter(|t| part.conn.covers(*t) && offered(*t, self.world) > Fit::No).collect();
        for transport in transports {
            let mut others: Vec<u32> = Vec::new();
            let mut hidden = false;
            for at in &sharing {
                let other = &self.parts[*at as usize];
                if !other.conn.covers(transport) {
                    continue;
                }
                let whole = !other.maybe
                    && self.holds(other, part, family)
                    && other.roles.covers(&part.roles)
                    && (part.replication || other.databases.covers(&part.databases));
                if whole {
                    self.shadows.cast(part.rule, other.rule);
                    hidden = true;
                    break;
                }
                others.push(*at);
            }
            if !hidden {
                self.boxes(part, family, transport, &others)?;
            }
        }
        Ok(())
    }

    /// Sorts roles and databases of a box by what other boxes take of them.
    fn boxes(&mut self, part: &Part, family: Family, transport: Transport, others: &[u32]) -> Result<(), TooMuch> {
        let parts = self.parts;
        let of = |numbers: &[u32], f: fn(&Part) -> &Set| {
            numbers.iter().map(|n| (*n, f(&parts[*n as usize]))).collect::<Vec<_>>().into_iter()
        };
        let by_roles = split(&part.roles, of(others, |p| &p.roles), self.classes, &mut self.limits.work);
        for (roles, numbers) in by_roles {
            let count = self.world.databases.len();
            let by_databases = if part.replication {
                vec![(Set::none(), numbers)]
            } else {
                split(&part.databases, of(&numbers, |p| &p.databases), count, &mut self.limits.work)
            };
            for (databases, numbers) in by_databases {
                self.left(part, family, transport, &roles, databases, &numbers);
                self.limits.check()?;
            }
        }
        Ok(())
    }

    /// What is left of a box's addresses behind boxes that hold all of these roles and databases.
    fn left(&mut self, part: &Part, family: Family, transport: Transport, roles: &Set, databases: Set, others: &[u32]) {
        self.limits.work += 1 + others.len() as u64;
        let parts = self.parts;
        let others = || others.iter().map(|n| &parts[*n as usize]);
        if let Some(whole) = others().find(|o| !o.maybe && self.holds(o, part, family)) {
            return self.shadows.cast(part.rule, whole.rule);
        }
        let addresses = part.net(family).map(|net| {
            let cuts =
                others().filter(|o| !o.maybe).filter_map(|o| o.net(family)).map(|n| self.nets.range(n)).collect();
            free(self.nets.range(net), cuts)
        });
        if addresses.as_ref().is_some_and(Vec::is_empty) {
            others().filter(|o| !o.maybe).for_each(|o| self.shadows.cast(part.rule, o.rule));
            return;
        }
        let cloud = others().find(|o| o.maybe && self.holds(o, part, family)).map(|o| o.rule);
        self.shadows.hit(part.rule, cloud);
        let contested = others().any(|o| o.maybe) || self.first_gap.is_some_and(|gap| gap <= part.rule as usize);
        let maybe = part.maybe || offered(transport, self.world) == Fit::Maybe;
        let intervals: Vec<Interval> = addresses
            .unwrap_or_default()
            .into_iter()
            .map(|(from, to)| Interval::of(family == Family::V6, from, to))
            .collect();
        self.limits.held += intervals.len() as u64 + roles.cost() + databases.cost() + 24;
        let databases = if part.replication { None } else { Some(databases) };
        self.pile.add(Kind { rule: part.rule, transport, maybe, contested }, roles.clone(), databases, &intervals);
    }
}

/// A range without others that lie in it, in order.
fn free((from, to): (u128, u128), mut cuts: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    cuts.sort_unstable();
    let mut out = Vec::new();
    let mut next = Some(from);
    for (a, b) in cuts {
        let Some(at) = next else { break };
        if at < a {
            out.push((at, a - 1));
        }
        if b >= at {
            next = b.checked_add(1);
        }
    }
    if let Some(at) = next.filter(|at| *at <= to) {
        out.push((at, to));
    }
    out
}
