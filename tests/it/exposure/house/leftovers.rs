//! What drills and people left behind: a real server of a dead drill, a stopped
//! one, dumps that pg_dump made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pgseal::checks::Outcome;
use pgseal::process::lease::{FILE, Lease, Purpose};

use super::{Host, file, write};
use crate::exposure::fixture::{found, of, severity, silent};
use crate::exposure::pg::{PgServer, done, own};

/// A lease for `dir`, of this process or of one that is gone.
fn lease(dir: &Path, alive: bool) {
    let mut lease = Lease::ours(Purpose::Scratch, dir).unwrap();
    lease.start_time += u64::from(!alive);
    std::fs::write(dir.join(FILE), serde_json::to_vec(&lease).unwrap()).unwrap();
}

/// A scratch directory's entry with a data directory in it.
fn copy(server: &PgServer, scratch: &Path, name: &str) -> std::path::PathBuf {
    let dir = scratch.join(name);
    std::fs::create_dir(&dir).unwrap();
    own(&dir);
    std::fs::set_permissions(scratch, std::fs::Permissions::from_mode(0o711)).unwrap();
    done(server.as_owner("initdb").args(["-A", "trust", "-N", "-D"]).arg(dir.join("data")), "initdb");
    dir
}

/// Runs the server of a data directory until it is killed.
struct Running(std::process::Child, std::path::PathBuf);

impl Running {
    fn start(server: &PgServer, dir: &Path) -> Self {
        let mark = dir.file_name().unwrap().to_str().unwrap();
        let mut command: Command = server.as_owner("postgres");
        command.arg("-D").arg(dir.join("data")).args(["-c", "listen_addresses=", "-k"]).arg(dir).arg("-c");
        command.arg(format!("cluster_name={mark}")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let pidfile = dir.join("data/postmaster.pid");
        crate::exposure::world::until("the server runs", || {
            std::fs::read_to_string(&pidfile).is_ok_and(|t| t.contains("ready"))
        });
        Self(child, pidfile)
    }

    /// The server's own process, which may be a child of what was started.
    fn pid(&self) -> i32 {
        std::fs::read_to_string(&self.1).unwrap().lines().next().unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_runs_without_its_drill_is_found() {
    let server = crate::exposure::fixture::server(&[]);
    let host = Host::new();
    let scratch = host.scratch.path();
    let dir = copy(&server, scratch, "pgseal-shop-0badcafe");
    let running = Running::start(&server, &dir);
    let pid = running.pid().cast_unsigned();
    // The drill is under way.
    lease(&dir, true);
    let results = host.look(&[pid], |_| ()).await;
    silent(&results, "EXP-LEFT-001");
    assert!(of(&results, "EXP-LEFT-001").reason.as_ref().unwrap().contains("1 drills are under way"));
    silent(&results, "EXP-LEFT-002");
    // It is dead, the copy lives on.
    lease(&dir, false);
    let results = host.look(&[pid], |_| ()).await;
    found(&results, "EXP-LEFT-001", &["instance pgseal-shop-0badcafe"]);
    found(&results, "EXP-LEFT-002", &[&format!("directory {}", dir.display())]);
    // Without any mark it is still a server that works in the scratch directory.
    std::fs::remove_file(dir.join(FILE)).unwrap();
    let results = host.look(&[pid], |_| ()).await;
    found(&results, "EXP-LEFT-001", &["instance pgseal-shop-0badcafe"]);
    // Its title tells where its directory does not.
    let elsewhere = Host::new();
    let helper = pgseal::scratch::procfs::working_below(&dir);
    let pids: Vec<u32> = helper.iter().map(|p| p.cast_unsigned()).collect();
    let results = elsewhere.look(&pids, |_| ()).await;
    found(&results, "EXP-LEFT-001", &["instance pgseal-shop-0badcafe"]);
    drop(running);
    // A stopped copy is a directory that lies around.
    let results = host.look(&[std::process::id()], |_| ()).await;
    silent(&results, "EXP-LEFT-001");
    found(&results, "EXP-LEFT-002", &[&format!("directory {}", dir.join("data").display())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_somebody_else_is_no_copy_wherever_it_lies() {
    let server = crate::exposure::fixture::server(&[]);
    let host = Host::new();
    // scratch.dir is /var/tmp by default, where anybody's server may lie.
    for name in ["somebodys-own", "pgseal-test"] {
        let dir = copy(&server, host.scratch.path(), name);
        let running = Running::start(&server, &dir);
        let mut pids: Vec<u32> =
            pgseal::scratch::procfs::working_below(&dir).iter().map(|p| p.cast_unsigned()).collect();
        pids.push(running.pid().cast_unsigned());
        silent(&host.look(&pids, |_| ()).await, "EXP-LEFT-001");
        // With a lease of pgseal it is one of ours, whatever its name.
        lease(&dir, false);
        found(&host.look(&pids, |_| ()).await, "EXP-LEFT-001", &[&format!("instance {name}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dumps_that_lie_around_are_found() {
    let server = crate::exposure::fixture::server(&[]);
    server.psql("postgres", "create table t (id int); insert into t values (1)");
    let host = Host::new();
    let place = host.path("place");
    let dump = |args: &[&str], program: &str, name: &str| {
        let out = done(server.client(program, "postgres").args(args), program).stdout;
        write(&place.join(name), out, 0o600);
    };
    dump(&["-Fc"], "pg_dump", "a/shop.bin");
    dump(&[], "pg_dump", "shop\n.txt");
    dump(&["--globals-only"], "pg_dumpall", "globals");
    dump(&["-Ft"], "pg_dump", "shop.tar");
    dump(&["-Ft", "-D", "-", "-X", "fetch"], "pg_basebackup", "base");
    dump(&["-Fc"], "pg_dump", "one/two/three/too-deep");
    write(&place.join("notes.sql"), "select 1;\n", 0o600);
    write(&place.join("link-target"), "x", 0o600);
    let results = host.look(&[], |_| ()).await;
    let wanted = ["a/shop.bin", "shop\n.txt", "globals", "shop.tar", "base"].map(|n| file(&place.join(n)));
    found(&results, "EXP-LEFT-003", &wanted.each_ref().map(String::as_str));
    // Files that hold no dump.
    let host = Host::new();
    write(&host.path("place/notes.sql"), "select 1;\n", 0o600);
    silent(&host.look(&[], |_| ()).await, "EXP-LEFT-003");
}

#[tokio::test(flavor = "multi_thread")]
async fn scratch_on_a_plain_disk_or_open_to_others_is_found() {
    let mut host = Host::new();
    let memory = host.scratch.path().display().to_string();
    let open = host.scratch.path().join("pgseal-shop-1");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    let results = host.look(&[], |_| ()).await;
    found(&results, "EXP-LEFT-004", &[&format!("directory {memory}/pgseal-shop-1")]);
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o700)).unwrap();
    silent(&host.look(&[], |_| ()).await, "EXP-LEFT-004");
    // The disk of the machine that runs the tests: encrypted, plain, or not to be seen.
    host.loaded.config.scratch.dir = "/var/tmp".into();
    let results = host.look(&[], |_| ()).await;
    let result = of(&results, "EXP-LEFT-004");
    match result.outcome {
        Outcome::Finding => {
            assert_eq!(severity(&results, "EXP-LEFT-004", "directory /var/tmp"), pgseal::checks::Severity::Medium);
        }
        Outcome::Pass => assert!(result.examined > 0),
        _ => assert!(result.reason.as_ref().unwrap().contains("/var/tmp"), "{result:#?}"),
    }
}
