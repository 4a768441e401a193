//! Restores that fail or are interrupted in the middle.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::restore::pg::{PgServer, bindir, done};
use crate::restore::world::Host;

/// Rows of `slow` take their time, those of `bad` fail, wherever they are restored to.
const TRAPS: &str = "
create function nap() returns bool language plpgsql as $$ begin if current_database() !~ '^shop' then perform pg_sleep(100); end if; return true; end $$;
create function boom() returns bool language plpgsql as $$ begin if current_database() !~ '^shop' then raise 'rows went off'; end if; return true; end $$;
create table good (a int); insert into good values (1);
create table bad (a int check (public.boom())); insert into bad values (1);
create table slow (a int check (public.nap())); insert into slow values (1);
";

#[test]
fn nothing_lies_under_the_name_of_a_restore_that_did_not_end() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", TRAPS);
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let databases = || {
        server.psql(
            "postgres",
            "select string_agg(datname, ' ' order by datname) from pg_database where not datistemplate",
        )
    };

    host.restore(&server, &["tables@latest", "--target-db", "new", "--table", "bad"])
        .is(50, &["rows went off", "was removed"]);
    assert_eq!(databases(), "postgres shop");

    // A database of the user's own is not dropped, and the message says in what state it is.
    server.psql("postgres", "create database mine");
    host.restore(&server, &["tables@latest", "--target-db", "mine", "--table", "bad"])
        .is(50, &["rows went off", "drop it before you try again"]);
    server.psql("postgres", "drop database mine");

    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut command = host.restore_command(&server, &["tables@latest", "--target-db", "new", "--table", "slow"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let give_up = Instant::now() + Duration::from_mins(1);
        let busy =
            "select count(*) from pg_stat_activity where datname like 'pgseal_restoring%' and wait_event = 'PgSleep'";
        while server.psql("postgres", busy) != "1" {
            assert!(Instant::now() < give_up, "the restore does not come to the slow table");
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(code), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(databases(), "postgres shop", "{}\n{}", String::from_utf8_lossy(&out.stderr), server.log());
        // The server hears of a client's end a moment after the client has ended.
        let sessions = "select count(*) from pg_stat_activity where application_name ~ 'pg_restore|pgseal'";
        let give_up = Instant::now() + Duration::from_secs(20);
        while server.psql("postgres", sessions) != "0" {
            assert!(Instant::now() < give_up, "a session lives on: {}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn who_ends_a_restore_into_an_existing_database_is_told_what_it_holds() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", TRAPS);
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for (name, there) in [("mine", true), ("new", false)] {
            if there {
                server.psql("postgres", "drop database if exists mine with (force)");
                server.psql("postgres", "create database mine");
            }
            let mut command = host.restore_command(&server, &["tables@latest", "--target-db", name, "--table", "slow"]);
            let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let give_up = Instant::now() + Duration::from_mins(1);
            let busy = "select count(*) from pg_stat_activity where datname !~ '^shop' and wait_event = 'PgSleep'";
            while server.psql("postgres", busy) != "1" {
                assert!(Instant::now() < give_up, "the restore does not come to the slow table");
                std::thread::sleep(Duration::from_millis(20));
            }
            kill_process(Pid::from_child(&child), signal).unwrap();
            let out = child.wait_with_output().unwrap();
            let said = String::from_utf8(out.stderr).unwrap();
            assert_eq!(out.status.code(), Some(code), "{said}");
            let holds = said.contains("the database mine existed before and holds part of the backup now")
                && said.contains("Drop it before you try again.");
            assert_eq!(holds, there, "{said}");
            assert!(said.contains("error: restore: ended by SIG") && !said.contains("internal"), "{said}");
            assert!(!said.contains("interrupted backup"), "{said}");
            if there {
                // The server hears of a client's end a moment after the client has ended.
                server.psql(
                    "postgres",
                    "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
                );
                assert_eq!(server.psql("mine", "select count(*) from pg_class where relname = 'slow'"), "1");
            }
        }
    }
}

#[test]
fn another_identity_is_told_before_anything_is_fetched() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    host.configure("identity = \"identity\"", "identity = \"other-identity\"");
    // Whoever fetches would notice that nothing is there.
    std::fs::rename(host.path("store/s/tables/d"), host.path("store/s/tables/away")).unwrap();
    for more in [&[][..], &["--dry-run"]] {
        let args: Vec<&str> = ["tables@latest", "--target-db", "new"].iter().chain(more).copied().collect();
        host.restore(&server, &args).is(12, &["no identity fits", "keys.identity"]);
    }
    assert_eq!(server.psql("postgres", "select count(*) from pg_database where datname = 'new'"), "0");
}

/// The server's programs without one extension: they find what belongs to them by their own place.
fn without_citext(home: &std::path::Path) -> std::path::PathBuf {
    use std::os::unix::fs::symlink;
    let (share, bin) = (home.join("share/postgresql/15"), home.join("lib/postgresql/15/bin"));
    std::fs::create_dir_all(share.join("extension")).unwrap();
    std::fs::create_dir_all(bin.parent().unwrap()).unwrap();
    done(std::process::Command::new("/usr/bin/cp").arg("-r").arg(bindir()).arg(&bin), "cp");
    symlink(bindir().parent().unwrap().join("lib"), bin.parent().unwrap().join("lib")).unwrap();
    let real = std::path::Path::new("/usr/share/postgresql/15");
    for (from, to) in [(real.to_owned(), share.clone()), (real.join("extension"), share.join("extension"))] {
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name != "extension" && !name.starts_with("citext") {
                symlink(entry.path(), to.join(name)).unwrap();
            }
        }
    }
    bin
}

#[test]
fn an_extension_that_the_target_lacks_is_named() {
    if crate::restore::pg::major() != 15 {
        return;
    }
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create extension citext; create table t (a citext)");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    crate::restore::pg::own(home.path());
    let target = PgServer::start(&without_citext(home.path()), &[]);
    let to = ["tables@latest", "--target-db", "new"];
    host.restore(&target, &to).is(50, &["citext", "install its package"]);
    host.restore(&target, &[to[0], to[1], to[2], "--dry-run"])
        .is(13, &["extensions are not installed on the target server: citext"]);
    assert_eq!(target.psql("postgres", "select count(*) from pg_database"), "3");
}
