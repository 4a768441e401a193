//! `audit`, `audit baseline`, `audit explain`, and what `report` does with an audit.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::audit::pg::{PgServer, bindir};
use crate::audit::world::{Said, World};

/// A server that trusts local users, and has a table open to everybody.
fn server() -> PgServer {
    let pg = PgServer::start(&bindir(), &[]);
    pg.psql("postgres", "CREATE ROLE app LOGIN; CREATE ROLE dump LOGIN; GRANT pg_read_all_data TO dump");
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql("shop", "CREATE TABLE orders (id int); GRANT SELECT ON orders TO PUBLIC");
    pg
}

fn exposure(world: &World, text: &str) {
    world.configure("", &format!("[source.NAME.exposure]\n{text}\n"));
}

fn live(world: &World) -> (Said, Value) {
    let said = world.pgseal(&["audit", "shop", "--plane", "live", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    assert_eq!(report["exit_code"], said.code, "{said:?}");
    (said, report)
}

fn finding<'a>(report: &'a Value, id: &str, object: &str) -> &'a Value {
    let checks = report["exposure"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    let all = check["findings"].as_array().unwrap();
    all.iter().find(|f| f["object"] == object).unwrap_or_else(|| panic!("{id} says nothing of {object}: {check:#}"))
}

/// The report files of a directory by the end of their names.
fn file(dir: &PathBuf, end: &str) -> PathBuf {
    let all = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut fitting: Vec<PathBuf> = all.filter(|p| p.to_str().unwrap().ends_with(end)).collect();
    assert_eq!(fitting.len(), 1, "{end}: {fitting:?}");
    fitting.remove(0)
}

const OPEN: (&str, &str) = ("EXP-PRIV-001", "database shop: table public.orders");

#[test]
fn the_exit_code_says_where_it_stands() {
    let mut pg = server();
    let world = World::new(&pg);
    // The world's own threshold is critical.
    let (clear, report) = live(&world);
    assert_eq!((clear.code, report["reasons"].as_array().unwrap().len()), (0, 0), "{clear:?}");
    assert!(report["exposure"]["drift"].is_null(), "the first look has nothing to compare with");

    exposure(&world, "");
    let (exposed, report) = live(&world);
    assert_eq!(exposed.code, 52);
    assert_eq!(finding(&report, OPEN.0, OPEN.1)["change"], "unchanged");
    let reasons = report["reasons"].to_string();
    assert!(
        reasons.contains("EXP-PRIV-001 (no table, view or sequence is open to PUBLIC) has open findings, high"),
        "{reasons}"
    );

    // What is new counts from one step below.
    exposure(&world, "fail_on = \"critical\"");
    assert_eq!(live(&world).0.code, 0);
    pg.psql("shop", "CREATE TABLE bills (id int); GRANT SELECT ON bills TO PUBLIC");
    let (fresh, report) = live(&world);
    assert_eq!(
        (fresh.code, &finding(&report, OPEN.0, "database shop: table public.bills")["change"]),
        (52, &"new".into())
    );
    assert!(report["reasons"].to_string().contains("new since the last look"), "{}", report["reasons"]);
    let (known, report) = live(&world);
    assert_eq!((known.code, &report["exposure"]["drift"]["new"]), (0, &0.into()), "{known:?}");
    pg.psql("shop", "REVOKE SELECT ON bills FROM PUBLIC");
    let (_, report) = live(&world);
    assert!(report["exposure"]["drift"]["fixed"].as_u64() > Some(0), "{}", report["exposure"]["drift"]);

    // A required check that could not look.
    exposure(&world, "fail_on = \"critical\"\nrequired = [\"EXP-HBA-012\"]");
    assert_eq!(live(&world).0.code, 0);
    world.edit("user=postgres", "user=dump");
    let (blind, report) = live(&world);
    assert_eq!((blind.code, &report["exposure"]["required_open"][0]), (53, &"EXP-HBA-012".into()));
    assert!(report["reasons"].to_string().contains("EXP-HBA-012 is required and was not evaluated"));

    // No server: nothing was looked at, and that is said.
    pg.stop();
    let (gone, report) = live(&world);
    assert_eq!(gone.code, 20, "{gone:?}");
    let checks = report["exposure"]["checks"].as_array().unwrap();
    assert!(checks.iter().all(|c| c["outcome"] == "not_applicable"), "{checks:#?}");
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains("could not go on") && reasons.contains("no check could be evaluated"), "{reasons}");
    let said = world.pgseal(&["audit", "shop", "--plane", "live"]);
    assert!(said.code == 20 && said.out.contains("INCOMPLETE"), "{said:?}");

    for wrong in [["audit", "nobody"].as_slice(), &["audit", "shop", "--plane", "copy"], &["audit"]] {
        assert_eq!(world.pgseal(wrong).code, 2, "{wrong:?}");
    }
    let said = world.pgseal(&["audit", "shop", "--report-dir", "/proc/nowhere"]);
    assert!(said.code == 2 && said.err.contains("cannot write into this directory"), "{said:?}");
}

