//! A bad backup is called bad, with its own code, and never "could not run".

use serde_json::Value;

use crate::drill::installation::has;
use crate::drill::pg::{self, PgServer};
use crate::drill::reseal::{files_of_tar, reseal};
use crate::drill::versions::{good, looks_at_indexes};
use crate::drill::world::{World, check, checks_of_the_copy, outcome, verdict, within};
use pgseal::manifest::model::Role;

const HOSTILE: &str = "t<b>\u{1b}[31m\"&\n\u{202e}\u{9b}]]>";

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql(
        "shop",
        &format!(
            "create table people(id int primary key, email text);
             insert into people select g, 'canary-row-' || g || '@x' from generate_series(1, 3000) g;
             create sequence tickets; select setval('tickets', 500);
             create sequence ahead; select setval('ahead', 500);
             create table \"{}\"(x text); insert into \"{}\" values ('canary-row')",
            HOSTILE.replace('"', "\"\""),
            HOSTILE.replace('"', "\"\"")
        ),
    );
    server
}

fn backed_up(server: &PgServer, source: &str) -> World {
    let world = World::new(server);
    world.ok(&["backup", source]);
    world
}

fn shop(facts: &mut Value) -> &mut Value {
    let all = facts["databases"].as_array_mut().unwrap();
    all.iter_mut().find(|d| d["name"] == "shop").unwrap()
}

fn failed(world: &World, what: &str, code: i32) -> Value {
    let (got, report) = world.drill(what);
    assert_eq!((got, report["verdict"].as_str()), (code, Some("failed")), "{report:#}");
    assert!(!report.to_string().contains("canary-row"), "{report:#}");
    report
}

