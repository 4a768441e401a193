//! A good backup passes, and every form of its report says so and no more.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::drill::installation::{fitting, has};
use crate::drill::pg::{self, PgServer};
use crate::drill::versions::{best, good, looks_at_indexes};
use crate::drill::world::{World, check, outcome, verdict};

const SECRETS: [&str; 3] = ["canary-row-4711", "canary-password-4711", "SCRAM-SHA-256"];

/// A database of a little of everything, with hostile names.
fn fill(server: &PgServer) {
    server.psql("postgres", "create role app login password 'canary-password-4711'");
    let hostile = pg::allowed("a\n<i>\u{1b}[2J'&\u{9b}");
    server.psql("postgres", &pg::allowed("create role \"<b>r\u{1b}[31m\n\""));
    server.psql("postgres", &format!("create database \"{hostile}\""));
    server.psql("postgres", "create database shop");
    // In force while it is loaded.
    server.psql("postgres", "alter database shop set app.tax = '0.19';");
    server.psql(
        "shop",
        "create table orders(id bigserial primary key, note text);
         insert into orders(note) select 'canary-row-4711 ' || g from generate_series(1, 500) g;
         create table empty(x int); create materialized view m as select count(*) from orders;
         create materialized view taxed as select current_setting('app.tax')::numeric as tax;
         select lo_from_bytea(0, 'canary-row-4711')",
    );
    if has(&pg::bindir(), "contrib") {
        server.psql("shop", "create extension hstore");
    }
    server.psql(&hostile, "create table \"t\u{202e}\n]]><x>\"(\"c\"\"\n\" text); insert into \"t\u{202e}\n]]><x>\" values ('canary-row-4711')");
    // A name that was given in another encoding than the database has.
    let latin = "encoding LATIN1 lc_collate 'C' lc_ctype 'C' template template0";
    server.psql("postgres", &format!("create database \"crm é\" {latin}"));
    // Characters that no UTF-8 can say.
    for (name, encoding, bytes) in [("bytes", "SQL_ASCII", "e9ff"), ("nihon", "EUC_JP", "a9a1")] {
        let sql =
            format!("create database \"{name}\" encoding {encoding} lc_collate 'C' lc_ctype 'C' template template0");
        server.psql("postgres", &sql);
        server.psql(name, &format!("create table t as select convert_from('\\x{bytes}', '{encoding}') as a"));
    }
    // Everything that a database can have.
    server.psql("postgres", "drop role app");
    server.psql("postgres", "create database rich template template0");
    server.psql("rich", &fitting(&pg::bindir(), include_str!("../scratch/rich.sql")));
    server.psql("postgres", "alter role app password 'canary-password-4711'");
}

