//! How much isolation there is, how much there must be, and that all of it ends
//! with pgseal.

use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, checks_of_the_copy, verdict, within};
use pgseal::scratch::procfs;

/// Without bubblewrap there is I2, without unshare too I1.
pub const LEVELS: [(&str, &[&str]); 3] =
    [("I3", &[]), ("I2", &["/usr/bin/bwrap"]), ("I1", &["/usr/bin/bwrap", "/usr/bin/unshare"])];

fn isolation(report: &Value) -> (&str, &str) {
    (report["isolation"]["level"].as_str().unwrap(), report["isolation"]["required"].as_str().unwrap())
}

fn iso_015(report: &Value) -> &Value {
    let probes = report["isolation"]["probes"].as_array().unwrap();
    probes.iter().find(|p| p["id"] == "ISO-015").unwrap()
}

#[test]
fn less_than_required_ends_before_anything_is_restored_and_says_what_is_lacking() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);

    // The database is here: I3, if nothing else is said.
    for (level, lacks) in &LEVELS[1..] {
        world.lacks(lacks);
        let (code, report) = world.drill("shop");
        assert_eq!((code, verdict(&report)), (53, ("inconclusive", "none")), "{report:#}");
        assert_eq!(isolation(&report), (*level, "I3"));
        assert_eq!(iso_015(&report)["outcome"], "not_evaluated");
        assert!(checks_of_the_copy(&report) == 0 && report["teardown"].is_null());
        let reasons = report["isolation"]["reasons"].to_string();
        assert!(reasons.contains("bubblewrap (bwrap) is not installed"), "{reasons}");
        assert_eq!(reasons.contains("unshare is not installed"), *level == "I1", "{reasons}");
        let error = report["errors"][0].to_string();
        assert!(error.contains(&format!("only isolation {level} can be had here, I3 is required")), "{error}");
        assert!(error.contains("is a socket in") && error.contains("is not installed"), "{error}");
    }
    // The configuration has the last word, and what was had is what is said.
    world.configure("", "[source.NAME.drill]\nmin_isolation = \"I2\"\n");
    world.lacks(LEVELS[1].1);
    let (code, report) = world.drill("shop");
    assert_eq!((code, verdict(&report), isolation(&report)), (0, ("passed", "data"), ("I2", "I2")), "{report:#}");
    assert!(!report["isolation"]["reasons"].as_array().unwrap().is_empty());
    world.lacks(LEVELS[2].1);
    assert_eq!(world.drill("shop").0, 53);
    world.configure("", "[source.NAME.drill]\nmin_isolation = \"I1\"\n");
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (0, ("I1", "I1")), "{report:#}");
    world.lacks(&[]);
}

#[test]
fn the_databases_own_host_is_recognised_by_its_running_server_too() {
    let mut server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let connection = format!("connection = \"{}\"", server.conninfo());
    // TEST-NET-1 is nobody's (RFC 5737), and is not dialled.
    let elsewhere = "connection = \"hostaddr=192.0.2.1 user=u dbname=postgres\"";
    world.edit(&connection, elsewhere);
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (0, ("I3", "I3")), "{report:#}");
    let evidence = iso_015(&report)["evidence"].as_str().unwrap();
    assert!(evidence.contains("a server of the backup's cluster runs here"), "{evidence}");

    // A host of its own is not believed while the database's server runs on it.
    world.configure("", "[source.NAME.drill]\nmin_isolation = \"I4\"\n");
    world.edit(&connection, elsewhere);
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (53, ("I3", "I4")), "{report:#}");
    assert!(report["errors"][0].to_string().contains("I4 is required, and the database runs on this host"));

    server.stop();
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (0, ("I3", "I3")), "I4 is never claimed: {report:#}");
    let evidence = iso_015(&report)["evidence"].as_str().unwrap();
    assert!(evidence.contains("declared by the configuration"), "{evidence}");

    world.configure("", "");
    world.edit(&connection, elsewhere);
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (0, ("I3", "I2")), "{report:#}");
    assert!(iso_015(&report)["evidence"].as_str().unwrap().contains("no sign of the database on this host"));
}

