//! ISO-009: which processes there are.

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

/// Programs that may be in its namespaces: the server, and what holds them open.
const PROGRAMS: [&str; 2] = ["postgres", "bwrap"];

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
    let programs: Vec<String> = processes::inhabitants(t.pid).into_iter().filter_map(processes::name).collect();
    if programs.is_empty() || kinds.is_empty() {
        return Seen::blind("no process can be seen");
    }
    let others = programs.iter().filter(|p| !PROGRAMS.contains(&p.as_str()));
    bad.extend(others.map(|p| format!("the program {p}")));
    if bad.is_empty() {
        Seen::Good(format!("{} processes; {}", programs.len(), kinds.join(", ")))
    } else {
        Seen::Bad(format!("not expected: {}", bad.join(", ")))
    }
}
