//! Birth, probes, teardown.

use pgseal::Code;
use pgseal::config::schema::Isolation;
use pgseal::scratch::probe::{self, Outside, ProbeOutcome, Trace};
use pgseal::scratch::{Jail, Origin, Scratch, procfs};

use crate::scratch::support::{bindir, fresh, options, probes, sealed, start, top};

#[tokio::test]
async fn a_sealed_server_passes_every_probe_and_leaves_nothing() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let level = scratch.jail().level;
    assert!(level >= Isolation::I2, "{:?}", scratch.jail().reasons);
    let probes = probes(&scratch, &instance, &Outside::default()).await;
    assert_eq!(probes.len(), 15);
    sealed(&scratch, &probes);
    let trace = Trace::of(&scratch, Some(&instance));
    let session = instance.connect_any().await.unwrap();
    let checksums: String = session.client().query_one("show data_checksums", &[]).await.unwrap().get(0);
    assert_eq!(checksums, "on");
    let path = scratch.path().to_owned();
    let socket = instance.socket_dir().join(format!(".s.PGSQL.{}", instance.port()));
    assert!(socket.exists() && !procfs::working_below(&path).is_empty());
    drop(session);
    let done = scratch.teardown(Some(instance)).await;
    assert!(done.is_clean() && done.detail.is_none(), "{done:?}");
    assert!(!path.exists() && procfs::working_below(&path).is_empty());
    let gone = probe::gone(&done, &trace, level).await;
    assert_eq!(gone.outcome, ProbeOutcome::Pass, "{gone:?}");
}

#[tokio::test]
async fn dropping_stops_the_server_and_removes_the_directory() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let path = scratch.path().to_owned();
    // Also with a backend that is busy for ever.
    let session = instance.connect_any().await.unwrap();
    let busy = tokio::spawn(async move { session.client().batch_execute("select pg_sleep(1000)").await });
    let watcher = instance.connect_any().await.unwrap();
    loop {
        let n: i64 = watcher
            .client()
            .query_one("select count(*) from pg_stat_activity where query like '%1000%' and state = 'active' and pid <> pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        if n == 1 {
            break;
        }
    }
    drop(instance);
    drop(scratch);
    assert!(busy.await.unwrap().is_err());
    assert!(!path.exists());
    assert!(procfs::working_below(&path).is_empty());
}

#[tokio::test]
async fn the_superuser_may_have_an_odd_name() {
    for name in ["o'brien", "a\"b c", "ÜBER=x", "$user", "postgresql://evil/x", "-x", "/^.*$", "back\\slash"] {
        let top = top();
        let scratch = fresh(top.path(), name).await;
        let instance = start(&scratch, name).await;
        let session = instance.connect_any().await.unwrap();
        let got: String =
            session.client().query_one("select rolname::text from pg_roles where oid = 10", &[]).await.unwrap().get(0);
        assert_eq!(got, name);
        drop(session);
        assert!(scratch.teardown(Some(instance)).await.is_clean());
    }
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let admin = instance.connect_writable("postgres").await.unwrap();
    admin.client().batch_execute("create role other login superuser").await.unwrap();
    let denied = instance.door().as_role("other").open("postgres", true).await;
    let e = denied.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun);
    assert!(e.text().contains("28000"), "{e}");
    let read_only = instance.connect("postgres").await.unwrap();
    assert!(read_only.client().batch_execute("create table t ()").await.is_err());
}

#[tokio::test]
async fn a_socket_path_that_is_too_long_is_refused_at_once() {
    let top = top();
    let long = top.path().join("d".repeat(90));
    std::fs::create_dir(&long).unwrap();
    let jail = Jail::detect("postgres").await.unwrap();
    let e = Scratch::create(&long, &jail, &"shop".parse().unwrap()).await.unwrap_err();
    assert_eq!(e.code(), Code::Usage);
    assert_eq!(std::fs::read_dir(&long).unwrap().count(), 0);
}

#[tokio::test]
async fn a_directory_inside_of_another_servers_is_refused() {
    let top = top();
    let inside = top.path().join("base/scratch");
    std::fs::create_dir_all(&inside).unwrap();
    std::fs::write(top.path().join("PG_VERSION"), "15\n").unwrap();
    let jail = Jail::detect("postgres").await.unwrap();
    let e = Scratch::create(&inside, &jail, &"shop".parse().unwrap()).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun);
    assert!(e.text().contains("data directory of a server"), "{e}");
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
}

#[tokio::test]
async fn a_directory_that_the_scratch_user_cannot_reach_is_named() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let top = top();
    std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let jail = Jail::detect("postgres").await.unwrap();
    let e = Scratch::create(top.path(), &jail, &"shop".parse().unwrap()).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun);
    assert!(e.text().contains("cannot reach"), "{e}");
    assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn missing_and_wrong_programs_are_faults_of_the_host() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let mut o = options("postgres", Origin::Backup);
    o.bindir = "/nonexistent".into();
    let e = scratch.start(&o).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun, "{e}");
    std::fs::write(scratch.data_dir().join("PG_VERSION"), "14\n").unwrap();
    let e = scratch.start(&options("postgres", Origin::Backup)).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun, "{e}");
    assert!(e.text().contains("of version 15, the data of 14"), "{e}");
}

#[tokio::test]
async fn broken_data_is_the_backups_fault_only_if_it_comes_from_a_backup() {
    let top = top();
    for (file, origin, code) in [
        ("global/pg_control", Origin::Backup, Code::RestoreFailed),
        ("global/pg_filenode.map", Origin::Backup, Code::RestoreFailed),
        ("global/pg_filenode.map", Origin::Fresh, Code::CouldNotRun),
    ] {
        let scratch = fresh(top.path(), "postgres").await;
        let path = scratch.data_dir().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        // Behind the version numbers, which would say that another build wrote it.
        bytes[60] ^= 0x55;
        std::fs::write(&path, bytes).unwrap();
        let started = scratch.start(&options("postgres", origin)).await;
        match started {
            Err(e) => assert_eq!(e.code(), code, "{file}: {e}"),
            Ok(instance) => {
                // The map is read by the first session.
                assert!(instance.connect_any().await.is_err(), "{file}");
            }
        }
    }
    assert!(bindir().is_dir());
}

#[tokio::test]
async fn a_deadline_ends_the_start_and_what_was_started() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let mut o = options("postgres", Origin::Backup);
    o.deadline = std::time::Duration::ZERO;
    let e = scratch.start(&o).await.unwrap_err();
    assert_eq!(e.code(), Code::CouldNotRun);
    assert!(e.text().contains("not ready within"), "{e}");
    let done = scratch.teardown(None).await;
    assert!(done.is_clean(), "{done:?}");
}
