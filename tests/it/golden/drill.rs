//! `pgseal drill`: passed, failed, inconclusive, unsafe.
//!
//! A report holds a line for every check and probe there is, and sections of
//! their own for what more is known. The snapshots hold the frame and a few of
//! them: each check's words are tested where the check is.

use serde_json::Value;

use crate::golden::pg::{self, PgServer};
use crate::golden::world::{Said, World};

/// The lines of the head.
const HEAD: [&str; 9] =
    ["proof level", "exit code", "signed by", "manifest", "server", "backup age", "time", "restorable", "report"];
/// The sections, by the beginning of their titles.
const SECTIONS: [&str; 7] = ["Drill of ", "Why", "Isolation", "Checks", "Not checked", "Errors", "Teardown"];
/// The checks and probes.
const IDS: [&str; 7] = ["ISO-001", "ISO-005", "INT-ROWS", "INT-SEQ", "PHY-MANIFEST", "PHY-READ", "USR-SQL"];
/// The members of the JSON form.
const MEMBERS: [&str; 22] = [
    "format",
    "version",
    "run",
    "source",
    "backup_id",
    "seq",
    "kind",
    "manifest_sha256",
    "signer",
    "server_major",
    "verdict",
    "proof_level",
    "exit_code",
    "reasons",
    "isolation",
    "checks",
    "errors",
    "timings_s",
    "rto_s",
    "rpo_s",
    "backup_age_s",
    "teardown",
];

/// What differs from run to run, or from one kind of host to the next.
fn golden(world: &World, server: &PgServer, name: &str, said: &Said) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, by) in [
        (r"\d{2}:\d{2}:\d{2}", "[H:M:S]"),
        (r"\b\d+\.\d s\b", "[SECONDS]"),
        (r#"("[a-z_]+": )\d+\.\d+"#, "$1[SECONDS]"),
        (r#"("(rpo_s|backup_age_s)": )\d+"#, "$1[SECONDS]"),
        (r#"("run": "|"fingerprint": "|\b\d{10}\.)[0-9a-f]{16}\b"#, "$1[HEX]"),
        (r"Checks \([1-9]\d*\)", "Checks ([N])"),
        (r"\d+ settings as sealed", "[N] settings as sealed"),
        (r"\d{3,} of \d{3,} examined", "[FILES] of [FILES] examined"),
        (r#"("(present|examined)": )\d{3,}"#, "$1[FILES]"),
        (r#"(Isolation |"level": ")I\d"#, "$1[LEVEL]"),
        (r"PostgreSQL 15\n", "PostgreSQL [MAJOR]\n"),
    ] {
        settings.add_filter(pattern, by);
    }
    settings.bind(|| crate::golden::snapshot::golden(world, server, file!(), name, &said.to_string()));
}

fn golden_text(world: &World, server: &PgServer, name: &str, mut said: Said) {
    said.out = text(&said.out);
    golden(world, server, name, &said);
}

fn golden_json(world: &World, server: &PgServer, name: &str, mut said: Said) {
    let mut report = said.json();
    report.as_object_mut().unwrap().retain(|name, _| MEMBERS.contains(&name.as_str()));
    report["isolation"].as_object_mut().unwrap().remove("reasons");
    for list in ["/checks", "/isolation/probes"] {
        let list = report.pointer_mut(list).and_then(Value::as_array_mut).unwrap();
        list.retain(|one| IDS.contains(&one["id"].as_str().unwrap()));
        list.sort_by_key(|one| one["id"].as_str().unwrap().to_owned());
    }
    said.out = serde_json::to_string_pretty(&report).unwrap() + "\n";
    golden(world, server, name, &said);
}

/// The report without what is not asked for.
fn text(report: &str) -> String {
    let mut kept = String::new();
    for section in report.trim_end().split("\n\n") {
        let (title, body) = section.split_once('\n').unwrap_or((section, ""));
        let Some(known) = SECTIONS.iter().find(|s| title.starts_with(*s)) else { continue };
        let mut entries: Vec<Vec<&str>> = Vec::new();
        for line in body.lines() {
            // What is indented further belongs to the line before.
            match entries.last_mut() {
                Some(entry) if line.starts_with("   ") => entry.push(line),
                _ => entries.push(vec![line]),
            }
        }
        match *known {
            "Drill of " => entries.retain(|e| HEAD.iter().any(|h| e[0].trim_start().starts_with(h))),
            "Isolation" | "Checks" | "Not checked" => {
                let id = |e: &[&str]| IDS.iter().position(|id| e[0].contains(id));
                entries.retain(|e| id(e).is_some());
                entries.sort_by_key(|e| id(e));
            }
            _ => {}
        }
        if *known == "Not checked" && entries.is_empty() {
            continue;
        }
        kept.push_str(title);
        entries.concat().into_iter().for_each(|line| kept.extend(["\n", line]));
        kept.push_str("\n\n");
    }
    kept
}

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 1000) i; CREATE SEQUENCE s");
    server
}

#[test]
fn passed() {
    let server = server();
    for (name, source) in [("logical", "databases = [\"shop\"]\n"), ("physical", "kind = \"physical\"\n")] {
        let world = World::new(&server, source);
        world.backup();
        let said = world.run(&["drill", "shop"]).expect(0);
        golden_text(&world, &server, &format!("passed-{name}"), said);
        let said = world.run(&["drill", "shop", "--json"]).expect(0);
        golden_json(&world, &server, &format!("passed-{name}-json"), said);
    }
}

#[test]
fn not_passed() {
    let server = server();
    let source = "databases = [\"shop\"]\n";
    let check =
        "[[source.shop.drill.sql]]\nname = \"enough rows\"\nquery = \"select count(*) > 5000 from t\"\nexpect = true\n";
    let world = World::new(&server, &format!("{source}{check}"));
    world.backup();
    golden_text(&world, &server, "failed", world.run(&["drill", "shop"]).expect(51));
    golden_json(&world, &server, "failed-json", world.run(&["drill", "shop", "--json"]).expect(51));

    std::fs::rename(world.path("scratch"), world.path("away")).unwrap();
    golden_text(&world, &server, "inconclusive", world.run(&["drill", "shop"]).expect(53));
    golden_json(&world, &server, "inconclusive-json", world.run(&["drill", "shop", "--json"]).expect(53));
    std::fs::rename(world.path("away"), world.path("scratch")).unwrap();

    let script = "case \" $* \" in *' -C '*|*' --single '*) ;; *) exec $real \"$@\" -c jit=on ;; esac";
    world.fake(&server, source, "postgres", "*", script);
    golden_text(&world, &server, "unsafe", world.run(&["drill", "shop"]).expect(52));
    world.real(source);

    let part = world.objects().into_iter().find(|k| k.ends_with(".zst.age")).unwrap();
    let mut bytes = std::fs::read(world.path("store").join(&part)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(world.path("store").join(&part), bytes).unwrap();
    golden_text(&world, &server, "damaged", world.run(&["drill", "shop"]).expect(40));
}