#[test]
fn lying_facts_are_found_and_hostile_names_are_escaped_everywhere() {
    let server = server();
    let world = backed_up(&server, "shop");
    reseal(&world, "shop", |facts, _| {
        let shop = shop(facts);
        for table in shop["tables"].as_array_mut().unwrap() {
            table["rows"] = (table["rows"].as_u64().unwrap() + 1).into();
        }
        // In order of name: the copy is ahead of one, and behind the other.
        shop["sequences"][0]["last_value"] = 499.into();
        shop["sequences"][1]["last_value"] = 501.into();
        shop["large_objects"] = 1.into();
        let inventory = &mut shop["inventory"];
        inventory["objects"]["table: public.people"]["owner"] = "nobody".into();
        inventory["grants"]["table: public.people"] = serde_json::json!(["nobody SELECT"]);
        inventory["row_security"]["table: public.people"] = serde_json::json!({"enabled": "x"});
        inventory["constraints"]["table constraint: canary"] = true.into();
        facts["roles"][0]["superuser"] = false.into();
    });
    let report = failed(&world, "shop", 51);
    let rows = check(&report, "INT-ROWS");
    assert_eq!(rows["outcome"], "finding");
    let said = rows["findings"].to_string();
    assert!(said.contains("shop: public.people") && said.contains("3001 rows expected, 3000"), "{said}");
    for id in ["INT-SEQ", "INT-LO", "INT-ROLES", "INT-OWNERS", "INT-GRANTS", "INT-RLS", "INT-CONSTRAINT"] {
        assert_eq!(outcome(&report, id), "finding", "{id}");
    }
    let said = check(&report, "INT-SEQ")["findings"].to_string();
    assert!(said.contains("shop: public.ahead") && said.contains("shop: public.tickets"), "{said}");
    assert_eq!(outcome(&report, "INT-TABLES"), "pass");
    assert_eq!(report["proof_level"], "booted");

    let said = world.pgseal(&["drill", "shop", "--report-dir", "reports"]);
    assert_eq!(said.code, 51, "{said:?}");
    let mut texts = vec![said.out, said.err, world.pgseal(&["drill", "shop", "--json"]).out];
    for file in std::fs::read_dir(world.path("reports")).unwrap() {
        texts.push(std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    assert_eq!(texts.len(), 3 + 9);
    for text in &texts {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']) && !text.contains("canary-row"), "{text}");
    }
    let xml = texts.iter().find(|t| t.starts_with("<?xml")).unwrap();
    assert!(!xml.contains("<b>") && xml.contains("t&lt;b&gt;"), "{xml}");
    let junit = quick_junit::Report::deserialize_from_str(xml).unwrap();
    // The verdict and the eight checks.
    assert_eq!((junit.failures, junit.errors), (9, 0));
    let shown = world.ok(&["show", "shop@latest"]).out;
    assert!(shown.contains("failed (booted)"), "{shown}");
    assert_eq!(world.pgseal(&["show", "shop@latest-proven"]).code, 2);
}

#[test]
fn what_was_put_into_the_systems_schema_is_told_of_and_missed() {
    let server = server();
    server.psql(
        "shop",
        "create function pg_catalog.house_rule(int) returns bool language sql immutable as 'select true'",
    );
    let world = World::new(&server);
    let said = world.pgseal(&["backup", "shop"]);
    assert_eq!(said.code, 3, "{said:?}");
    let text = "database shop: pg_dump does not write what was put into a schema of the system, so this is not in the backup: \
                function: pg_catalog.house_rule(integer)";
    assert!(said.err.contains(text), "{said:?}");
    let report = failed(&world, "shop", 51);
    let findings = check(&report, "INT-SCHEMA")["findings"].as_array().unwrap().clone();
    let said: Vec<_> =
        findings.iter().map(|f| (f["object"].as_str().unwrap(), f["message"].as_str().unwrap())).collect();
    assert_eq!(said, [("shop: function: pg_catalog.house_rule(integer)", "it is missing")]);
    server.psql("shop", "drop function pg_catalog.house_rule(int)");
    world.ok(&["backup", "shop"]);
}

#[test]
fn a_row_that_breaks_a_constraint_fails_the_restore_without_being_quoted() {
    let server = server();
    let world = backed_up(&server, "shop");
    reseal(&world, "shop", |_, streams| {
        // The same number of bytes, so that only the constraint can notice.
        for plain in streams.values_mut().filter(|p| p.role == Role::Data) {
            let (from, to) = (b"1001\tcanary", b"1000\tcanary");
            if let Some(at) = plain.bytes.windows(from.len()).position(|w| w == from) {
                plain.bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
    });
    let report = failed(&world, "shop", 50);
    let error = &report["errors"][0];
    assert_eq!((error["code"].as_u64(), error["stage"].as_str()), (Some(50), Some("restore")), "{report:#}");
    assert!(error["message"].as_str().unwrap().contains("SQLSTATE 23505"), "{error:#}");
    assert!(error["object"].as_str().unwrap().contains("people"), "{error:#}");
    assert_eq!(verdict(&report), ("failed", "none"));
    // No other check looked at anything, and the report does not pretend so.
    assert_eq!(checks_of_the_copy(&report), 1);
    let found = &check(&report, "INT-RESTORE")["findings"][0];
    assert!(found["object"].as_str().unwrap().contains("people"), "{found}");
    assert!(found["message"].as_str().unwrap().contains("SQLSTATE 23505"), "{found}");
}

#[test]
fn a_flipped_part_fails_and_no_older_backup_takes_its_place() {
    let server = server();
    let world = backed_up(&server, "shop");
    world.ok(&["backup", "shop"]);
    let ids: Value = serde_json::from_str(&world.ok(&["list", "shop", "--json"]).out).unwrap();
    let id = |seq: u64| {
        let all = ids.as_array().unwrap();
        all.iter().find(|b| b["seq"] == seq).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let data = world.path(&format!("store/s/shop/d/{}", id(2)));
    for stream in std::fs::read_dir(&data).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        let part = stream.join("00001.zst.age");
        let mut bytes = std::fs::read(&part).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&part, bytes).unwrap();
    }
    let report = failed(&world, "shop", 40);
    assert_eq!((report["seq"].as_u64(), report["errors"][0]["code"].as_u64()), (Some(2), Some(40)), "{report:#}");
    assert_eq!(world.drill(&id(1)).0, 0, "the older one is where it is asked for");

    // A part that is gone is seen before anything is started.
    std::fs::remove_dir_all(&data).unwrap();
    let report = failed(&world, "shop", 40);
    assert_eq!(report["teardown"], Value::Null);

    // Without a signature there is nothing to report on.
    let reports = std::fs::read_dir(world.path("store/s/shop/r")).unwrap().count();
    for file in std::fs::read_dir(world.path("store/s/shop/m")).unwrap().map(|e| e.unwrap().path()) {
        if file.to_str().unwrap().contains("0000000002.") && file.extension().unwrap() == "sig" {
            std::fs::remove_file(file).unwrap();
        }
    }
    let said = world.pgseal(&["drill", "shop"]);
    assert_eq!(said.code, 41, "{said:?}");
    assert!(said.out.is_empty() && said.err.contains("Nothing was drilled, and there is no report."), "{said:?}");
    assert_eq!(std::fs::read_dir(world.path("store/s/shop/r")).unwrap().count(), reports);
    world.nothing_left();
}

#[test]
fn a_changed_heap_page_is_found_by_files_pages_and_indexes() {
    let server = server();
    server.psql("shop", "checkpoint");
    let path = server.psql("shop", "select pg_relation_filepath('people')");
    let on = PgServer::start_with(&pg::bindir(), &[], &["--data-checksums"], |_| ());
    on.psql("postgres", "create table people as select g id, 'canary-row-' || g email from generate_series(1, 3000) g");
    on.psql("postgres", "create unique index on people(id); checkpoint");
    let path_on = on.psql("postgres", "select pg_relation_filepath('people')");
    for (server, path, checksums) in [(&server, path, "not_applicable"), (&on, path_on, "finding")] {
        let world = backed_up(server, "cluster");
        let (code, report) = world.drill("cluster");
        good("cluster", 0, code, &report);
        let whole = if checksums == "finding" { "pass" } else { "not_applicable" };
        assert_eq!(outcome(&report, "PHY-CHECKSUMS"), whole, "{report:#}");
        reseal(&world, "cluster", |_, streams| {
            let tar = &mut streams.values_mut().next().unwrap().bytes;
            let (at, len) = files_of_tar(tar)[&path];
            // The first row of the second page claims to have 86 columns: its line
            // pointer stands behind the page header of 24 bytes and begins with the
            // row's offset (15 bits), and byte 18 of the row begins t_infomask2.
            assert!(len >= 3 * 8192);
            let page = &mut tar[at + 8192..at + 2 * 8192];
            let row = usize::from(u16::from_le_bytes([page[24], page[25]]) & 0x7fff);
            assert_eq!(page[row + 18], 2);
            page[row + 18] ^= 0x54;
        });
        let report = failed(&world, "cluster", 51);
        assert_eq!(outcome(&report, "PHY-MANIFEST"), "finding");
        assert!(check(&report, "PHY-MANIFEST")["findings"].to_string().contains(&path), "{report:#}");
        assert_eq!(outcome(&report, "PHY-CHECKSUMS"), checksums);
        // With checksums the page cannot be read at all; without, it is read as it
        // is, and pg_amcheck sees what is wrong with it.
        let read = if checksums == "finding" { "finding" } else { "pass" };
        assert_eq!(outcome(&report, "PHY-READ"), read, "{report:#}");
        let indexes = match (has(&pg::bindir(), "14"), looks_at_indexes()) {
            (false, _) => "not_applicable",
            (true, false) => "not_evaluated",
            (true, true) => "finding",
        };
        assert_eq!(outcome(&report, "PHY-AMCHECK"), indexes, "{report:#}");
        assert_eq!(report["proof_level"], "booted");
    }
}

#[test]
fn the_operators_own_measures_fail_a_drill() {
    let server = server();
    let world = backed_up(&server, "shop");
    let sql = |expect: &str, query: &str| {
        format!(
            "[source.NAME.drill]\nmax_restore = \"1h\"\n[[source.NAME.drill.sql]]\nname = \"people\"\ndatabase = \"shop\"\n\
             query = \"{query}\"\nexpect = \"{expect}\"\n"
        )
    };
    world.configure("", &sql("3000", "select count(*) from people"));
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "USR-SQL"), outcome(&report, "RTO-BUDGET")), (0, "pass", "pass"));

    world.configure("", &sql("2999", "select email from people where id = 1"));
    let report = failed(&world, "shop", 51);
    assert_eq!(outcome(&report, "USR-SQL"), "finding");
    assert!(check(&report, "USR-SQL")["findings"].to_string().contains("it gives another value"));

    // A query that ends the server's session says nothing about the backup.
    world.configure("", &sql("x", "select pg_terminate_backend(pg_backend_pid())"));
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "USR-SQL")), (53, "not_evaluated"), "{report:#}");

    world.configure("", "[source.NAME.drill]\nmax_restore = \"1s\"\n");
    let (code, report) = world.drill("shop");
    let slow = report["rto_s"].as_f64().unwrap() > 1.0;
    assert_eq!((code, outcome(&report, "RTO-BUDGET")), if slow { (51, "finding") } else { (0, "pass") });
}

