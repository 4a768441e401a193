//! The process itself: closed to others, and nothing secret in its arguments.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::cli::sealed::Sealed;

#[test]
fn a_running_pgseal_is_closed_to_its_own_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // A store that never answers holds it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sealed = Sealed::new();
    let dir = sealed.path("");
    for name in ["", "home", "work"] {
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = 65534;
    let program = dir.join("pgseal");
    std::fs::copy(env!("CARGO_BIN_EXE_pgseal"), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Command::new(&program)
        .args(["store", "check"])
        .env_clear()
        .envs(sealed.variables())
        .env("PGSEAL_REPOSITORY_URL", "s3://bucket/p")
        .env("PGSEAL_REPOSITORY_S3_ENDPOINT", format!("http://{}", listener.local_addr().unwrap()))
        .env("PGSEAL_REPOSITORY_S3_REGION", "x")
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .current_dir(sealed.path("work"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .uid(nobody)
        .gid(nobody)
        .spawn()
        .unwrap();
    let held = listener.accept().unwrap();
    let proc = format!("/proc/{}", child.id());
    // proc(5): the files of a process that is not dumpable belong to root, and so nobody traces it.
    let of = |file: &str| std::fs::metadata(format!("{proc}/{file}")).unwrap().uid();
    let owners = ["mem", "environ", "fd", "maps"].map(of);
    let limits = std::fs::read_to_string(format!("{proc}/limits")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(held);
    assert_eq!(owners, [0; 4]);
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}

#[test]
fn no_command_takes_a_password_among_its_arguments() {
    let sealed = Sealed::new();
    for connection in [
        "password=geheim host=/tmp",
        "host=/tmp PASSWORD='geheim'",
        "postgresql://a:geheim@host/db",
        "postgres://host/db?password=geheim",
        "postgresql://host/db?pass%77ord=geheim",
        "sslpassword=geheim",
    ] {
        for arguments in [
            &["restore", "shop@latest", "--target-db", "x", "--connection"][..],
            &["restore", "shop@latest", "--target-db", "x", "--dry-run", "--connection"],
            &["sweep", "--databases", "--connection"],
        ] {
            let said = sealed.run(&[arguments, &[connection]].concat());
            assert_eq!(said.code, 2, "{connection}: {}", said.err);
            assert!(said.err.contains("passfile") && !said.err.contains("geheim"), "{connection}: {}", said.err);
        }
    }
    // Without one it is about something else.
    let said = sealed.run(&["restore", "shop@latest", "--target-db", "x", "--connection", "host=/tmp user=x"]);
    assert!(!said.err.contains("passfile"), "{}", said.err);
}