fn files(world: &World, reports: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(world.path(reports)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

fn no_secret(world: &World, what: &str, text: &str) {
    let identity = std::fs::read_to_string(world.path("keys/identity")).unwrap();
    let identity = identity.lines().find(|l| l.starts_with("AGE-SECRET-KEY-")).unwrap();
    let signer = std::fs::read_to_string(world.path("keys/signer")).unwrap();
    let signer = signer.lines().nth(2).unwrap();
    for secret in SECRETS.iter().copied().chain([identity, signer]) {
        assert!(!text.contains(secret), "{what} holds {secret}:\n{text}");
    }
}

#[test]
fn both_kinds_pass_with_proof_and_reports_in_every_form() {
    let server = PgServer::start(&pg::bindir(), &[]);
    fill(&server);
    let world = World::new(&server);
    for source in ["shop", "cluster"] {
        world.ok(&["backup", source]);
        if source == "cluster" && !looks_at_indexes() {
            let (code, report) = world.drill(source);
            good(source, 0, code, &report);
            continue;
        }
        assert_ne!(world.pgseal(&["show", &format!("{source}@latest-proven")]).code, 0, "not drilled yet");
        let said = world.ok(&["drill", source, "--report-dir", &format!("reports-{source}")]);
        world.nothing_left();
        assert!(said.out.contains("PASSED") && said.out.contains("proof level  data\n"), "{}", said.out);
        no_secret(&world, "stdout", &said.out);
        no_secret(&world, "stderr", &said.err);
        looks_right(&world, source, &said.out);

        let listed = world.ok(&["list", source, "--json"]).out;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let proof = &listed[0]["proof"];
        assert_eq!(
            (proof["verdict"].as_str(), proof["proof_level"].as_str()),
            (Some("passed"), Some("data")),
            "{listed}"
        );
        assert!(proof["rto_s"].as_f64().unwrap() > 0.0);
        let shown = world.ok(&["show", &format!("{source}@latest-proven")]).out;
        assert!(shown.contains("passed (data)") && shown.contains("restored in"), "{shown}");
        assert!(world.ok(&["list", source]).out.contains("passed"));
    }
}

fn looks_right(world: &World, source: &str, stdout: &str) {
    let files = files(world, &format!("reports-{source}"));
    let end = |suffix: &str| files.iter().find(|f| f.to_str().unwrap().ends_with(suffix)).unwrap();
    assert_eq!(files.len(), 9, "{files:?}");
    for file in &files {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        let text = std::fs::read_to_string(file).unwrap();
        no_secret(world, file.to_str().unwrap(), &text);
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{}", file.display());
    }
    assert_eq!(std::fs::read_to_string(end(".txt")).unwrap(), stdout);

    // ssh-keygen accepts what auditors get, and what lies in the store is the same.
    let json = end(".json");
    let verify = |bytes: &str| {
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "report@pgseal", "-I", source, "-f"])
            .arg(world.path("keys/allowed"))
            .arg("-s")
            .arg(end(".json.sig"))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), bytes.as_bytes()).unwrap();
        child.wait().unwrap().success()
    };
    let text = std::fs::read_to_string(json).unwrap();
    assert!(verify(&text) && !verify(&text.replace("passed", "failed")));
    let run = serde_json::from_str::<Value>(&text).unwrap()["run"].as_str().unwrap().to_owned();
    let stored = world.path(&format!("store/s/{source}/r/0000000001.{run}.json"));
    assert_eq!(std::fs::read_to_string(stored).unwrap(), text);

    let r: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((r["format"].as_str(), r["version"].as_u64()), (Some("pgseal-drill-report"), Some(1)));
    assert_eq!((r["exit_code"].as_u64(), r["reasons"].as_array().unwrap().len()), (Some(0), 0), "{r:#}");
    assert_eq!(r["teardown"], serde_json::json!({"instance_gone": true, "directory_gone": true}));
    assert!(r["errors"].as_array().unwrap().is_empty());
    assert_eq!(r["isolation"]["level"], "I3");
    let probes: Vec<&str> =
        r["isolation"]["probes"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
    let all: Vec<String> = (1..=17).map(|n| format!("ISO-{n:03}")).collect();
    assert_eq!(probes, all);
    for p in r["isolation"]["probes"].as_array().unwrap() {
        // Before the first statement of the source ran, and after; gone is looked at once.
        let looks = if p["id"] == "ISO-014" || p["id"] == "ISO-015" {
            Value::Null
        } else {
            serde_json::json!([p["outcome"], p["outcome"]])
        };
        assert_eq!(p["looks"], looks, "{p:#}");
    }
    for c in r["checks"].as_array().unwrap() {
        let good = c["outcome"] == "pass" && c["examined"] == c["present"] && c["examined"].as_u64() > Some(0);
        assert!(good || c["outcome"] == "not_applicable", "{c:#}");
    }
    let proving = if source == "shop" { "INT-ROWS" } else { "PHY-READ" };
    assert_eq!(outcome(&r, proving), "pass");
    assert_eq!(check(&r, proving)["examined"], if source == "shop" { 19 } else { 21 });
    tables(&r, source);

    let t = |name: &str| r["timings_s"][name].as_f64().unwrap();
    let sum = t("fetch") + t("restore") + t("start");
    assert!((r["rto_s"].as_f64().unwrap() - sum).abs() < 1e-6 && t("restore") > 0.0 && t("start") > 0.0);
    assert!(t("total") >= sum + t("checks") - 1e-6, "{r:#}");
    let (rpo, age) = (r["rpo_s"].as_u64().unwrap(), r["backup_age_s"].as_u64().unwrap());
    assert!(rpo >= age && rpo < 600, "{rpo} {age}");

    let lint = Command::new("xmllint").arg("--noout").arg(end(".xml")).status();
    assert!(lint.is_ok_and(|s| s.success()) || Command::new("xmllint").arg("--version").output().is_err());
    let xml = std::fs::read_to_string(end(".xml")).unwrap();
    let junit = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let exposed = r["exposure"]["checks"].as_array().unwrap().len();
    assert!(exposed > 50, "{exposed} checks of exposure looked");
    let cases = 1 + probes.len() + r["checks"].as_array().unwrap().len() + exposed;
    assert_eq!((junit.tests, junit.failures, junit.errors), (cases, 0, 0));
}