#[test]
fn a_newest_backup_that_is_overdue_is_stale_and_an_older_one_is_not() {
    let server = server();
    let world = World::new(&server);
    world.configure("", "next_due = \"1s\"");
    let first = world.ok(&["backup", "shop"]).out.trim().to_owned();
    let shown: Value = serde_json::from_str(&world.ok(&["show", &first, "--json"]).out).unwrap();
    let due: jiff::Timestamp = shown["manifest"]["next_due"].as_str().unwrap().parse().unwrap();
    assert!(within(20, || jiff::Timestamp::now() > due));
    let report = failed(&world, "shop", 43);
    // The copy itself is and the report says so.
    assert_eq!((report["proof_level"].as_str(), outcome(&report, "INT-ROWS")), (Some("data"), "pass"));
    assert_eq!(check(&report, "CHAIN-FRESH")["outcome"], "finding");
    // It is old, and as good as it was.
    assert_eq!(report["proven"], true);
    assert!(world.ok(&["show", "shop@latest-proven"]).out.contains(&first));
    assert!(world.pgseal(&["list", "shop"]).out.contains("stale"));

    // The first backup is gone: nothing is chosen from such a history, and a drill of a
    // backup that is named has a warning.
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill(&first);
    assert_eq!((code, outcome(&report, "CHAIN-FRESH")), (0, "not_applicable"), "{report:#}");
    std::fs::remove_file(world.path("store/s/shop/m/0000000001.json")).unwrap();
    world.configure("", "next_due = \"1d\"");
    let last = world.pgseal(&["backup", "shop"]);
    assert_eq!(last.code, 3, "{last:?}");
    assert_eq!(world.pgseal(&["drill", "shop"]).code, 42);
    let (code, report) = world.drill(last.out.trim());
    assert_eq!((code, outcome(&report, "CHAIN-FRESH")), (3, "pass"), "{report:#}");
    assert_eq!(outcome(&report, "CHAIN-HISTORY"), "finding");
}

