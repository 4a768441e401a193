//! Canaries wherever something secret may lie: none comes out in any form of a
//! report, at any level, nor in what the command says.

use std::path::Path;
use std::process::Output;

use base64ct::Encoding as _;

use crate::report::pg::{self, PgServer};
use crate::report::reseal::reseal;
use crate::report::world::World;
use pgseal::manifest::model::Role;

/// In every name that a database user chooses.
const NAME: &str = "canaryname";
/// In every row, value and statement, and in what errors quote of them.
const VALUE: &str = "canaryvalue";
/// In passwords, keys and connection settings.
const SECRET: &str = "canarysecret";

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", &format!("create role {NAME}_role login password '{SECRET}'"));
    server.psql("postgres", &format!("create database {NAME}_db"));
    server.psql(
        &format!("{NAME}_db"),
        &format!(
            "create schema {NAME}_s; set search_path = {NAME}_s, public;
             create table {NAME}_people({NAME}_id int constraint {NAME}_pk primary key, email text);
             insert into {NAME}_people select g, '{VALUE}-' || g from generate_series(1001, 1100) g;
             create sequence {NAME}_seq; select setval('{NAME}_seq', 500);
             create materialized view {NAME}_view as select count(*) from {NAME}_people;
             create function public.{NAME}_f() returns int language plpgsql as $$ begin
               raise unique_violation using message = '{VALUE}', detail = 'Key (email)=({VALUE}) already exists.';
             end $$;
             alter role {NAME}_role set application_name = '{VALUE}'"
        ),
    );
    server
}

fn everything(dir: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            everything(&entry, into);
        } else {
            into.push((entry.display().to_string(), std::fs::read(&entry).unwrap()));
        }
    }
}

/// All that a drill leaves or says, base64 opened.
fn said(world: &World, dir: &str, out: &Output) -> Vec<(String, String)> {
    let mut all = vec![("stdout".to_owned(), out.stdout.clone()), ("stderr".to_owned(), out.stderr.clone())];
    everything(&world.path(dir), &mut all);
    everything(&world.path("store/s/shop/r"), &mut all);
    let mut texts: Vec<(String, String)> = all.into_iter().map(|(n, b)| (n, String::from_utf8(b).unwrap())).collect();
    for (name, text) in texts.clone() {
        for line in text.lines().filter(|_| name.ends_with(".jsonl")) {
            let envelope: serde_json::Value = serde_json::from_str(line).unwrap();
            let payload = base64ct::Base64::decode_vec(envelope["payload"].as_str().unwrap());
            texts.push((format!("{name} (payload)"), String::from_utf8(payload.unwrap()).unwrap()));
        }
    }
    texts
}

