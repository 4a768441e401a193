//! A drill that hangs or takes too much is ended, named, and is neither a pass
//! nor a word against the backup.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, within};
use pgseal::scratch::procfs;

/// Ends inconclusive with this code; the reason and the next step are named.
fn inconclusive(report: &(i32, Value), code: i32, why: &str, hint: &str) {
    let (got, report) = report;
    assert_eq!((*got, report["verdict"].as_str()), (code, Some("inconclusive")), "{report:#}");
    let said = format!("{}{}", report["errors"], report["checks"]);
    assert!(said.contains(why) && said.contains(hint), "{why}, {hint}: {said}");
    assert_eq!(report["teardown"]["instance_gone"], true, "{report:#}");
}

/// A directory of programs, of which `postgres` runs `instead` when it is to
/// serve; asked for a setting or its version it answers as always.
fn programs(world: &World, instead: &str) -> String {
    let serve = |_: &str| format!("case \" $* \" in *\" -C \"* | *\" --version \"*) ;; *) {instead} ;; esac");
    world.wrapped("postgres", serve)
}

#[test]
fn a_copy_that_hangs_or_does_not_start_is_named_and_ended() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    world.ok(&["backup", "shop"]);
    let deadline = "[source.NAME.drill]\ndeadline = \"12s\"\n";

    // It is there, and never ready.
    world.configure(&programs(&world, "kill -STOP $$"), deadline);
    for source in ["cluster", "shop"] {
        let began = Instant::now();
        inconclusive(&world.drill(source), 124, "longer than 12 s", "source.NAME.drill.deadline");
        assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
    }
    // It goes away at once, without a word.
    world.configure(&programs(&world, "exit 3"), "");
    inconclusive(
        &world.drill("cluster"),
        53,
        "the server did not start: the reason is not known",
        "Nothing was learned",
    );

    // It hangs in the middle of the checks.
    let slow = format!(
        "{deadline}[[source.NAME.drill.sql]]\nname = \"slow\"\nquery = \"select pg_sleep(1000)\"\nexpect = \"\"\n"
    );
    world.configure("", &slow);
    let child = world.command(&["drill", "shop", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut postmaster = 0;
    let serving = |pid: &i32| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        title.starts_with(pg::bindir().join("postgres").to_str().unwrap().as_bytes())
            && procfs::working_below(&world.path("scratch")).len() > 4
    };
    let found = || procfs::working_below(&world.path("scratch")).into_iter().find(serving);
    assert!(within(60, || found().map(|pid| postmaster = pid).is_some()), "no server comes up");
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::STOP).unwrap();
    let began = Instant::now();
    let out = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    inconclusive(&(out.status.code().unwrap(), report), 124, "longer than 12 s", "source.NAME.drill.deadline");
    assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
    world.nothing_left();
}

#[test]
fn limits_of_memory_and_disk_end_a_drill_as_inconclusive() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 700000) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let scratch = |more: &str| format!("[scratch]\ndir = \"{}\"\n{more}\n", world.path("scratch").display());

    // A row has 24 bytes of header on disk and none in a dump.
    world.configure(&scratch("max_disk = \"60MiB\""), "");
    inconclusive(&world.drill("shop"), 53, "62914560 are allowed", "raise scratch.max_disk");
    world.configure(&scratch("max_disk = \"5MiB\""), "");
    let (code, report) = world.drill("shop");
    assert!(code == 53 && report["errors"].to_string().contains("scratch.max_disk is 5242880 bytes"), "{report:#}");
    assert!(report["teardown"].is_null());
    world.configure(&scratch("keep_free = \"1EiB\""), "");
    let (code, report) = world.drill("shop");
    assert!(code == 53 && report["errors"].to_string().contains("of which 1152921504606846976 are kept"), "{report:#}");

    let greedy = "[[source.NAME.drill.sql]]\nname = \"greedy\"\nquery = \"select length(repeat('x', 900000000))\"\n\
                  expect = 900000000\n";
    world.configure(&scratch("max_memory = \"512MiB\""), greedy);
    inconclusive(&world.drill("shop"), 53, "SQLSTATE 53200 (out of memory", "scratch.max_memory");
    world.configure(&scratch(""), greedy);
    assert_eq!(world.drill("shop").0, 0, "without the limit it gives its value");
}

/// A CHECK function that is harmless on the source. In a copy it takes 200 MiB of the
/// disk in files that have no name any more, and waits.
fn hoarder(script: &str) -> String {
    let fill = "head -c 200M /dev/zero";
    let script = script.replace("FILL", fill);
    format!(
        "create function public.looks_harmless(i int) returns boolean language plpgsql as $f$ begin \
           if current_setting('cluster_name') like 'pgseal-%' then \
             execute format('copy (select 1) to program %L', $s${script}$s$); \
           end if; return true; end $f$; \
         create table public.t(i int check (public.looks_harmless(i))); insert into public.t values (1)"
    )
}

