//! `kill -9` of pgseal takes the server down, and the next run cleans up.

use std::io::BufRead as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use pgseal::scratch::{leftovers, procfs};

use crate::scratch::support::{fresh, start, top, within};

const VARIABLE: &str = "PGSEAL_TEST_DEATH_DIR";

/// Not a test: the process that is killed by the one below, which sets the variable.
#[tokio::test(flavor = "multi_thread")]
async fn helper() {
    let Some(dir) = std::env::var_os(VARIABLE) else { return };
    let scratch = fresh(&PathBuf::from(dir), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    println!("\nRUNNING {} {}", instance.pid(), scratch.path().display());
    std::future::pending::<()>().await;
    drop((instance, scratch));
}

#[tokio::test]
async fn killing_us_takes_the_server_down_within_two_seconds() {
    let top = top();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "scratch::death::helper", "--nocapture"])
        .env(VARIABLE, top.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let line = out.lines().map(Result::unwrap).find(|l| l.starts_with("RUNNING ")).expect("the helper starts a server");
    let mut words = line.split(' ').skip(1);
    let pid: i32 = words.next().unwrap().parse().unwrap();
    let path = PathBuf::from(words.next().unwrap());
    assert!(procfs::start_time(pid).is_some());
    let owners = leftovers::owners("postgres").await;
    assert!(leftovers::find(top.path(), &owners).is_empty(), "a living run is no leftover");

    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert!(
        within(Duration::from_secs(2), || procfs::start_time(pid).is_none() && procfs::working_below(&path).is_empty())
            .await,
        "the server outlives us: {:?}",
        procfs::working_below(&path)
    );
    assert!(path.exists());
    let found = leftovers::find(top.path(), &owners);
    assert_eq!(found.len(), 1);
    assert!(leftovers::remove(&found[0], &owners).is_clean());
    assert!(!path.exists());
}
