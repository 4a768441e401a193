//! A sealed server passes, as root and as an ordinary user, with work going on.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pgseal::config::schema::Isolation;
use pgseal::scratch::probe::{self, Outside, ProbeOutcome, Trace};

use crate::isolation::support::{fresh, probes, sealed, start, top};

pub fn root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A file that only its owner may read.
pub fn key_file(dir: &Path) -> std::path::PathBuf {
    let key = dir.join("identity");
    std::fs::write(&key, "AGE-SECRET-KEY-NONE").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn every_probe_passes_twice_and_quickly_and_nothing_is_left() {
    let top = top();
    let production = TcpListener::bind("127.0.0.1:0").unwrap();
    production.set_nonblocking(true).unwrap();
    let outside = Outside {
        source: Some(("localhost".to_owned(), production.local_addr().unwrap().port())),
        key_files: vec![key_file(top.path())],
    };
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let level = scratch.jail().level;
    assert!(level >= Isolation::I2, "{:?}", scratch.jail().reasons);
    for look in ["before", "after"] {
        let began = Instant::now();
        let told = probes(&scratch, &instance, &outside).await;
        let took = began.elapsed();
        println!("{} probes {look}: {} ms", level.name(), took.as_millis());
        assert!(took < Duration::from_secs(5), "{took:?}");
        sealed(&scratch, &told);
        for p in &told {
            println!("  {p:?}");
        }
        let said = |id: &str| told.iter().find(|p| p.id == id).unwrap().evidence.clone();
        for part in [
            "127.0.0.1",
            if instance.major() < 14 { "127.0.0.1" } else { "an abstract socket" },
            "169.254.169.254",
            "the name example.com",
            "the source localhost:",
        ] {
            assert!(said("ISO-006").contains(part), "{}", said("ISO-006"));
        }
        assert!(said("ISO-001").contains("asked of the program before the start"));
        let how = if root() { "gets EACCES" } else { "/0700/0700/0700 of the path" };
        assert!(said("ISO-008").contains(how), "{}", said("ISO-008"));
        if !root() && level < Isolation::I3 {
            assert!(said("ISO-012").contains("isolation I2 does not hide it"), "{}", said("ISO-012"));
        } else {
            assert!(said("ISO-012").contains("none of 1 key files within reach"), "{}", said("ISO-012"));
        }
        // Work of many sessions and processes in between.
        let session = instance.connect_writable("postgres").await.unwrap();
        let work = "create table if not exists public.t(i int, x text); set max_parallel_workers_per_gather = 2; \
                    insert into public.t select g, repeat('x', 100) from generate_series(1, 20000) g; checkpoint; \
                    select count(*) from public.t";
        session.client().batch_execute(work).await.unwrap();
    }
    assert!(production.accept().is_err(), "the source was dialled");
    // Its own directory and nothing else is beside it.
    let beside: Vec<String> = std::fs::read_dir(top.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n != "identity" && n != scratch.mark())
        .collect();
    assert_eq!(beside, Vec::<String>::new());
    let left = std::fs::read_dir(scratch.data_dir()).unwrap().flatten();
    assert_eq!(left.filter(|e| e.file_name().to_string_lossy().starts_with("pgseal")).count(), 0);

    let trace = Trace::of(&scratch, Some(&instance));
    let done = scratch.teardown(Some(instance)).await;
    let gone = probe::gone(&done, &trace, level).await;
    assert_eq!(gone.outcome, ProbeOutcome::Pass, "{gone:?}");
    assert!(gone.evidence.contains("0 processes and 0 mounts left"), "{gone:?}");
    assert!(!gone.evidence.contains(" 0 namespaces"), "{gone:?}");
}

/// The tests of this program again, as the user `postgres`.
#[test]
fn the_same_holds_for_an_ordinary_user() {
    if !root() {
        return;
    }
    let again = Command::new("/usr/bin/setpriv")
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--nocapture", "--test-threads=1"])
        .args(["blind", "sealed", "unsealed"].map(|m| format!("isolation::{m}::every_")))
        .args(["blind", "sealed", "unsealed"].map(|m| format!("isolation::{m}::each_")))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PGSEAL_TEST_BINDIR", crate::isolation::support::bindir())
        .current_dir("/")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "{out}\n{}", String::from_utf8_lossy(&again.stderr));
    assert!(out.contains("test result: ok. 3 passed"), "{out}");
    print!("{out}");
}
