//! The server that is backed up is an older state of the one before: it has the same
//! identity, and lacks what was written since.

use std::process::Command;

use crate::backup::pg::{PgServer, bindir, done};
use crate::backup::world::{Said, World, until};

const LOGICAL: &str = "databases = [\"shop\"]\n";
const PHYSICAL: &str = "kind = \"physical\"\n";
const OLDER: &str = "an older state of the same database system";

/// A server on a copy of these files.
fn on_copy(of: &std::path::Path) -> PgServer {
    PgServer::start_with(&bindir(), &[], &[], |data| {
        done(Command::new("/bin/rm").arg("-r").arg(data), "rm");
        done(Command::new("/bin/cp").arg("-a").arg(of).arg(data), "cp");
    })
}

fn backup(world: &mut World, server: &PgServer, source: &str, code: i32) -> Said {
    world.connection = server.conninfo();
    world.configure(source);
    let said = world.run(&["backup", "shop"]).expect(code);
    assert_eq!(said.err.contains(OLDER), code == 3, "{said}");
    said
}

fn work(server: &PgServer) {
    server.psql("shop", "INSERT INTO t SELECT generate_series(1, 20000); CHECKPOINT");
}

#[test]
fn an_older_copy_is_told_and_the_newer_one_is_not() {
    let mut server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) i");
    let mut world = World::new(&server, LOGICAL);
    world.backup();
    server.stop();
    let older = on_copy(&server.data_dir());
    server.restart(&[]);
    for source in [LOGICAL, PHYSICAL] {
        work(&server);
        backup(&mut world, &server, source, 0);
        backup(&mut world, &older, source, 3).says(&["and backup #", "has what was written up to"]);
        // It is told once: this is the state now.
        backup(&mut world, &older, source, 0);
    }
    // Either kind is compared with either.
    work(&server);
    backup(&mut world, &server, PHYSICAL, 0);
    backup(&mut world, &older, LOGICAL, 3);
    world.run(&["verify", "shop"]).expect(0);
}

#[test]
fn a_standby_that_was_promoted_is_silent_and_its_former_primary_is_not() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) i");
    let base = server.make_dir("base").join("d");
    let mut copy = server.as_owner("pg_basebackup");
    copy.args(["-h", server.socket_dir().to_str().unwrap(), "-U", "postgres", "-D", base.to_str().unwrap()]);
    done(copy.args(["-R", "-c", "fast"]), "pg_basebackup");
    let mut standby = on_copy(&base);
    let mut world = World::new(&server, LOGICAL);
    work(&server);
    for source in [LOGICAL, PHYSICAL] {
        backup(&mut world, &server, source, 0);
    }
    let at = server.psql("postgres", "SELECT pg_current_wal_flush_lsn()");
    until("the standby does not follow", || {
        standby.psql("postgres", &format!("SELECT pg_last_wal_replay_lsn() >= '{at}'")) == "t"
    });
    // As a standby, and promoted.
    backup(&mut world, &standby, LOGICAL, 0);
    assert_eq!(standby.psql("postgres", "SELECT pg_promote()"), "t");
    for source in [LOGICAL, PHYSICAL] {
        backup(&mut world, &standby, source, 0);
    }
    // The former primary is further by its own count, and nobody follows it any more.
    for _ in 0..5 {
        work(&server);
    }
    backup(&mut world, &server, LOGICAL, 3).says(&["is on timeline 1, and backup #", "is of timeline 2"]);
    backup(&mut world, &standby, LOGICAL, 0);
    backup(&mut world, &server, PHYSICAL, 3).says(&["is on timeline 1, and backup #", "is of timeline 2"]);
    standby.stop();
}
