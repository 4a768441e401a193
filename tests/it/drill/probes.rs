//! A probe that fails ends the drill at once, whatever it would have found.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, checks_of_the_copy, within};

/// Drills `what`, and makes the scratch directory lie in a data directory as
/// soon as it is there.
fn drill(world: &World, what: &str) -> (i32, Value) {
    let above = world.path("PG_VERSION");
    let child = world.command(&["drill", what, "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let begun = || std::fs::read_dir(world.path("scratch")).unwrap().count() > 0;
    assert!(within(60, begun), "no scratch directory comes up");
    std::fs::write(&above, "15\n").unwrap();
    let out = child.wait_with_output().unwrap();
    std::fs::remove_file(&above).unwrap();
    world.nothing_left();
    (out.status.code().unwrap(), serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn a_failed_probe_stops_the_drill_at_once_and_makes_it_unsafe() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    for what in ["shop", "cluster"] {
        world.ok(&["backup", what]);
        let (code, r) = drill(&world, what);
        assert_eq!((code, r["verdict"].as_str()), (52, Some("unsafe")), "{r:#}");
        let probe = |id: &str| {
            let all = r["isolation"]["probes"].as_array().unwrap();
            all.iter().find(|p| p["id"] == id).unwrap_or_else(|| panic!("no {id}: {r:#}")).clone()
        };
        let place = probe("ISO-003");
        assert_eq!(
            (place["outcome"].as_str(), place["looks"].is_null()),
            (Some("fail"), true),
            "looked once: {place:#}"
        );
        assert!(place["evidence"].as_str().unwrap().contains("is above"), "{place:#}");
        assert!(r["reasons"][0].as_str().unwrap().starts_with("ISO-003 ("), "{r:#}");
        assert!(r["errors"][0]["message"].as_str().unwrap().contains("stopped at once"), "{r:#}");
        // Nothing of the source ran, nor was anything asked of the copy.
        let stages: Vec<&str> = r["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert_eq!(stages.last_chunk(), Some(&["probes", "teardown"]), "{stages:?}");
        assert_eq!(stages.contains(&"restore"), what == "cluster", "{stages:?}");
        // Of a physical copy its files were compared with the manifest before the start.
        assert_eq!(checks_of_the_copy(&r), usize::from(what == "cluster"), "{r:#}");
        assert_eq!(probe("ISO-014")["outcome"], "pass");
        // The rest was looked at in the same moment and stands beside it.
        assert_eq!(probe("ISO-005")["outcome"], "pass");
    }
    // Without the cause it is as good as ever.
    assert_eq!(world.drill("shop").0, 0);
}

#[test]
fn files_that_were_open_when_it_began_do_not_reach_the_copy() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let drill = world.command(&["drill", "shop", "--json"]);
    let mut shell = Command::new("/bin/sh");
    // As a wrapper does that keeps a file open: time -o, flock, a unit's LoadCredential.
    shell.args(["-c", "exec 7<\"$0\" 8>>\"$1\"; shift; exec \"$@\""]);
    shell.arg(world.path("keys/identity")).arg(world.path("state/log")).arg(drill.get_program()).args(drill.get_args());
    shell.env_clear().envs(drill.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(world.dir.path());
    let said = World::said(&mut shell);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let probes = report["isolation"]["probes"].as_array().unwrap();
    let open = probes.iter().find(|p| p["id"] == "ISO-012").unwrap();
    assert_eq!((said.code, &open["outcome"]), (0, &"pass".into()), "{open:#} {:#}", report["reasons"]);
}
