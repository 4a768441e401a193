//! ISO-009: which processes there are.

use std::os::unix::fs::MetadataExt as _;

use super::{Rule, Seen, Target, processes};
use crate::config::schema::Isolation;
use crate::scratch::conn;

/// ISO-009.
pub const RULE: Rule = Rule { id: "ISO-009", title: "only expected server processes run", from: Isolation::I1 };

/// Process kinds that a sealed server may show (`pg_stat_activity.backend_type`).
const ALLOWED: [&str; 9] = [
    "client backend",
    "checkpointer",
    "background writer",
    "walwriter",
    "startup",
    "autovacuum launcher",
    "autovacuum worker",
    "parallel worker",
    "io worker",
];

/// What runs in the namespaces of a server.
pub(super) struct Programs {
    /// How many processes there are.
    pub count: usize,
    /// Those that are none of the server's, for people.
    pub others: Vec<String>,
}

/// Looks at what runs in the namespaces of the server `pid`. Names prove nothing, a
/// program gives itself any: a process of the server's is the postmaster, or its
/// child and the same program. What it descends from holds its namespaces open.
pub(super) fn programs(pid: i32) -> Programs {
    let postmaster = processes::postmaster(pid).unwrap_or(pid);
    let above: Vec<i32> = std::iter::successors(Some(postmaster), |p| processes::parent(*p)).collect();
    let program = |p: i32| std::fs::metadata(format!("/proc/{p}/exe")).ok().map(|m| (m.dev(), m.ino()));
    let server = program(postmaster);
    let mut found = Programs { count: 0, others: Vec::new() };
    for p in processes::inhabitants(pid) {
        let Some(name) = processes::name(p) else { continue };
        found.count += 1;
        let child = || processes::parent(p) == Some(postmaster);
        // One that is ending has no program any more.
        let same = || program(p).is_none_or(|its| Some(its) == server);
        if above.contains(&p) || (child() && same()) || processes::name(p).is_none() {
            continue;
        }
        let as_server = name == "postgres";
        found.others.push(if as_server {
            "a program called postgres that is none of the server's processes".to_owned()
        } else {
            format!("the program {name}")
        });
    }
    found
}

pub(super) async fn look(t: Target<'_>) -> Seen {
    let sql =
        "select coalesce(backend_type, 'unknown'), count(*) from pg_catalog.pg_stat_activity group by 1 order by 1";
    let rows = match t.client.query(sql, &[]).await {
        Ok(rows) => rows,
        Err(e) => return Seen::Blind(conn::reduced(&e)),
    };
    let Ok(kinds) = rows.iter().map(|r| r.try_get(0)).collect::<Result<Vec<String>, _>>() else {
        return Seen::blind("the server's answer cannot be read");
    };
    let mut bad: Vec<String> = kinds.iter().filter(|k| !ALLOWED.contains(&k.as_str())).cloned().collect();
    let programs = programs(t.pid);
    if programs.count == 0 || kinds.is_empty() {
        return Seen::blind("no process can be seen");
    }
    bad.extend(programs.others);
    if bad.is_empty() {
        Seen::Good(format!("{} processes; {}", programs.count, kinds.join(", ")))
    } else {
        Seen::Bad(format!("not expected: {}", bad.join(", ")))
    }
}