#[test]
fn kill_9_takes_the_server_down_within_two_seconds_at_every_level() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let root = World::new(&server);
    for (level, lacks) in LEVELS {
        killed(&root, level, lacks);
    }
    killed(&World::new_as(&server, Some("postgres")), "I3", &[]);
}

fn killed(world: &World, level: &str, lacks: &'static [&'static str]) {
    let slow = "[source.NAME.drill]\nmin_isolation = \"I1\"\n[[source.NAME.drill.sql]]\nname = \"slow\"\n\
                query = \"select pg_sleep(1000)\"\nexpect = \"\"\n";
    world.lacks(&[]);
    world.configure("", slow);
    world.ok(&["backup", "shop"]);
    world.lacks(lacks);
    let mut child = world.command(&["drill", "shop", "-q"]).spawn().unwrap();
    let scratch = world.path("scratch");
    let asleep = |pid: &i32| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).contains("[local] SELECT")
    };
    assert!(within(60, || procfs::working_below(&scratch).iter().any(asleep)), "{level}: no query runs");
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = within(2, || procfs::working_below(&scratch).is_empty());
    assert!(gone, "{level}: {:?} live on", procfs::working_below(&scratch));
}

/// Runs a command of `world` where the kernel gives no more user namespaces: in
/// one that maps everyone as they are and allows none below it.
fn without_user_namespaces(world: &World, args: &[&str]) -> (i32, Value) {
    use std::io::Write as _;
    let inner = world.command(args);
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces || exit 98; exec \"$@\"";
    let mut command = std::process::Command::new("/usr/bin/unshare");
    command.args(["--user", "/bin/sh", "-c", "read go; exec /bin/sh -c \"$0\" sh \"$@\"", forbid]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(world.dir.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).unwrap();
    let pid = child.id().to_string();
    assert!(within(10, || of(&pid) != of("self")), "there is no user namespace");
    for map in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{pid}/{map}"), "0 0 65536").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let out = child.wait_with_output().unwrap();
    let report = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
    world.nothing_left();
    (out.status.code().unwrap(), report)
}

#[test]
fn without_user_namespaces_root_keeps_the_walls_and_others_are_told() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let (code, report) = without_user_namespaces(&world, &["drill", "shop", "--json"]);
    assert_eq!((code, isolation(&report)), (0, ("I3", "I3")), "{report:#}");
    let reasons = report["isolation"]["reasons"].to_string();
    assert!(reasons.contains("no user namespace of its own: "), "{reasons}");

    let world = World::new_as(&server, Some("postgres"));
    world.ok(&["backup", "shop"]);
    let (code, report) = without_user_namespaces(&world, &["drill", "shop", "--json"]);
    assert_eq!((code, isolation(&report)), (53, ("I1", "I3")), "{report:#}");
    let reasons = report["isolation"]["reasons"].to_string();
    assert!(reasons.contains("(user.max_user_namespaces = 0)"), "{reasons}");
    assert!(reasons.contains("no network namespace of its own: "), "{reasons}");
}

/// `pg_restore` that refuses to work where it sees a file of the host.
fn suspicious(world: &World, file: &std::path::Path) -> String {
    world.wrapped("pg_restore", |_| format!("[ -e {} ] && exit 9; [ -e /root ] && exit 9", file.display()))
}

#[test]
fn pg_restore_sees_no_file_of_the_host() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let file = world.path("of-the-host");
    std::fs::write(&file, "x").unwrap();
    let tools = suspicious(&world, &file);
    world.configure(&tools, "[source.NAME.drill]\nmin_isolation = \"I2\"\n");
    let (code, report) = world.drill("shop");
    assert_eq!((code, isolation(&report)), (0, ("I3", "I2")), "{report:#}");
    // The test sees what it looks for: without walls the program finds the file.
    world.lacks(LEVELS[1].1);
    let (code, report) = world.drill("shop");
    assert!(code != 0 && isolation(&report) == ("I2", "I2"), "{report:#}");
}
