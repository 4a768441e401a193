//! Signals while a store does not answer: whatever is under way ends within
//! seconds, its children with it, and nothing counts as done.

use crate::support::pg;
use crate::support::s3_server;
use crate::support::world;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgseal::scratch::procfs;
use rustix::process::{Pid, Signal, kill_process};

use pg::PgServer;
use s3_server::{Answer, Call, S3Server};
use world::{Said, World, send, until};

const LOGICAL: &str = "databases = [\"shop\"]\npart_bytes = \"64KiB\"\n";
const PHYSICAL: &str = "kind = \"physical\"\npart_bytes = \"1MiB\"\n";

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    // Many parts: rows that do not compress well.
    server.psql(
        "shop",
        "CREATE TABLE t AS SELECT i, (SELECT string_agg(sha512((i * 100 + j)::text::bytea)::text, '')
           FROM generate_series(1, 10) j) AS noise FROM generate_series(1, 1000) i",
    );
    server
}

/// A request that the store never answers: what, and a part of its key.
type Stalled = Arc<Mutex<Option<(Call, &'static str)>>>;

/// The configuration, the command, what it is made to wait for, the signal and the exit code.
type Case<'a> = (&'a str, &'a [&'a str], Call, &'static str, Signal, i32);

/// A repository in a bucket of a server that stalls on demand.
struct Slow {
    world: World,
    s3: S3Server,
    stall: Stalled,
    seen: Arc<AtomicUsize>,
}

impl Slow {
    /// Initialised, with one backup of each kind.
    fn new(server: &PgServer) -> Self {
        let world = World::new(server, LOGICAL);
        let (stall, seen) = (Stalled::default(), Arc::new(AtomicUsize::new(0)));
        let (asked, count) = (Arc::clone(&stall), Arc::clone(&seen));
        let hook = move |call, _: &std::path::Path, key: &str| {
            if asked.lock().unwrap().is_some_and(|(c, part)| c == call && key.contains(part)) {
                count.fetch_add(1, Ordering::SeqCst);
                return Answer::Never;
            }
            Answer::Usual
        };
        let s3 = S3Server::start_with(&world.path("buckets"), &["backups"], Arc::new(hook));
        let slow = Self { world, s3, stall, seen };
        std::fs::create_dir(slow.world.path("place")).unwrap();
        pg::own(&slow.world.path("place"));
        slow.run(&["init"]);
        for source in [PHYSICAL, LOGICAL] {
            slow.world.configure(source);
            slow.run(&["backup", "shop"]);
        }
        slow
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.world.command(args);
        command.envs(self.s3.repository("backups", &self.world.path("s3-state")));
        command
    }

    fn run(&self, args: &[&str]) -> String {
        Said::new(&self.command(args).output().unwrap()).expect(0).out.trim().to_owned()
    }

    /// Starts it, and returns once it waits for the store.
    fn stuck(&self, args: &[&str], call: Call, key: &'static str) -> Child {
        self.seen.store(0, Ordering::SeqCst);
        *self.stall.lock().unwrap() = Some((call, key));
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(&format!("{args:?} does not come to {key}"), || {
            assert!(child.try_wait().unwrap().is_none(), "{args:?} ended before it came to {key}");
            self.seen.load(Ordering::SeqCst) > 0
        });
        child
    }

    /// Manifests and reports.
    fn told(&self) -> Vec<PathBuf> {
        let all = world::files(&self.world.path("buckets")).into_keys();
        all.filter(|p| {
            ["/m/", "/r/"].iter().any(|d| p.to_str().unwrap().contains(d)) && p.extension().unwrap() == "json"
        })
        .collect()
    }

    fn entries(&self, dir: &str) -> Vec<PathBuf> {
        std::fs::read_dir(self.world.path(dir)).unwrap().map(|e| e.unwrap().path()).collect()
    }

    /// What `id` left behind: nothing.
    fn nothing_stays(&self, what: &str, told: &[PathBuf], server: &PgServer) {
        assert_eq!(self.told(), told, "{what}");
        until(&format!("{what}: children live on"), || self.world.children().is_empty());
        assert_eq!(procfs::working_below(&self.world.path("scratch")), Vec::<i32>::new(), "{what}");
        for dir in ["tmp", "scratch", "place"] {
            assert_eq!(self.entries(dir), Vec::<PathBuf>::new(), "{what}");
        }
        assert_eq!(databases(server), "postgres shop", "{what}");
    }
}