#[test]
fn no_canary_sings() {
    let server = server();
    let world = World::new(&server);
    let secret_line = |name: &str, n: usize| {
        std::fs::read_to_string(world.path(name))
            .unwrap()
            .lines()
            .filter(|l| !l.starts_with('#'))
            .nth(n)
            .unwrap()
            .to_owned()
    };
    let keys = [secret_line("keys/identity", 0), secret_line("keys/signer", 2)];
    assert!(keys[0].starts_with("AGE-SECRET-KEY-"));
    let checks = format!(
        "[source.NAME.drill]\n\
         [[source.NAME.drill.sql]]\nname = \"raises\"\ndatabase = \"{NAME}_db\"\nquery = \"select {NAME}_f() -- {VALUE}\"\nexpect = \"{VALUE}\"\n\
         [[source.NAME.drill.sql]]\nname = \"differs\"\ndatabase = \"{NAME}_db\"\n\
         query = \"select email from {NAME}_s.{NAME}_people limit 1\"\nexpect = \"{VALUE}\"\n\
         [[source.NAME.drill.sql]]\nname = \"nowhere\"\ndatabase = \"{NAME}_none\"\nquery = \"select '{VALUE}'\"\nexpect = true\n"
    );
    world.configure("", &checks);
    world.ok(&["backup", "shop"]);
    // Every check of the facts finds something, and speaks of names.
    reseal(&world, "shop", |facts, _| {
        for db in facts["databases"].as_array_mut().unwrap() {
            let missing = serde_json::json!({ "schema": "public", "name": format!("{NAME}_missing"), "last_value": 1, "is_called": true });
            db["sequences"].as_array_mut().unwrap().push(missing);
            for table in db["tables"].as_array_mut().unwrap() {
                table["rows"] = 7.into();
            }
            db["large_objects"] = 9.into();
        }
        facts["roles"][0]["login"] = (!facts["roles"][0]["login"].as_bool().unwrap()).into();
        let mut role = facts["roles"][0].clone();
        role["name"] = format!("{NAME}_gone").into();
        facts["roles"].as_array_mut().unwrap().push(role);
    });
    let drill = |dir: &str, level: &str, code: i32| {
        let mut command = world.command(&["drill", "shop", "--report-dir", dir, "--redact", level, "-v"]);
        for name in ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SOME_TOKEN"] {
            command.env(name, SECRET);
        }
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(code), "{out:?}");
        out
    };
    let look = |dir: &str, out: &Output, never: &[&str]| {
        let texts = said(&world, dir, out);
        assert!(texts.len() > 12, "{}", texts.len());
        for (name, text) in &texts {
            for canary in never.iter().copied().chain(keys.iter().map(String::as_str)) {
                assert!(!text.contains(canary), "{name} holds {canary}:\n{text}");
            }
        }
        texts
    };
    for level in ["names", "details"] {
        let out = drill(level, level, 51);
        let texts = look(level, &out, &[NAME, VALUE, SECRET]);
        let text = &texts.iter().find(|(n, _)| n.ends_with(".txt")).unwrap().1;
        for id in ["INT-ROWS", "INT-SEQ", "INT-LO", "INT-ROLES", "USR-SQL"] {
            assert!(text.contains(&format!("FIND  {id}")), "{id}:\n{text}");
        }
        assert_eq!(text.contains("table-"), level == "names", "{text}");
    }
    // An audit tells of the live server, with the same care.
    for level in ["names", "details"] {
        let dir = format!("audit-{level}");
        let args = ["audit", "shop", "--plane", "live,trail", "--report-dir", &dir, "--redact", level, "-v"];
        let out = world.command(&args).env("PGPASSWORD", SECRET).output().unwrap();
        assert!(out.status.success() && !out.stdout.is_empty(), "{out:?}");
        look(&dir, &out, &[NAME, VALUE, SECRET]);
    }
    // On this host, and only where asked for, the names come back.
    let shown = world.pgseal(&["report", "show", "shop", "--format", "md"]);
    assert!(shown.code == 0 && shown.out.contains("names are left out"), "{shown:?}");
    drill("again", "names", 51);
    let shown = world.ok(&["report", "show", "shop"]).out;
    assert!(shown.contains("pseudonyms stand for them") && !shown.contains(NAME), "{shown}");
    let shown = world.ok(&["report", "show", "shop", "--names"]).out;
    assert!(shown.contains(&format!("{NAME}_db: {NAME}_s.{NAME}_people")) && !shown.contains(VALUE), "{shown}");

    // A restore that fails: what the server said of it quotes a row.
    reseal(&world, "shop", |_, streams| {
        for plain in streams.values_mut().filter(|p| p.role == Role::Data) {
            let (from, to) = (b"1002\tcanary", b"1001\tcanary");
            if let Some(at) = plain.bytes.windows(from.len()).position(|w| w == from) {
                plain.bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
    });
    let out = drill("broken", "names", 50);
    look("broken", &out, &[NAME, VALUE, SECRET]);

    // Where names are wanted they are there, and still nothing else.
    let out = drill("clear", "none", 50);
    assert!(String::from_utf8_lossy(&out.stdout).contains(NAME), "{out:?}");
    look("clear", &out, &[VALUE, SECRET]);
    world.nothing_left();
}