#[test]
fn a_log_that_ends_before_the_backup_is_found_and_named() {
    let server = server();
    let world = backed_up(&server, "cluster");
    reseal(&world, "cluster", |facts, streams| {
        let stop: pgseal::types::Lsn = facts["physical"]["stop_lsn"].as_str().unwrap().parse().unwrap();
        let timeline = facts["physical"]["timeline"].as_u64().unwrap();
        // Segments of 16 MiB; the last record of the backup ends at `stop`.
        let segment = format!("pg_wal/{timeline:08X}{:08X}{:08X}", stop.0 >> 32, (stop.0 & 0xffff_ffff) >> 24);
        let tar = &mut streams.values_mut().next().unwrap().bytes;
        let (at, len) = files_of_tar(tar)[&segment];
        let end = usize::try_from(stop.0 & 0xff_ffff).unwrap();
        assert!(end > 24 && len == 16 << 20, "{stop} {len}");
        tar[at + end - 24..at + len].fill(0);
    });
    // pg_verifybackup does not look at the log; the replay does.
    let report = failed(&world, "cluster", 50);
    assert_eq!((outcome(&report, "PHY-MANIFEST"), outcome(&report, "PHY-WAL")), ("pass", "finding"), "{report:#}");
    assert!(report["errors"][0]["message"].as_str().unwrap().contains("write-ahead log"), "{report:#}");
    assert_ne!(report["proof_level"], "data");
}
