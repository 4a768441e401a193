//! EXP-LEFT-001: no restored copy runs whose drill is over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::exposure::house::House;
use crate::exposure::house::processes::Process;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::process::lease::{Lease, Purpose};
use crate::scratch::dir::is_mark;
use crate::scratch::procfs;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LEFT-001",
        title: "no restored copy runs on this host whose drill is over",
        severity: Severity::Critical,
        planes: &[Plane::House],
        guide: &[22, 23],
        refs: &["SRG-APP-000243"],
        why: "A copy holds production's data and none of its guards: nobody patches it, watches it, or remembers its \
              password. The longer it runs, the more can reach it.",
        inspects: "Servers in a directory that pgseal made below scratch.dir (its name is pgseal-SOURCE-…, or a lease \
                   of pgseal lies in it), or with such a data directory, and servers whose title carries the mark of a \
                   drill (that name as cluster_name): each must belong to a directory whose lease names a drill that \
                   is alive. Other servers there are somebody else's.",
        remedy: "`pgseal sweep` ends what dead drills left and removes it. What it leaves because no lease lies there: \
                 find out who started it, and stop it.",
        false_positives: "A server that somebody else named or placed as pgseal names a drill's.",
        source: "proc(5); PostgreSQL manual, cluster_name.",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    seen.open.extend(house.processes.closed.clone());
    let scratch = house.config.scratch.dir.canonicalize().unwrap_or_else(|_| house.config.scratch.dir.clone());
    let started: BTreeSet<i32> = procfs::started_below(&scratch).into_iter().collect();
    let mut orphans: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    let (mut under_way, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    for p in &house.processes.all {
        seen.present += 1;
        seen.examined += 1;
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", p.pid)).ok();
        let works = cwd.as_deref().and_then(|c| instance(&scratch, c)).filter(|_| started.contains(&p.pid));
        // Of another user's process the directory is not told, its arguments are.
        let below = works.or_else(|| serves(&scratch, p));
        let Some(name) = below.filter(|n| ours(&scratch, n)).or_else(|| mark(p)) else { continue };
        // Of another configuration's drills the directory lies elsewhere.
        let works_in = cwd.as_deref().and_then(|c| c.ancestors().find(|a| a.ends_with(&name)));
        let dirs = || std::iter::once(scratch.join(&name)).chain(works_in.map(Path::to_path_buf));
        if dirs().any(|d| Lease::read(&d).is_some_and(|l| l.is_alive())) {
            under_way.insert(name);
        } else if dirs().any(|d| Lease::is_told(&d)) || gone(cwd.as_deref()) {
            orphans.entry(name).or_default().push(p.pid);
        } else {
            hidden.insert(name);
        }
    }
    seen.open.extend(hidden.into_iter().map(|name| {
        format!("whether a drill that is alive owns instance {name} is not told to this user; look as root")
    }));
    for (name, pids) in orphans {
        let first = pids.first().copied().unwrap_or_default();
        let text = format!("{} processes run, {first} among them, and no drill that is alive owns them", pids.len());
        seen.add(Found::new(format!("instance {name}"), text));
    }
    if !under_way.is_empty() {
        seen.note = Some(format!("{} drills are under way", under_way.len()));
    }
    seen
}

/// Whether the directory that a process works in was removed.
fn gone(cwd: Option<&Path>) -> bool {
    cwd.is_some_and(|c| c.to_string_lossy().ends_with(" (deleted)"))
}

/// Whether pgseal made an entry of `scratch`: the directory may be anybody's, `/var/tmp` say.
fn ours(scratch: &Path, name: &str) -> bool {
    is_mark(name) || Lease::read(&scratch.join(name)).is_some_and(|l| l.format == Purpose::Scratch)
}

/// The name of the entry of `scratch` that `cwd` is below.
fn instance(scratch: &Path, cwd: &Path) -> Option<String> {
    let text = cwd.to_string_lossy();
    let cwd = PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(&text));
    let first = cwd.strip_prefix(scratch).ok()?.components().next()?;
    Some(first.as_os_str().to_string_lossy().into_owned())
}

/// The entry of `scratch` whose data directory a server was started with (`-D`).
fn serves(scratch: &Path, p: &Process) -> Option<String> {
    let mut arguments = p.arguments.iter().skip_while(|a| !a.starts_with("-D"));
    let first = arguments.next().filter(|_| p.name().starts_with("postgres"))?;
    let dir = match first.strip_prefix("-D") {
        Some("") => arguments.next()?,
        glued => glued?,
    };
    instance(scratch, Path::new(dir))
}

/// The mark of a drill in a server's title: `postgres: pgseal-shop-0123abcd: checkpointer`.
fn mark(p: &Process) -> Option<String> {
    let title = p.arguments.first()?.strip_prefix("postgres: ")?;
    let name = title.split(": ").next()?;
    is_mark(name).then(|| name.to_owned())
}
