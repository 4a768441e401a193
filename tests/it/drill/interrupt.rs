//! However a drill ends, nothing of it goes on; what a killed one leaves, the
//! next one removes.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use pgseal::scratch::procfs;
use rustix::process::{Pid, Signal, kill_process};

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, within};

/// The scratch directory of the drill that runs.
fn scratch_of(world: &World) -> Option<PathBuf> {
    std::fs::read_dir(world.path("scratch")).unwrap().next().map(|e| e.unwrap().path())
}

fn spawn(world: &World, what: &str) -> Child {
    let mut command = world.command(&["drill", what, "-q"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Whether a process of the drill has `words` in its title.
fn runs(world: &World, words: &str) -> bool {
    procfs::working_below(&world.path("scratch")).into_iter().any(|pid| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).contains(words)
    })
}

fn world(server: &PgServer) -> World {
    // Slow where it is to be interrupted: an index of a function, a query.
    server.psql(
        "postgres",
        "create function slow(int) returns int language plpgsql immutable as 'begin perform pg_sleep(0.2); return $1; end'",
    );
    let world = World::new(server);
    let slow = "[[source.NAME.drill.sql]]\nname = \"slow\"\nquery = \"select pg_sleep(1000)\"\nexpect = \"\"\n";
    world.configure("", slow);
    world
}

#[test]
fn signals_end_everything_at_every_stage() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = world(&server);
    world.ok(&["backup", "cluster"]);
    world.ok(&["backup", "shop"]);
    // During the checks of both kinds.
    for (what, signal, code) in [("cluster", Signal::TERM, 143), ("shop", Signal::INT, 130)] {
        let child = spawn(&world, what);
        assert!(within(60, || runs(&world, "SELECT") || runs(&world, "[local]")), "no session comes up");
        assert!(within(60, || runs(&world, "postgres: pgseal-")));
        send(&child, signal);
        ended(&world, child, code);
    }
    // As soon as there is a directory: before and during the start.
    let child = spawn(&world, "cluster");
    assert!(within(60, || scratch_of(&world).is_some()));
    send(&child, Signal::INT);
    ended(&world, child, 130);
    // While the tar is unpacked.
    let child = spawn(&world, "cluster");
    let unpacks = |p: PathBuf| {
        let below = std::fs::read_dir(p).into_iter().flatten().flatten();
        below.into_iter().any(|e| e.file_name().to_string_lossy().contains("pgseal-restoring"))
    };
    assert!(within(60, || scratch_of(&world).is_some_and(unpacks)));
    send(&child, Signal::TERM);
    ended(&world, child, 143);
    // While pg_restore builds an index.
    server.psql("postgres", "create table t as select generate_series(1, 40) i; create index on t(slow(i))");
    world.ok(&["backup", "shop"]);
    let child = spawn(&world, "shop");
    assert!(within(60, || runs(&world, "CREATE INDEX")), "the index is not built");
    send(&child, Signal::TERM);
    ended(&world, child, 143);
    assert_eq!(
        std::fs::read_dir(world.path("store/s/shop"))
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name() == "r")
            .count(),
        0
    );
}

fn ended(world: &World, child: Child, code: i32) {
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(code), "{}", String::from_utf8_lossy(&out.stderr));
    world.nothing_left();
}

#[test]
fn a_killed_drill_takes_its_server_down_and_the_next_one_removes_its_directory() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = world(&server);
    world.ok(&["backup", "cluster"]);
    let mut child = spawn(&world, "cluster");
    assert!(within(60, || runs(&world, "[local]")), "no session comes up");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(within(2, || procfs::working_below(&world.path("scratch")).is_empty()), "the server lives on");
    let left = scratch_of(&world).unwrap();
    assert_eq!(std::fs::read_dir(world.path("tmp")).unwrap().count(), 0, "nothing else is left");

    // Neither ours: no mark, and the mark of a run that lives.
    let kept = ["pgseal-unmarked", "other"].map(|n| world.path("scratch").join(n));
    for dir in &kept {
        std::fs::create_dir(dir).unwrap();
    }
    world.configure("", "");
    let said = world.pgseal(&["drill", "cluster"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains(left.file_name().unwrap().to_str().unwrap()), "{said:?}");
    assert!(!left.exists());
    for dir in &kept {
        std::fs::remove_dir(dir).unwrap();
    }
    world.nothing_left();
}

#[test]
fn sweep_removes_what_a_killed_drill_left_and_nothing_else() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = world(&server);
    world.ok(&["backup", "shop"]);
    let mut dead = spawn(&world, "shop");
    assert!(within(60, || runs(&world, "[local]")), "no session comes up");
    let left = scratch_of(&world).unwrap();
    dead.kill().unwrap();
    dead.wait().unwrap();

    // A name like ours without a mark; a mark that was made for another place.
    let unmarked = world.path("scratch/pgseal-shop-00000000");
    let copied = world.path("scratch/pgseal-shop-11111111");
    for dir in [&unmarked, &copied] {
        std::fs::create_dir(dir).unwrap();
    }
    std::fs::copy(left.join("pgseal-lease.json"), copied.join("pgseal-lease.json")).unwrap();

    let said = world.ok(&["sweep", "--dry-run", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["dry_run"], true);
    let all = json["leftovers"].as_array().unwrap();
    let one = all.iter().find(|l| l["name"] == left.to_str().unwrap()).unwrap();
    assert_eq!((all.len(), &one["kind"], &one["removed"]), (1, &"scratch".into(), &false.into()), "{json:#}");
    assert!(left.exists(), "a dry run removes nothing");

    let said = world.ok(&["sweep"]);
    assert_eq!(said.out, format!("removed  scratch  {}\n", left.display()));
    assert!(!left.exists() && unmarked.exists() && copied.exists());
    let said = world.ok(&["sweep"]);
    assert!(said.out.is_empty() && said.err.contains("nothing is left behind"), "{said:?}");
    for dir in [&unmarked, &copied] {
        std::fs::remove_dir_all(dir).unwrap();
    }

    // A living run is let alone: directory, server and all.
    let alive = spawn(&world, "shop");
    assert!(within(60, || runs(&world, "[local]")), "no session comes up");
    let scratch = scratch_of(&world).unwrap();
    let said = world.ok(&["sweep", "--json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["leftovers"], serde_json::json!([]));
    assert!(scratch.exists() && runs(&world, "[local]"));
    send(&alive, Signal::INT);
    ended(&world, alive, 130);
}