fn databases(server: &PgServer) -> String {
    server.psql("postgres", "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate")
}

#[test]
fn a_store_that_does_not_answer_keeps_nobody_from_leaving() {
    let server = server();
    let slow = Slow::new(&server);
    let told = slow.told();
    assert_eq!(told.len(), 2, "two backups");
    let ids: Vec<String> = {
        let listed: serde_json::Value = serde_json::from_str(&slow.run(&["list", "shop", "--json"])).unwrap();
        let mut all: Vec<_> = listed.as_array().unwrap().iter().collect();
        all.sort_by_key(|b| b["seq"].as_u64());
        all.iter().map(|b| b["id"].as_str().unwrap().to_owned()).collect()
    };
    let [physical, logical] = &ids[..] else { panic!("{ids:?}") };
    let target = server.conninfo();
    let into_database = ["restore", logical, "--target-db", "copy", "--connection", &target];
    let (put, get, part) = (Call::Put, Call::Get, "/00002.zst.age");
    let cases: [Case<'_>; 9] = [
        (LOGICAL, &["backup", "shop"], put, part, Signal::INT, 130),
        (PHYSICAL, &["backup", "shop"], put, part, Signal::TERM, 143),
        (LOGICAL, &["backup", "shop"], put, "/m/", Signal::TERM, 143),
        (LOGICAL, &["verify", "shop", "--deep"], get, part, Signal::INT, 130),
        (LOGICAL, &into_database, get, part, Signal::TERM, 143),
        (LOGICAL, &["restore", physical, "--target-dir", "place/data"], get, part, Signal::INT, 130),
        (LOGICAL, &["drill", logical], get, part, Signal::INT, 130),
        (LOGICAL, &["drill", physical], get, part, Signal::TERM, 143),
        (LOGICAL, &["drill", logical], put, "/r/", Signal::INT, 130),
    ];
    for (source, args, call, key, signal, code) in cases {
        slow.world.configure(source);
        let child = slow.stuck(args, call, key);
        let started = Instant::now();
        send(&child, signal);
        let what = format!("{args:?} at {key}");
        let said = Said::new(&child.wait_with_output().unwrap()).expect(code);
        assert!(started.elapsed() < Duration::from_secs(8), "{what}: {:?}", started.elapsed());
        assert!(said.err.contains("error: ") && said.err.contains("ended by SIG"), "{what}: {said}");
        // The verdict of a drill is out before its report is stored.
        assert!(said.out.is_empty() || key == "/r/", "{what}: {said}");
        slow.nothing_stays(&what, &told, &server);
    }
    // Nothing of all that is in the way of the next run.
    *slow.stall.lock().unwrap() = None;
    slow.run(&["backup", "shop"]);
    slow.run(&["verify", "shop", "--deep"]);
}

/// The first signal begins to clean up, which may have to wait for a server; the
/// second one ends the program where it stands.
#[test]
fn a_second_signal_waits_for_no_clean_up() {
    let server = server();
    let slow = Slow::new(&server);
    let target = server.conninfo();
    let args = ["restore", "shop@latest", "--target-db", "copy", "--connection", &target];
    let mut child = slow.stuck(&args, Call::Get, "/00002.zst.age");
    // The server accepts connections no more, and answers none.
    let pid = std::fs::read_to_string(server.data_dir().join("postmaster.pid")).unwrap();
    let postmaster = Pid::from_raw(pid.lines().next().unwrap().trim().parse().unwrap()).unwrap();
    kill_process(postmaster, Signal::STOP).unwrap();
    send(&child, Signal::INT);
    until("pg_restore lives on", || slow.world.children().is_empty());
    assert!(child.try_wait().unwrap().is_none(), "it removes the unfinished database");
    let started = Instant::now();
    send(&child, Signal::INT);
    let said = Said::new(&child.wait_with_output().unwrap());
    kill_process(postmaster, Signal::CONT).unwrap();
    assert_eq!(said.code, 130, "{said}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    // What it could not remove has a name that tells what it is, never the one asked for.
    let left = databases(&server);
    assert!(left.contains("pgseal_restoring_") && !left.contains("copy"), "{left}");
}
