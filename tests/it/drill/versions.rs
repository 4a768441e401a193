//! The programs of a drill are those of the backup's major version, chosen
//! among all that are installed.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::drill::installation::has;
use crate::drill::pg::{self, PgServer};
use crate::drill::world::{Said, World, check, outcome};

/// Whether indexes can be looked at: the installation under test has amcheck, or is
/// older than the program that asks it.
pub fn looks_at_indexes() -> bool {
    let bin = pg::bindir();
    has(&bin, "contrib") || !has(&bin, "14")
}

/// A good backup of `source` was drilled and passes with `code`. Where indexes
/// cannot be looked at, a physical one does not, and for no other reason.
#[track_caller]
pub fn good(source: &str, code: i32, got: i32, report: &Value) {
    if source == "shop" || looks_at_indexes() {
        assert_eq!((got, report["verdict"].as_str()), (code, Some("passed")), "{report:#}");
        return;
    }
    assert_eq!((got, report["verdict"].as_str()), (53, Some("inconclusive")), "{report:#}");
    let reasons: Vec<&str> = report["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    let amcheck = "PHY-AMCHECK was not evaluated: the extension amcheck is not installed on this host";
    assert!(reasons.contains(&amcheck), "{reasons:#?}");
    // Of a backup with warnings, those stand beside it.
    let beside = |r: &&str| *r != amcheck && *r != "proof level booted is less than data";
    assert!(code != 0 || !reasons.iter().any(beside), "{reasons:#?}");
    let looked = check(report, "PHY-AMCHECK");
    assert_eq!(
        (looked["outcome"].as_str(), looked["reason"].as_str()),
        (Some("not_evaluated"), Some("the extension amcheck is not installed on this host")),
        "{report:#}"
    );
}

/// The proof level of a good backup with rows.
pub fn best(source: &str) -> &'static str {
    if source == "shop" || looks_at_indexes() { "data" } else { "booted" }
}

/// The programs of another major than that under test.
fn other() -> PathBuf {
    let dir = if pg::major() == 15 {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci/pg/17/bin")
    } else {
        "/usr/lib/postgresql/15/bin".into()
    };
    dir.canonicalize().unwrap_or_else(|e| panic!("{}: {e}: run scripts/setup --test", dir.display()))
}

/// pgseal where both majors' programs are on the search path, the wrong ones first.
fn among_both(world: &World, args: &[&str]) -> Said {
    let path = format!("{}:{}:/usr/bin:/bin", other().display(), pg::bindir().display());
    World::said(world.command(args).env("PATH", path))
}

#[test]
fn the_majors_own_programs_are_chosen_among_several() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 100) i");
    let world = World::new(&server);
    // No tools.pg_bindir.
    world.configure("[tools]\n", "");
    let version = server.psql("postgres", "show server_version");
    let version = version.split(' ').next().unwrap();
    for source in ["shop", "cluster"] {
        let said = among_both(&world, &["backup", source]);
        assert_eq!(said.code, 0, "{said:?}");
        let shown = world.ok(&["show", &format!("{source}@latest"), "--json"]).out;
        let program = if source == "shop" { "pg_dump" } else { "pg_basebackup" };
        assert!(shown.contains(&format!("{program} (PostgreSQL) {version}")), "{shown}");
        // Neither initdb nor the server of another major could bring it up.
        let said = among_both(&world, &["drill", source, "--json"]);
        let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        good(source, 0, said.code, &report);
        assert_eq!(report["proof_level"], best(source), "{report:#}");
        let proven = if source == "shop" { "INT-ROWS" } else { "PHY-READ" };
        assert_eq!(outcome(&report, proven), "pass");
        world.nothing_left();
    }
}

#[test]
fn programs_of_another_major_are_named_and_are_no_fault_of_the_backup() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 100) i");
    let world = World::new(&server);
    for source in ["shop", "cluster"] {
        world.ok(&["backup", source]);
    }
    world.configure(&format!("[tools]\npg_bindir = \"{}\"\n", other().display()), "");
    for source in ["shop", "cluster"] {
        let (code, report) = world.drill(source);
        assert_eq!((code, report["verdict"].as_str()), (53, Some("inconclusive")), "{report:#}");
        let error = &report["errors"][0];
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(&format!("no PostgreSQL {} client programs found", pg::major())), "{report:#}");
        assert!(error["hint"].as_str().unwrap().contains("tools.pg_bindir"), "{report:#}");
        assert_eq!(report["proof_level"], "none");
    }
    // What else is installed does not take the place of what was configured.
    assert_eq!(among_both(&world, &["drill", "shop"]).code, 53);
}
