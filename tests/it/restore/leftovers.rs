//! What killed restores and backups leave, and `pgseal sweep`.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::restore::pg::{PgServer, bindir};
use crate::restore::world::{Host, Said, said};

/// Rows of `slow` take their time wherever they are restored to.
const SLOW: &str = "
create function nap() returns bool language plpgsql as $$ begin if current_database() !~ '^shop' then perform pg_sleep(100); end if; return true; end $$;
create table slow (a int check (public.nap())); insert into slow values (1);
";

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < give_up, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sweep_removes_marked_databases_and_password_directories_of_the_dead_only() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", SLOW);
    let host = Host::new(&server);
    for dir in ["scratch", "tmp"] {
        std::fs::create_dir(host.path(dir)).unwrap();
    }
    host.configure("[state]", &format!("[scratch]\ndir = \"{}\"\n[state]", host.path("scratch").display()));
    host.ok(&["backup", "tables"]);
    let left =
        || server.psql("postgres", "select string_agg(datname, ' ') from pg_database where datname ~ '^pgseal_'");
    let directories = || {
        let all = std::fs::read_dir(host.path("tmp")).unwrap().map(|e| e.unwrap().path());
        all.filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with("pgseal-")).count()
    };
    let start = |name: &str| -> Child {
        let mut command = host.restore_command(&server, &["tables@latest", "--target-db", name]);
        command.env("TMPDIR", host.path("tmp")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let busy =
            "select count(*) from pg_stat_activity where datname ~ '^pgseal_restoring' and wait_event = 'PgSleep'";
        wait_for("the restore does not come to the slow table", || server.psql("postgres", busy) == "1");
        child
    };
    let sweep = |args: &[&str]| -> Said {
        let mut command = host.command(&["sweep"]);
        command.args(args).env("TMPDIR", host.path("tmp")).env("PGHOST", server.socket_dir());
        said(command.env("PGUSER", "postgres").env("PGPORT", server.port().to_string()))
    };

    // While it runs, it is nobody's leftover.
    let mut child = start("new");
    let database = left();
    assert_eq!(directories(), 1);
    sweep(&["--databases"]).is(0, &["nothing is left behind"]);
    assert_eq!((left(), directories()), (database.clone(), 1));

    child.kill().unwrap();
    child.wait().unwrap();
    // Ours by name only; ours by name and mark, and somebody is in it.
    server.psql("postgres", "create database pgseal_restoring_0123456789ab");
    let gone =
        "select count(*) from pg_stat_activity where datname ~ '^pgseal_' or application_name = 'pgseal restore'";
    server.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
    wait_for("sessions of the killed restore stay", || server.psql("postgres", gone) == "0");
    let foreign = host.path("tmp/pgseal-foreign");
    std::fs::create_dir(&foreign).unwrap();

    let said = sweep(&["--databases", "--dry-run", "--json"]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let kinds: Vec<&str> = json["leftovers"].as_array().unwrap().iter().map(|l| l["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["private", "database"], "{json:#}");
    assert_eq!(json["leftovers"][1]["name"], database.as_str());
    assert!(left().contains(&database) && directories() == 2);

    // Without being asked to, no server is contacted.
    let out = sweep(&[]).is(0, &["removed  private"]).out.clone();
    assert!(!out.contains("database") && left().contains(&database) && foreign.exists() && directories() == 1);

    // Somebody looks around in it: it stays until he is gone.
    let mut psql = server.client("psql", &database);
    let mut guest = psql.args(["-c", "select pg_sleep(1000)"]).stdout(Stdio::null()).spawn().unwrap();
    let inside = format!("select count(*) from pg_stat_activity where datname = '{database}'");
    wait_for("nobody comes in", || server.psql("postgres", &inside) == "1");
    sweep(&["--databases"]).is(0, &["nothing is left behind"]);
    server.psql(
        "postgres",
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"),
    );
    guest.wait().unwrap();
    wait_for("the guest stays", || server.psql("postgres", &inside) == "0");

    sweep(&["--databases"]).is(0, &[&format!("removed  database  {database}")]);
    assert_eq!(left(), "pgseal_restoring_0123456789ab", "what has no mark is not ours");

    // The mark is gone from what was finished.
    server.psql("shop", "drop table slow");
    host.ok(&["backup", "tables"]);
    host.restore(&server, &["tables@latest", "--target-db", "whole"]).is(0, &[]);
    let comment =
        "select coalesce(shobj_description(oid, 'pg_database'), 'none') from pg_database where datname = 'whole'";
    assert_eq!(server.psql("postgres", comment), "none");
    let json = sweep(&["--json"]).out;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["leftovers"], serde_json::json!([]));
}

#[test]
fn a_server_that_cannot_be_asked_is_an_error() {
    let server = PgServer::start(&bindir(), &[]);
    let host = Host::new(&server);
    let mut command = host.command(&["sweep", "--databases", "--connection", "host=/nonexistent user=u dbname=d"]);
    said(command.env("TMPDIR", host.path("home"))).is(20, &["error:"]);
    said(&mut host.command(&["sweep", "--connection", "host=x"])).is(2, &["--databases"]);
}

#[test]
fn a_database_that_was_killed_before_its_mark_is_swept() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t (a int)");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let left = || {
        let names = "select coalesce(string_agg(datname, ' ' order by datname), '') from pg_database where datname ~ '^pgseal_'";
        server.psql("postgres", names)
    };
    let sweep = || {
        let mut command = host.command(&["sweep", "--databases"]);
        command.env("TMPDIR", host.path("home")).env("PGHOST", server.socket_dir()).env("PGUSER", "postgres");
        said(command.env("PGPORT", server.port().to_string()))
    };

    // A guest in template0 makes CREATE DATABASE wait.
    server.psql("postgres", "alter database template0 allow_connections true");
    let mut psql = server.client("psql", "template0");
    let mut guest = psql.args(["-c", "select pg_sleep(1000)"]).stdout(Stdio::null()).spawn().unwrap();
    let inside = "select count(*) from pg_stat_activity where datname = 'template0'";
    wait_for("nobody comes in", || server.psql("postgres", inside) == "1");
    let mut restore = host.restore_command(&server, &["tables@latest", "--target-db", "new"]);
    let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let creating = "select count(*) from pg_stat_activity where state = 'active' and query ~ '^create database'";
    wait_for("nothing is created", || server.psql("postgres", creating) == "1");
    child.kill().unwrap();
    child.wait().unwrap();
    sweep().is(0, &["nothing is left behind"]);
    server.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'template0'");
    guest.wait().unwrap();
    wait_for("the restore's session stays", || {
        server.psql("postgres", "select count(*) from pg_stat_activity where application_name = 'pgseal restore'")
            == "0"
    });
    let unmarked = left();
    let comment =
        format!("select shobj_description(oid, 'pg_database') is null from pg_database where datname = '{unmarked}'");
    assert_eq!(server.psql("postgres", &comment), "t", "the sample was killed in time");

    // Others of such a name: one with a table, one with a comment, one whose session lives.
    let me = "select pid || '_' || (extract(epoch from backend_start) * 1000000)::int8 from pg_stat_activity
              where backend_type = 'client backend' and pid <> pg_backend_pid()";
    let mut psql = server.client("psql", "postgres");
    let mut worker = psql.args(["-c", "select pg_sleep(1000)"]).stdout(Stdio::null()).spawn().unwrap();
    wait_for("the worker does not come", || !server.psql("postgres", me).is_empty());
    let alive = server.psql("postgres", me);
    let kept: Vec<String> = [("a", "1_1"), ("b", "1_1"), ("c", alive.as_str())]
        .map(|(n, session)| format!("pgseal_restoring_{}_{session}", n.repeat(12)))
        .to_vec();
    for name in &kept {
        server.psql("postgres", &format!("create database \"{name}\""));
    }
    server.psql(&kept[0], "create table mine (a int)");
    server.psql("postgres", &format!("comment on database \"{}\" is 'mine'", kept[1]));
    sweep().is(0, &[&format!("removed  database  {unmarked}")]);
    assert_eq!(left(), kept.join(" "));
    server.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'pg_sleep.1000' and pid <> pg_backend_pid()");
    worker.wait().unwrap();
    wait_for("the worker stays", || server.psql("postgres", me).is_empty());
    sweep().is(0, &[&format!("removed  database  {}", kept[2])]);
}
