//! Data directories.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::restore::pg::{PgServer, bindir, done, own};
use crate::restore::world::{Host, Said, said};

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// As the documentation says: `pg_ctl -D DIR start`, by the user who runs PostgreSQL.
pub fn starts_and_holds(server: &PgServer, data: &Path, home: &Path, rows: &str) {
    assert_eq!(started_and_asked(server, data, home, "select count(*) from t"), rows);
}

/// What a server that is started in the directory answers.
pub fn started_and_asked(server: &PgServer, data: &Path, home: &Path, sql: &str) -> String {
    let ctl = |args: &[&str]| {
        let mut c = server.as_owner("pg_ctl");
        c.arg("-D").arg(data).args(["-w", "-s"]).args(args);
        done(&mut c, "pg_ctl");
    };
    let options = format!("-c listen_addresses='' -c unix_socket_directories={}", home.display());
    ctl(&["-l", &home.join("log").display().to_string(), "-o", &options, "start"]);
    let mut psql = Command::new(bindir().join("psql"));
    psql.args(["-XAtq", "-h"]).arg(home).args(["-U", "postgres", "-d", "shop", "-c", sql]);
    let out = psql.output().unwrap();
    ctl(&["-m", "fast", "stop"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

#[test]
fn a_cluster_goes_into_a_new_or_empty_directory_only() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t as select generate_series(1, 10000) a");
    let host = Host::new(&server);
    host.ok(&["backup", "cluster"]);
    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    own(home.path());
    let at = |name: &str| home.path().join(name);
    let restore = |dir: &Path| host.run(&["restore", "cluster@latest", "--target-dir", &dir.display().to_string()]);

    restore(&at("new")).is(0, &[]);
    let owner = std::fs::metadata(home.path()).unwrap().uid();
    for file in ["", "PG_VERSION", "base", "base/1/PG_VERSION", "global/pg_control"] {
        assert_eq!(std::fs::metadata(at("new").join(file)).unwrap().uid(), owner, "{file}");
    }
    assert_eq!(std::fs::metadata(at("new")).unwrap().mode() & 0o7777, 0o700);
    starts_and_holds(&server, &at("new"), home.path(), "10000");
    std::fs::create_dir(at("empty")).unwrap();
    own(&at("empty"));
    restore(&at("empty")).is(0, &[]);
    assert!(at("empty/PG_VERSION").exists());

    restore(&at("new")).is(13, &["not empty", "--target-dir"]);
    std::fs::write(at("file"), "mine").unwrap();
    restore(&at("file")).is(13, &["is not a directory"]);
    assert_eq!(std::fs::read(at("file")).unwrap(), b"mine");
    std::fs::create_dir(at("elsewhere")).unwrap();
    std::os::unix::fs::symlink(at("elsewhere"), at("link")).unwrap();
    restore(&at("link")).is(13, &["is not a directory"]);
    assert_eq!(names(&at("elsewhere")), [""; 0]);
    restore(&at("missing/x")).is(13, &["does not exist", "Make it first"]);
    assert!(!at("missing").exists());

    // An interrupt in the middle leaves nothing.
    std::fs::create_dir(at("quiet")).unwrap();
    own(&at("quiet"));
    let ended_by = |signal| {
        let mut command = host.command(&["restore", "cluster@latest", "--target-dir"]);
        let child = command.arg(at("quiet/x")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let give_up = Instant::now() + Duration::from_mins(1);
        while names(&at("quiet")).is_empty() {
            assert!(Instant::now() < give_up, "the restore does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait_with_output().unwrap()
    };
    let out = ended_by(Signal::INT);
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(names(&at("quiet")), [""; 0]);

    // A kill does. The next restore into that place removes it, and nothing else.
    ended_by(Signal::KILL);
    let left = names(&at("quiet"));
    assert!(left.len() == 1 && left[0].starts_with(".x.pgseal-restoring-"), "{left:?}");
    let others = [".x.pgseal-restoring-0123456789ab", ".x.pgseal-restoring-mine", ".y.pgseal-restoring-0123456789ab"];
    for other in others {
        std::fs::create_dir(at("quiet").join(other)).unwrap();
    }
    // Somebody works in the first of them.
    let lock = std::fs::File::open(at("quiet").join(others[0])).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    restore(&at("quiet/x")).is(0, &["which a killed restore had left"]);
    let mut now = names(&at("quiet"));
    now.sort();
    assert_eq!(now, [&others[..], &["x"]].concat());
}

/// Runs a script in a mount namespace of its own: nothing is left mounted, whatever happens.
fn mounting(host: &Host, script: &str) -> Said {
    let pgseal = host.command(&[]);
    let mut command = Command::new("/usr/bin/unshare");
    let user: &[&str] =
        if rustix::process::geteuid().is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    command.args(user).args(["sh", "-c", script]).arg(pgseal.get_program()).args(pgseal.get_args());
    command.current_dir(host.path("")).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", host.path("home"));
    said(&mut command)
}

#[test]
fn a_mount_point_is_filled_within() {
    let server = PgServer::start(&bindir(), &[]);
    let host = Host::new(&server);
    host.ok(&["backup", "cluster"]);
    for name in ["vol", "found", "parent", "bound", "behind", "full", "taken", "owner"] {
        std::fs::create_dir(host.path(name)).unwrap();
    }
    own(&host.path("owner"));
    let said = mounting(
        &host,
        r#"
        restore() { "$0" "$@" restore cluster@latest --target-dir "$target" 2>&1; echo "exit $?"; }
        holds() { ls -A "$target" | grep -cE '^(PG_VERSION|base|global)$'; stat -c %a "$target"; ls -A "$target" | grep pgseal; true; }
        for target in vol found parent full taken; do
          size=300m; case $target in parent|full) size=8m;; esac
          mount -t tmpfs -o size=$size none $target || exit 9
        done
        mkdir found/lost+found parent/data; mount -t tmpfs -o size=300m none parent/data || exit 9
        mount --bind behind bound || exit 9
        chown --reference=owner vol found parent/data bound full taken
        touch taken/file; mkdir vol/.vol.pgseal-restoring-0123456789ab
        for target in vol found parent/data bound; do echo "= $target"; restore "$@"; holds; done
        target=full; echo "= full"; restore "$@"; ls -A full
        target=taken; echo "= taken"; restore "$@"; ls -A taken
        target=vol; echo "= again"; restore "$@"
        mkdir found/sub found/sub/lost+found; chown --reference=owner found/sub; touch found/sub/lost+found/mine
        target=found/sub; echo "= sub"; restore "$@"; ls -A found/sub/lost+found
        "#,
    );
    let of = |name: &str| {
        let (_, rest) = said.out.split_once(&format!("= {name}\n")).unwrap_or_else(|| panic!("{name}: {said:?}"));
        rest.split("\n= ").next().unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for name in ["vol", "found", "parent/data", "bound"] {
        let lines = of(name);
        assert!(lines.ends_with(&["exit 0", "3", "700"].map(String::from)), "{name}: {said:?}");
    }
    assert!(of("vol").iter().any(|l| l.contains("which a killed restore had left")), "{said:?}");
    let full = of("full");
    assert!(full.last().is_some_and(|l| l == "exit 32"), "nothing may be left in it: {said:?}");
    for (name, left) in [("taken", "file"), ("again", "exit 13")] {
        let lines = of(name);
        assert!(lines.iter().any(|l| l == "exit 13") && lines.last().is_some_and(|l| l == left), "{name}: {said:?}");
    }
    assert!(of("sub").ends_with(&["exit 0", "mine"].map(String::from)), "{said:?}");
}

#[test]
fn a_full_disk_is_told_and_left_clean() {
    let server = PgServer::start(&bindir(), &[]);
    let host = Host::new(&server);
    host.ok(&["backup", "cluster"]);
    std::fs::create_dir(host.path("small")).unwrap();
    // In a mount namespace of its own: nothing is left mounted, whatever happens.
    let script = "mount -t tmpfs -o size=8m none small && \"$@\"; code=$?; ls -A small; exit $code";
    let pgseal = host.command(&["restore", "cluster@latest", "--target-dir", "small/data"]);
    let mut command = Command::new("/usr/bin/unshare");
    let user: &[&str] =
        if rustix::process::geteuid().is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    command.args(user).args(["sh", "-c", script, "sh"]).arg(pgseal.get_program()).args(pgseal.get_args());
    command.current_dir(host.path("")).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", host.path("home"));
    let said = said(&mut command);
    said.is(32, &["No space left on device"]);
    assert_eq!(said.out, "");
}
