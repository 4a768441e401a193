//! Every exit code, each produced by the real program in a situation that an
//! operator can meet. `CASES` is the table; it is compared with the enum.

use crate::support::pg;
use crate::support::s3_server;
use crate::support::world;

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pgseal::Code;
use pgseal::store::layout;
use rustix::process::Signal;

use pg::PgServer;
use s3_server::{Answer, S3Server};
use world::{PGSEAL, Said, World, send, until};

const SOURCE: &str = "databases = [\"shop\"]\n";

/// A code, and what makes the program end with it.
type Case = (Code, fn(&PgServer, i32));

const CASES: [Case; 27] = [
    (Code::Done, |server, code| {
        World::new(server, SOURCE).run(&["backup", "shop"]).expect(code);
    }),
    (Code::Internal, output_that_cannot_be_written),
    (Code::Usage, |server, code| {
        World::new(server, SOURCE).run(&["backup", "shpo"]).expect(code).says(&["hint: Did you mean \"shop\"?"]);
    }),
    (Code::Warnings, |server, code| {
        World::new(server, SOURCE).run(&["verify", "shop"]).expect(code);
    }),
    (Code::RepositoryMissing, |server, code| {
        let world = World::new(server, SOURCE);
        std::fs::remove_dir_all(world.path("store")).unwrap();
        world.run(&["list"]).expect(code).says(&["hint: "]);
    }),
    (Code::Busy, |server, code| {
        let world = World::new(server, SOURCE);
        let first = stuck(&world, server);
        world.run(&["backup", "shop"]).expect(code);
        send(&first, Signal::TERM);
        first.wait_with_output().unwrap();
    }),
    (Code::NoIdentity, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        std::fs::remove_file(world.path("identity")).unwrap();
        world.run(&["keygen", "identity", "-o", "identity"]).expect(0);
        world.run(&["verify", "shop", "--open"]).expect(code);
    }),
    (Code::Refused, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        let target = server.conninfo();
        let said = world.run(&["restore", "shop@latest", "--target-db", "shop", "--connection", &target]);
        said.expect(code).says(&["hint: "]);
    }),
    (Code::SourceUnreachable, |server, code| {
        let mut world = World::new(server, SOURCE);
        world.connection = "host=127.0.0.1 port=1 user=postgres connect_timeout=2".into();
        world.configure(SOURCE);
        world.run(&["backup", "shop"]).expect(code).says(&["cannot connect"]);
    }),
    (Code::DumpFailed, |server, code| {
        let world = World::new(server, SOURCE);
        world.fake(server, SOURCE, "pg_dump", "*--section=data*", "$real \"$@\"; exit 1");
        world.run(&["backup", "shop"]).expect(code);
        world.nothing_came_of_it(&[], "a dump that ends with 1 after all bytes");
    }),
    (Code::SourceUnusable, |server, code| {
        let world = World::new(server, SOURCE);
        world.configure("databases = [\"nosuch\"]\n");
        world.run(&["backup", "shop"]).expect(code).says(&["nosuch"]);
    }),
    (Code::StoreUnavailable, a_store_that_is_down),
    (Code::StoreDenied, |server, code| {
        let world = World::new(server, SOURCE);
        let s3 = S3Server::start(&world.path("buckets"), &["backups"]);
        let mut command = world.command(&["list"]);
        command.envs(s3.repository("backups", &world.path("s3-state"))).env("AWS_SECRET_ACCESS_KEY", "wrong");
        Said::new(&command.output().unwrap()).expect(code).says(&["hint: Check the credential"]);
    }),
    (Code::NoSpace, |server, code| full_disk(&World::new(server, SOURCE), code)),
    (Code::CommitConflict, a_slot_that_cannot_be_won),
    (Code::Corrupt, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        let part = world.objects().into_iter().find(|k| k.contains("/d/")).unwrap();
        let mut bytes = std::fs::read(world.path("store").join(&part)).unwrap();
        bytes[300] ^= 1;
        std::fs::write(world.path("store").join(&part), bytes).unwrap();
        world.run(&["verify", "shop", "--deep"]).expect(code);
    }),
    (Code::Untrusted, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        remove(&world, ".sig");
        world.run(&["verify", "shop"]).expect(code);
    }),
    (Code::History, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        remove(&world, ".json");
        remove(&world, ".sig");
        world.run(&["verify", "shop"]).expect(code);
    }),
    (Code::Stale, |server, code| {
        let world = World::new(server, "databases = [\"shop\"]\nnext_due = \"1s\"\n");
        world.backup();
        until("the next backup is never due", || world.run(&["verify", "shop"]).code != 0);
        world.run(&["verify", "shop"]).expect(code);
    }),
    (Code::Limit, |server, code| {
        let world = World::new(server, SOURCE);
        std::fs::write(world.path("store/repo.json"), vec![b' '; 1 << 20]).unwrap();
        world.run(&["verify"]).expect(code);
    }),
    (Code::RestoreFailed, |server, code| {
        let world = World::new(server, SOURCE);
        world.backup();
        world.fake(server, SOURCE, "pg_restore", "*", "echo 'pg_restore: error: boom' >&2; exit 1");
        let target = server.conninfo();
        world.run(&["restore", "shop@latest", "--target-db", "fresh", "--connection", &target]).expect(code);
    }),
    (Code::ChecksFailed, |server, code| {
        let check = "[[source.shop.drill.sql]]\nname = \"n\"\nquery = \"select count(*) from t\"\nexpect = 999\n";
        drill(&World::new(server, &format!("{SOURCE}{check}")), code, "failed");
    }),
    (Code::Exposure, an_isolation_that_does_not_hold),
    (Code::CouldNotRun, |server, code| {
        let world = World::new(server, SOURCE);
        std::fs::remove_dir(world.path("scratch")).unwrap();
        drill(&world, code, "inconclusive");
    }),
    (Code::Deadline, |server, code| {
        let world = World::new(server, SOURCE);
        let source = "databases = [\"shop\"]\ndeadline = \"2s\"\n";
        world.fake(server, source, "pg_dump", "*--section=data*", "exec sleep 1000");
        world.run(&["backup", "shop"]).expect(code);
        world.nothing_came_of_it(&[], "deadline");
    }),
    (Code::Signal(2), |server, code| signalled(server, Signal::INT, code)),
    (Code::Signal(15), |server, code| signalled(server, Signal::TERM, code)),
];