/// Every table is told of, with what was read of it.
fn tables(r: &Value, source: &str) {
    let tables = r["tables"].as_array().unwrap();
    assert_eq!(tables.len(), if source == "shop" { 19 } else { 21 }, "{tables:#?}");
    let of = |name: &str| tables.iter().find(|t| t["database"] == "shop" && t["table"] == name).unwrap();
    let (expected, same) = if source == "shop" { (Some(500), Some(true)) } else { (None, None) };
    let orders = of("public.orders");
    assert_eq!(orders["rows"], 500);
    assert_eq!((orders["expected_rows"].as_u64(), orders["content_matches"].as_bool()), (expected, same), "{orders}");
    assert_eq!(of("public.empty")["rows"], 0);
    let proven = if source == "shop" { "INT-RESTORE" } else { "PHY-WAL" };
    assert_eq!(outcome(r, proven), "pass");
    for id in ["INT-SCHEMA", "INT-OWNERS", "INT-GRANTS", "INT-RLS", "INT-MEMBERS", "INT-CONSTRAINT", "INT-DATABASE"] {
        assert_eq!(outcome(r, id), "pass", "{id}");
    }
}

#[test]
fn an_ordinary_user_drills_in_a_user_namespace_and_two_drills_do_not_meet() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t as select generate_series(1, 1000) i");
    let world = World::new_as(&server, Some("postgres"));
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);
    let both = ["shop", "cluster"].map(|source| {
        let mut command = world.command(&["drill", source, "--json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    });
    for child in both {
        let out = child.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
        let source = report["source"].as_str().unwrap();
        good(source, 0, out.status.code().unwrap(), &report);
        assert_eq!(report["proof_level"], best(source), "{report:#}");
        assert_eq!(report["isolation"]["level"], "I3");
    }
    world.nothing_left();
}

#[test]
fn an_empty_source_passes_and_says_what_that_proves() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill("shop");
    assert_eq!((code, verdict(&report)), (0, ("passed", "booted")), "{report:#}");
    assert_eq!(check(&report, "INT-ROWS")["reason"], "there is nothing of this kind");
    let text = world.ok(&["drill", "shop"]).out;
    assert!(text.contains("booted (the backup is empty: there is no row to prove more with)"), "{text}");
    // Of a whole cluster the catalogs are there to be checked.
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    assert_eq!(outcome(&report, "PHY-READ"), "not_applicable");
    // A later drill that could not run takes no proof away.
    world.configure("[tools]\npg_bindir = \"/var/empty\"\n", "");
    assert_eq!(world.drill("shop").0, 53);
    world.ok(&["show", "shop@latest-proven"]);
}
