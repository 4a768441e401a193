//! What this host lacks is never blamed on the backup, and never a pass.

use std::process::Command;

use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, checks_of_the_copy, verdict};
use pgseal::keys::Identities;

fn inconclusive(world: &World, what: &str, code: i32) -> Value {
    let (got, report) = world.drill(what);
    assert_eq!((got, report["verdict"].as_str()), (code, Some("inconclusive")), "{report:#}");
    assert!(!report["reasons"].as_array().unwrap().is_empty());
    report
}

fn says(report: &Value, text: &str) {
    let errors = report["errors"].to_string();
    assert!(errors.contains(text), "{text}: {errors}");
}

/// A file system of its own, gone with the value.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: std::path::PathBuf, size: &str) -> Self {
        std::fs::create_dir(&at).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=1777"), "none"])
            .arg(&at)
            .status();
        assert!(done.unwrap().success(), "the tests need root for a small file system");
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn what_the_host_lacks_is_named_before_anything_is_restored() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 1000000) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);

    std::fs::create_dir(world.path("empty")).unwrap();
    let bindir = format!("[tools]\npg_bindir = \"{}\"\n", world.path("empty").display());
    let missing = format!("[scratch]\ndir = \"{}\"\n", world.path("no-such").display());
    let closed = world.path("keys/inner");
    std::fs::create_dir(&closed).unwrap();
    let unreachable = format!("[scratch]\ndir = \"{}\"\n", closed.display());
    let nobody = format!("[scratch]\ndir = \"{}\"\nuser = \"no-such-user\"\n", world.path("scratch").display());
    let small = Small::mount(world.path("small"), "2m");
    let tight = format!("[scratch]\ndir = \"{}\"\n", small.0.display());
    let taken = Small::mount(world.path("taken"), "300m,nr_inodes=100");
    (0..97).for_each(|n| std::fs::write(taken.0.join(n.to_string()), "").unwrap());
    let taken = format!("[scratch]\ndir = \"{}\"\n", taken.0.display());
    for (top, drill, text) in [
        (bindir.as_str(), "", "no PostgreSQL 15 client programs found"),
        (&missing, "", "there is no scratch directory"),
        (&unreachable, "", "cannot reach it"),
        (&nobody, "", "there is no such user"),
        (&tight, "", "bytes are free"),
        (&taken, "", "2 inodes (files that can still be made) are free, 5 are kept"),
        ("", "[source.NAME.drill]\nmin_isolation = \"I3\"\n", "only isolation I2 can be had here, I3 is required"),
    ] {
        world.configure(top, drill);
        world.lacks(if text.contains("I3") { &["/usr/bin/bwrap"] } else { &[] });
        for source in ["shop", "cluster"] {
            // The small store of a logical backup fits where a cluster does not.
            if text == "bytes are free" && source == "shop" {
                continue;
            }
            let report = inconclusive(&world, source, 53);
            says(&report, text);
            assert_eq!((verdict(&report).1, report["rto_s"].is_null()), ("none", true));
            assert_eq!(checks_of_the_copy(&report), 0);
        }
        assert!(std::fs::read_dir(&closed).unwrap().next().is_none(), "{text}");
    }
    drop(small);
    world.lacks(&[]);

    // Full only when it is filled: the server or pg_restore runs out of space.
    let small = Small::mount(world.path("smaller"), "60m");
    world.configure(&format!("[scratch]\ndir = \"{}\"\n", small.0.display()), "");
    let report = inconclusive(&world, "shop", 53);
    says(&report, "pace");
    assert!(std::fs::read_dir(&small.0).unwrap().next().is_none());
    drop(small);

    // No identity fits: it could not be looked at, and the code says why.
    let (other, _) = Identities::generate();
    std::fs::write(world.path("keys/other"), other.as_str()).unwrap();
    std::fs::set_permissions(world.path("keys/other"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let keys = std::fs::read_to_string(world.path("pgseal.toml")).unwrap();
    let keys = keys.replace(&small_dir(&keys), &format!("dir = \"{}\"", world.path("scratch").display()));
    std::fs::write(world.path("pgseal.toml"), keys.replace("keys/identity\"", "keys/other\"")).unwrap();
    let report = inconclusive(&world, "shop", 12);
    says(&report, "no identity fits");
}

/// The configured scratch directory's line.
fn small_dir(config: &str) -> String {
    let after = config.split("[scratch]\n").nth(1).unwrap();
    after.lines().next().unwrap().to_owned()
}

#[test]
fn a_report_that_cannot_be_written_or_stored_is_told_and_hides_no_verdict() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    // Known before the work: nothing is drilled.
    std::fs::write(world.path("file"), "x").unwrap();
    let said = world.pgseal(&["drill", "shop", "--report-dir", "file"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.out.is_empty());
    // A store that takes no report: the passed drill is not a success.
    std::fs::write(world.path("store/s/shop/r"), "in the way").unwrap();
    let said = world.pgseal(&["drill", "shop", "--report-dir", "reports"]);
    assert!(said.code != 0 && said.err.contains("error: "), "{said:?}");
    if !said.out.is_empty() {
        assert!(said.out.contains("PASSED"), "{said:?}");
        assert_eq!(std::fs::read_dir(world.path("reports")).unwrap().count(), 9);
    }
    world.nothing_left();
}

#[test]
fn an_extension_or_library_that_is_missing_here_is_named() {
    // A tree of programs of its own, in which files can be missing.
    let tree = tempfile::Builder::new().prefix("pgx").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(tree.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let usr = tree.path().join("usr");
    let version = pg::major();
    for (from, to) in [
        (format!("/usr/lib/postgresql/{version}"), usr.join(format!("lib/postgresql/{version}"))),
        (format!("/usr/share/postgresql/{version}"), usr.join(format!("share/postgresql/{version}"))),
    ] {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert!(Command::new("cp").arg("-rL").arg(from).arg(to).status().unwrap().success());
    }
    let bin = usr.join(format!("lib/postgresql/{version}/bin"));
    let tools = format!("[tools]\npg_bindir = \"{}\"\n", bin.display());

    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create extension hstore; create table t(h hstore); insert into t values ('a=>1')");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);
    world.configure(&tools, "");
    assert_eq!(world.drill("shop").0, 0, "the tree works as long as it is whole");

    let library = usr.join(format!("lib/postgresql/{version}/lib/hstore.so"));
    std::fs::remove_file(library).unwrap();
    let report = inconclusive(&world, "shop", 53);
    says(&report, "is not installed on this host: hstore");
    // The server of a physical copy starts; its rows cannot be read here.
    let report = inconclusive(&world, "cluster", 53);
    assert_ne!(report["proof_level"], "data");

    std::fs::remove_file(usr.join(format!("share/postgresql/{version}/extension/hstore.control"))).unwrap();
    let report = inconclusive(&world, "shop", 53);
    says(&report, "an extension of the backup is not installed on this host: hstore");
    assert!(report["errors"][0]["hint"].as_str().unwrap().contains("Install"));
}

#[test]
fn a_deadline_ends_the_drill_and_is_no_pass() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let slow = "[[source.NAME.drill.sql]]\nname = \"slow\"\nquery = \"select pg_sleep(1000)\"\nexpect = \"\"\n";
    world.configure("", &format!("[source.NAME.drill]\ndeadline = \"12s\"\n{slow}"));
    let report = inconclusive(&world, "shop", 124);
    says(&report, "the drill took longer than 12 s");
    assert_eq!(report["teardown"]["instance_gone"], true);
    world.configure("", "[source.NAME.drill]\ndeadline = \"1s\"\n");
    let (code, report) = world.drill("shop");
    assert!(code == 124 || report["timings_s"]["total"].as_f64().unwrap() < 2.0, "{report:#}");
}