/// The numbers in the comments of the enum: what people read.
fn documented() -> BTreeSet<u8> {
    let text = include_str!("../../src/error/code.rs");
    let body = text.split_once("pub enum Code {").unwrap().1.split_once("\n}\n").unwrap().0;
    let lines: Vec<&str> = body.lines().map(str::trim).collect();
    let variants = lines.iter().filter(|l| l.ends_with(',') && !l.starts_with("//")).count();
    let numbers: BTreeSet<u8> =
        lines.iter().filter_map(|l| l.strip_prefix("/// ")?.split_once(": ")?.0.parse().ok()).collect();
    // `128 + n` has no number of its own.
    assert_eq!(numbers.len() + 1, variants, "a code says no number, or two say the same: {body}");
    numbers
}

#[test]
fn every_code_has_a_case() {
    let cases: BTreeSet<u8> = CASES.iter().map(|c| c.0.number()).collect();
    assert_eq!(cases.len(), CASES.len(), "a code has two cases");
    let mut wanted = documented();
    wanted.extend([130, 143]);
    assert_eq!(cases, wanted);
    let mut table: BTreeSet<u8> = Code::TABLE.iter().map(|c| c.number()).collect();
    table.insert(130);
    assert_eq!(table, wanted, "Code::TABLE does not hold every code");
}

/// Produces the codes between these numbers; one server does for all of them.
fn produce(codes: std::ops::Range<u8>) {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 1000) i");
    for (code, case) in CASES.iter().filter(|c| codes.contains(&c.0.number())) {
        case(&server, i32::from(code.number()));
    }
}

#[test]
fn codes_of_usage() {
    produce(0..20);
}

#[test]
fn codes_of_source_and_store() {
    produce(20..40);
}

#[test]
fn codes_of_what_is_stored() {
    produce(40..50);
}

#[test]
fn codes_of_restores_drills_and_ends() {
    produce(50..255);
}

/// A backup whose `pg_dump` hangs; returns once it does.
fn stuck(world: &World, server: &PgServer) -> Child {
    let mark = world.path("stuck");
    world.fake(server, SOURCE, "pg_dump", "*--section=data*", &format!("touch {}; exec sleep 1000", mark.display()));
    let child = world.start(&["backup", "shop"]);
    until("the program does not start", || mark.exists());
    child
}

fn signalled(server: &PgServer, signal: Signal, code: i32) {
    let world = World::new(server, SOURCE);
    let child = stuck(&world, server);
    send(&child, signal);
    Said::new(&child.wait_with_output().unwrap()).expect(code);
    world.nothing_came_of_it(&[], "interrupted");
}

/// Removes the newest manifest or its signature.
fn remove(world: &World, suffix: &str) {
    let found = world.objects().into_iter().rfind(|k| k.contains("/m/") && k.ends_with(suffix)).unwrap();
    std::fs::remove_file(world.path("store").join(found)).unwrap();
}