#[test]
fn a_file_without_a_name_counts_and_one_of_somebody_else_does_not() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    let limit = format!("[scratch]\ndir = \"{}\"\nmax_disk = \"200MiB\"\n", world.path("scratch").display());
    world.configure(&limit, "");
    // Held open; and held by nothing but a program that runs.
    for script in [
        "exec 9>held; rm held; FILL >&9; exec sleep 60",
        // Each for itself has room while it has a name.
        "for i in 1 2; do cp /bin/sleep held$i; head -c 110M /dev/zero >>held$i; ./held$i 60 & sleep 1; rm held$i; done; wait",
    ] {
        server.psql("postgres", "drop table if exists public.t; drop function if exists public.looks_harmless");
        server.psql("postgres", &hoarder(script));
        world.ok(&["backup", "shop"]);
        let began = Instant::now();
        inconclusive(&world.drill("shop"), 53, "in open files without a name", "raise scratch.max_disk");
        assert!(began.elapsed().as_secs() < 50, "{:?}", began.elapsed());
    }

    // As much of the same user's, beside the drill's directory on the same file system.
    server.psql("postgres", "drop table public.t; drop function public.looks_harmless; create table t as select 1 i");
    world.ok(&["backup", "shop"]);
    let mut other = std::process::Command::new("/usr/bin/setpriv");
    other.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "/bin/sh", "-c"]);
    other.arg("exec 9>scratch/held; rm scratch/held; head -c 200M /dev/zero >&9; echo; exec sleep 1000");
    other.current_dir(world.dir.path()).stdout(std::process::Stdio::piped());
    let mut other = other.spawn().unwrap();
    std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let (code, report) = world.drill("shop");
    assert_eq!(code, 0, "{report:#}");
    other.kill().unwrap();
    other.wait().unwrap();
}

/// Drills on a small file system; `fill` gets it while a statement in the copy runs.
fn filled_meanwhile(options: &str, fill: impl FnOnce(&Path)) -> (i32, Value, Vec<std::ffi::OsString>) {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let small = Small::mount(world.path("small"), options);
    // A statement that nothing else sends: the title of its process tells when it runs.
    let slow = "[[source.NAME.drill.sql]]\nname = \"slow\"\nquery = \"explain analyze select pg_sleep(1000)\"\n\
                expect = \"\"\n";
    world.configure(&format!("[scratch]\ndir = \"{}\"\n", small.0.display()), slow);
    let child = world.command(&["drill", "shop", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let asleep = |pid: &i32| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).contains("[local] EXPLAIN")
    };
    assert!(within(60, || procfs::working_below(&small.0).iter().any(asleep)), "no query runs");
    fill(&small.0);
    let out = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    let left = std::fs::read_dir(&small.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    (out.status.code().unwrap(), report, left)
}

#[test]
fn a_disk_that_others_fill_stops_the_drill_before_it_is_full() {
    let (code, report, left) = filled_meanwhile("size=300m", |small| {
        let fs = rustix::fs::statvfs(small).unwrap();
        let free = fs.f_bavail * fs.f_frsize;
        // A twentieth of 300 MiB is kept; a few of it are left free.
        std::fs::write(small.join("others"), vec![1; usize::try_from(free).unwrap() - (4 << 20)]).unwrap();
    });
    inconclusive(&(code, report), 53, "the disk is nearly full", "scratch.keep_free");
    assert_eq!(left, ["others"]);
}

#[test]
fn empty_files_stop_the_drill_before_no_file_can_be_made() {
    let (code, report, left) = filled_meanwhile("size=300m,nr_inodes=20000", |small| {
        std::fs::create_dir(small.join("others")).unwrap();
        // A twentieth of 20000 is kept; 500 are left.
        for n in 500..rustix::fs::statvfs(small).unwrap().f_favail {
            std::fs::write(small.join(format!("others/{n}")), "").unwrap();
        }
    });
    inconclusive(&(code, report), 53, "inodes (files that can still be made) are free, 1000 are kept", "df -i");
    assert_eq!(left, ["others"]);
}

/// A file system of its own, gone with the value.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf, options: &str) -> Self {
        std::fs::create_dir(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", &format!("{options},mode=1777"), "none"]).arg(&at).status();
        assert!(done.unwrap().success(), "the tests need root for a small file system");
        Self(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}
