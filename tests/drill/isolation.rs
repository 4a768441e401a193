//! How much isolation there is, how much there must be, and that all of it ends
//! with pgseal.

use serde_json::Value;

use crate::pg::{self, PgServer};
use crate::world::{World, checks_of_the_copy, verdict, within};
use pgseal::scratch::procfs;

/// Without bubblewrap there is I2, without unshare too I1.
const LEVELS: [(&str, &[&str]); 3] =
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
    let world = World::new(&server);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    world.ok(&["backup", "shop"]);
    let slow = "[source.NAME.drill]\nmin_isolation = \"I1\"\n[[source.NAME.drill.sql]]\nname = \"slow\"\n\
                query = \"select pg_sleep(1000)\"\nexpect = \"\"\n";
    world.configure("", slow);
    for (level, lacks) in LEVELS {
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
}