/// The disk that `> file` goes to is full: the work is done, its result cannot be told.
fn output_that_cannot_be_written(server: &PgServer, code: i32) {
    let world = World::new(server, SOURCE);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = world.command(&["backup", "shop"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    Said::new(&child.wait_with_output().unwrap()).expect(code).says(&["cannot write to standard output", "No space"]);
    // The backup is there all the same.
    assert_eq!(world.manifests().len(), 1);
}

fn a_store_that_is_down(server: &PgServer, code: i32) {
    let world = World::new(server, SOURCE);
    let s3 = S3Server::start(&world.path("buckets"), &["backups"]);
    let variables = s3.repository("backups", &world.path("s3-state"));
    // Nothing listens there any more.
    drop(s3);
    let started = Instant::now();
    let mut command = world.command(&["list"]);
    command.envs(variables).env("PGSEAL_REPOSITORY_RETRY_FOR", "2s");
    Said::new(&command.output().unwrap()).expect(code).says(&["again: ", "(try 2)", "hint: "]);
    assert!(started.elapsed() < Duration::from_secs(30), "it went on for {:?}", started.elapsed());
}

/// Fills the file system of the store. It is mounted where nobody else sees it.
fn full_disk(world: &World, code: i32) {
    std::fs::remove_dir_all(world.path("state")).unwrap();
    let store = world.path("store").display().to_string();
    let script = format!(
        "mount -t tmpfs -o size=20m none {store} && {PGSEAL} -q init || exit 99
         cat /dev/zero > {store}/filler 2> /dev/null
         {PGSEAL} backup shop"
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).env_clear().current_dir(world.path(""));
    for (name, value) in world.command(&[]).get_envs() {
        command.env(name, value.unwrap());
    }
    Said::new(&command.output().unwrap()).expect(code).says(&["error: store: ", "hint: Free space"]);
}

/// Whenever the signature of a slot arrives, another writer's object already
/// lies at that slot.
fn a_slot_that_cannot_be_won(server: &PgServer, code: i32) {
    let world = World::new(server, SOURCE);
    let taken = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&taken);
    let source = "shop".parse().unwrap();
    let race = move |_, bucket: &std::path::Path, key: &str| {
        let slot =
            key.rsplit_once("/m/").and_then(|(_, name)| name.strip_suffix(".sig")?.split('.').next()?.parse().ok());
        if let Some(slot) = slot {
            let manifest = bucket.join("pg").join(layout::manifest(&source, slot).as_str());
            std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
            std::fs::write(manifest, "not ours").unwrap();
            seen.fetch_add(1, Ordering::SeqCst);
        }
        Answer::Usual
    };
    let s3 = S3Server::start_with(&world.path("buckets"), &["backups"], Arc::new(race));
    let run = |args: &[&str]| {
        let mut command = world.command(args);
        Said::new(&command.envs(s3.repository("backups", &world.path("s3-state"))).output().unwrap())
    };
    run(&["init"]).expect(0);
    let said = run(&["backup", "shop"]).expect(code).says(&["slots were taken by others", "hint: "]);
    assert_eq!(said.out, "", "no id of a backup that is none");
    assert!(taken.load(Ordering::SeqCst) > 1, "it tried the next slots");
}

/// Backs up and drills; the report has the same code.
fn drill(world: &World, code: i32, verdict: &str) -> serde_json::Value {
    world.backup();
    let report = world.run(&["drill", "shop", "--json"]).expect(code).json();
    assert_eq!((report["exit_code"].as_i64(), report["verdict"].as_str()), (Some(code.into()), Some(verdict)));
    report
}

/// A packager's wrapper around `postgres` that adds a setting of its own to the
/// running server, but not where the settings are asked for.
fn an_isolation_that_does_not_hold(server: &PgServer, code: i32) {
    let world = World::new(server, SOURCE);
    let script =
        "case \" $* \" in *' -C '*|*' --single '*) ;; *) exec $real \"$@\" -c listen_addresses=127.0.0.1 ;; esac";
    world.fake(server, SOURCE, "postgres", "*", script);
    let report = drill(&world, code, "unsafe");
    let probes = report["isolation"]["probes"].as_array().unwrap();
    let failed: Vec<&str> =
        probes.iter().filter(|p| p["outcome"] == "fail").map(|p| p["id"].as_str().unwrap()).collect();
    assert!(failed.contains(&"ISO-001"), "{report:#}");
    assert_eq!(report["teardown"]["instance_gone"], true, "{report:#}");
}
