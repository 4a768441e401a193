//! The negative self-test: a server that does everything wrong.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgseal::config::schema::Isolation;
use pgseal::scratch::probe::{self, Outside, Probe, ProbeOutcome, Target, Trace};
use pgseal::scratch::{Scratch, Session, Teardown, seal};

use crate::isolation::sealed::root;
use crate::isolation::support::{bindir, door, fresh, top, within};

/// Ended when dropped.
struct Server {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl Server {
    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    async fn connect(&self) -> Session {
        door(&self.dir, self.port, self.pid()).open("postgres", false).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Trusts everyone, listens, archives, preloads, has secrets and a key file
/// open, reads a foreign configuration and lies half outside.
async fn start(scratch: &Scratch, open: &Path, key: &Path) -> Server {
    let data = scratch.data_dir();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hba = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n";
    std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
    std::fs::write(data.join("postgresql.auto.conf"), "shared_preload_libraries = 'plpgsql'\n").unwrap();
    let space = open.join("space");
    std::fs::create_dir(&space).unwrap();
    scratch.jail().give(&space).unwrap();
    symlink(&space, data.join("pg_tblspc/99999")).unwrap();
    symlink("/etc", data.join("elsewhere")).unwrap();
    // As whoever forgot to close it would hand it down.
    let script = "exec 9<\"$0\" && exec \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).arg(key);
    if root() {
        command.args(["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    }
    command.arg(bindir().join("postgres")).arg("-D").arg(&data);
    for setting in [
        format!("unix_socket_directories={}", open.display()),
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        "archive_mode=on".into(),
        "archive_command=true".into(),
        "max_wal_senders=3".into(),
    ] {
        command.arg("-c").arg(setting);
    }
    command.env_clear().env("PATH", "/usr/bin:/bin").env("PGPASSWORD", "canary-password-4711");
    command.env("AWS_SECRET_ACCESS_KEY", "canary-password-4711").current_dir("/");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { child, dir: open.to_owned(), port };
    let ready = || std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|t| t.contains("ready"));
    assert!(within(Duration::from_secs(30), ready).await, "{:?}", server.child.try_wait());
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn each_probe_fails_on_an_unsealed_server() {
    let top = top();
    let open = top.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let key = crate::isolation::sealed::key_file(top.path());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let scratch = fresh(top.path(), "postgres").await;
    // With this key we have a session keyring, which the server inherits.
    let _key = pgseal::sys::CanaryKey::plant("pgseal-test", rustix::process::geteuid().as_raw()).unwrap();
    let server = start(&scratch, &open, &key).await;
    let session = server.connect().await;
    let sealed = seal::sealed(major(), scratch.mark());
    // It must not be dialled from where the network is not empty.
    let production = TcpListener::bind("127.0.0.1:0").unwrap();
    production.set_nonblocking(true).unwrap();
    let source = Some(("127.0.0.1".to_owned(), production.local_addr().unwrap().port()));
    let outside = Outside { source, key_files: vec![key.clone()] };
    let target = Target {
        pid: server.pid(),
        major: major(),
        settings: &sealed,
        asked: 0,
        client: session.client(),
        superuser: "postgres",
        level: Isolation::I3,
        scratch: scratch.path(),
        data_dir: &scratch.data_dir(),
        socket_dir: &open,
        port: server.port,
        bindir: &bindir(),
        outside: &outside,
    };
    // The archiver starts after the server is ready.
    let began = Instant::now();
    let mut told = probe::run_on(target).await;
    while !by_id(&told, "ISO-009").evidence.contains("archiver") && began.elapsed() < Duration::from_secs(20) {
        told = probe::run_on(target).await;
    }
    assert!(production.accept().is_err(), "production was dialled by a probe");
    // Before 14, psql does not say to whom it was that it could speak.
    let reached = match major() {
        13 => vec!["the canary heard "],
        _ => vec!["the canary heard ", "reached from inside: 127.0.0.1", "an abstract socket"],
    };
    let says = [
        ("ISO-001", vec!["archive_mode", "listen_addresses", "shared_preload_libraries"]),
        ("ISO-002", vec!["in the data directory", "postgresql.auto.conf", "the link elsewhere"]),
        ("ISO-003", vec!["pg_tblspc/99999 leads outside"]),
        ("ISO-004", vec!["tcp 0100007F:"]),
        ("ISO-005", vec!["shared with the host"]),
        ("ISO-006", reached),
        ("ISO-007", vec!["our own socket"]),
        ("ISO-008", vec!["another role is let in", "a standby is let in", "another user reaches the socket"]),
        ("ISO-009", vec!["archiver"]),
        ("ISO-010", vec!["archive_mode on"]),
        ("ISO-011", vec!["a file was written where its user may write"]),
        ("ISO-012", vec!["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "identity is open", "its user may read"]),
        (
            "ISO-017",
            vec!["not filtered", "our own session keyring can be read", "a further user namespace can be made"],
        ),
    ];
    assert_eq!(told.len(), says.len());
    for (p, (id, parts)) in told.iter().zip(&says) {
        assert_eq!((p.id.as_str(), p.outcome), (*id, ProbeOutcome::Fail), "{p:?}");
        for part in parts {
            assert!(p.evidence.contains(part), "{part}: {p:?}");
        }
        assert!(!p.evidence.contains("4711"), "no value is shown: {p:?}");
    }
    assert!(probe::any_failed(&told));

    // Where less was reached, less is promised: neither a pass nor a failure.
    for (level, not_promised) in [
        (Isolation::I1, vec!["ISO-005", "ISO-006", "ISO-007", "ISO-011", "ISO-017"]),
        (Isolation::I2, vec!["ISO-007", "ISO-011", "ISO-017"]),
    ] {
        for p in probe::run_on(Target { level, ..target }).await {
            let promised = !not_promised.contains(&p.id.as_str());
            let expected = if promised { ProbeOutcome::Fail } else { ProbeOutcome::NotEvaluated };
            assert_eq!(p.outcome, expected, "{level:?}: {p:?}");
            let starts = format!("isolation {} does not promise it: ", level.name());
            assert_eq!(p.evidence.starts_with(&starts), !promised, "{p:?}");
        }
    }

    // Another server's process, and one that lives in another one's directory.
    let other = Target { pid: i32::try_from(std::process::id()).unwrap(), ..target };
    assert_eq!(by_id(&probe::run_on(other).await, "ISO-009").outcome, ProbeOutcome::Fail, "programs of ours");
    let inside = scratch.data_dir().join("base");
    let below = Target { scratch: &inside, data_dir: &inside, ..target };
    let told = probe::run_on(below).await;
    assert!(by_id(&told, "ISO-003").evidence.contains("is above"), "{told:?}");

    // A teardown that only claims to have been one.
    let trace = Trace::at(scratch.path(), scratch.mark(), Some(server.pid()));
    let claimed = Teardown { instance_gone: true, directory_gone: true, detail: None };
    let gone = probe::gone(&claimed, &trace, Isolation::I3).await;
    assert_eq!(gone.outcome, ProbeOutcome::Fail, "{gone:?}");
    assert!(!gone.evidence.starts_with("0 processes"), "{gone:?}");
    drop(session);
    drop(server);
}

/// Major version of [`bindir`].
fn major() -> u32 {
    let out = Command::new(bindir().join("postgres")).arg("--version").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_once(") ").unwrap().1[..2].parse().unwrap()
}

fn by_id<'a>(all: &'a [Probe], id: &str) -> &'a Probe {
    all.iter().find(|p| p.id == id).unwrap()
}