#[test]
fn every_form_is_written_and_believed_only_with_its_signature() {
    let pg = server();
    let world = World::new(&pg);
    exposure(&world, "");
    let metrics = world.path("tmp").join("audit.prom");
    let metrics = metrics.to_str().unwrap();
    let said = world.pgseal(&["audit", "shop", "--plane", "live,house", "--report-dir", "out", "--metrics", metrics]);
    assert_eq!(said.code, 52, "{said:?}");
    assert!(said.out.contains("EXPOSED") && said.out.contains(OPEN.1), "{}", said.out);
    assert!(std::fs::read_to_string(metrics).unwrap().contains("pgseal_audit_exposure_"));
    let dir = world.path("out");
    for end in [".json", ".json.sig", ".txt", ".md", ".sarif", ".xml", ".html", ".prom"] {
        let mode = std::fs::metadata(file(&dir, end)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{end}");
    }
    assert_eq!(std::fs::read_to_string(file(&dir, ".txt")).unwrap(), said.out);
    let json = file(&dir, ".json");
    let path = json.to_str().unwrap();
    let verified = world.ok(&["report", "verify", path]).out;
    assert!(verified.contains("shop"), "{verified}");
    assert_eq!(world.ok(&["report", "show", path]).out, said.out);
    assert_eq!(
        world.ok(&["report", "show", path, "--format", "sarif"]).out,
        std::fs::read_to_string(file(&dir, ".sarif")).unwrap()
    );
    let page = world.path("page.html");
    world.ok(&["report", "html", path, "-o", page.to_str().unwrap()]);
    assert_eq!(std::fs::read(&page).unwrap(), std::fs::read(file(&dir, ".html")).unwrap());

    // One letter of it, and nobody believes it any more.
    let text = std::fs::read_to_string(&json).unwrap();
    assert!(text.contains("\"exit_code\": 52") || text.contains("\"exit_code\":52"), "{text}");
    std::fs::write(
        &json,
        text.replace("\"exit_code\": 52", "\"exit_code\": 0").replace("\"exit_code\":52", "\"exit_code\":0"),
    )
    .unwrap();
    for command in [["report", "verify", path].as_slice(), &["report", "show", path], &baseline(path, "2999-01-01")] {
        assert_eq!(world.pgseal(command).code, 41, "{command:?}");
    }
    // Names are only told where that was asked for.
    let redacted = world.pgseal(&["audit", "shop", "--plane", "live", "--redact", "names", "--json"]);
    assert!(redacted.code == 52 && !redacted.out.contains("orders") && redacted.out.contains(OPEN.0), "{redacted:?}");
}

fn baseline<'a>(path: &'a str, expires: &'a str) -> [&'a str; 9] {
    ["audit", "baseline", path, "--reason", "being mended", "--owner", "dba@example.org", "--expires", expires]
}

#[test]
fn a_baseline_accepts_what_is_open_for_a_while_and_nothing_else() {
    let pg = server();
    let world = World::new(&pg);
    exposure(&world, "");
    assert_eq!(world.pgseal(&["audit", "shop", "--plane", "live", "--report-dir", "out"]).code, 52);
    let json = file(&world.path("out"), ".json");
    let in_days = |n: i64| {
        let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * n);
        day.strftime("%F").to_string()
    };
    let run = |expires: &str, more: &[&str]| {
        world.pgseal(&[baseline(json.to_str().unwrap(), expires).as_slice(), more].concat())
    };
    for (bad, why) in [(in_days(200), "180"), (in_days(-2), "is not a day from today")] {
        let said = run(&bad, &[]);
        assert!(said.code == 2 && said.err.contains(why), "{said:?}");
    }
    let accepted = world.path("accepted.toml");
    let accepted = accepted.to_str().unwrap();
    assert_eq!(run(&in_days(20), &["-o", accepted]).code, 0);
    let text = std::fs::read_to_string(accepted).unwrap();
    assert!(text.contains(OPEN.0) && text.contains("dba@example.org"), "{text}");
    // It does not overwrite what somebody may have edited.
    assert_eq!(run(&in_days(20), &["-o", accepted]).code, 2);

    exposure(&world, &format!("declarations = [{accepted:?}]"));
    let (said, report) = live(&world);
    assert_eq!(said.code, 0, "{}", report["reasons"]);
    assert_eq!(finding(&report, OPEN.0, OPEN.1)["waiver"]["owner"], "dba@example.org");
    // What comes after it is not accepted.
    pg.psql("shop", "CREATE TABLE bills (id int); GRANT SELECT ON bills TO PUBLIC");
    let (said, report) = live(&world);
    assert_eq!(said.code, 52);
    assert!(finding(&report, OPEN.0, "database shop: table public.bills")["waiver"].is_null());
}

#[test]
fn checks_explain_themselves() {
    let pg = server();
    let world = World::new(&pg);
    let page = world.ok(&["audit", "explain", "exp-hba-003"]).out;
    assert!(page.starts_with("# EXP-HBA-003") && page.contains("superuser"), "{page}");
    let all = world.ok(&["audit", "explain"]).out;
    assert_eq!(all.lines().count(), pgseal::exposure::catalogue::all().count());
    let said = world.pgseal(&["audit", "explain", "EXP-HBA-00"]);
    assert!(said.code == 2 && said.err.contains("Did you mean EXP-HBA-0"), "{said:?}");
}
