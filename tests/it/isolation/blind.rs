//! A probe that cannot look says so, and is no pass.

use std::path::Path;

use pgseal::scratch::probe::{self, Outside, ProbeOutcome, Target};

use crate::isolation::sealed::{key_file, root};
use crate::isolation::support::{bindir, fresh, start, top};

#[tokio::test(flavor = "multi_thread")]
async fn each_probe_that_cannot_look_is_not_evaluated() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let session = instance.connect_any().await.unwrap();
    let outside = Outside { source: None, key_files: vec![key_file(top.path())] };
    let (bindir, data_dir) = (bindir(), scratch.data_dir());
    let nowhere = Path::new("/nonexistent/pgseal-x");
    let good = Target {
        pid: instance.pid(),
        major: instance.major(),
        settings: instance.settings(),
        asked: instance.settings().len(),
        client: session.client(),
        superuser: "postgres",
        level: scratch.jail().level,
        scratch: scratch.path(),
        data_dir: &data_dir,
        socket_dir: instance.socket_dir(),
        port: instance.port(),
        bindir: &bindir,
        outside: &outside,
    };
    // A session of no rights, and one that is over.
    let weak = instance.connect_any().await.unwrap();
    weak.client().batch_execute("set role pg_monitor").await.unwrap();
    let dead = instance.connect_any().await.unwrap();
    let pid: i32 = dead.client().query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    session.client().query_one("select pg_terminate_backend($1)", &[&pid]).await.unwrap();
    assert!(dead.client().batch_execute("select 1").await.is_err());

    let mut psql = vec!["ISO-006", "ISO-007"];
    // An ordinary user infers from modes and needs no program.
    psql.extend(root().then_some("ISO-008"));
    let inside = ["ISO-006", "ISO-007", "ISO-011", "ISO-012", "ISO-017"];
    let all_inside = |more: &[&'static str]| [more, &inside[..]].concat();
    let cases = [
        ("nothing was asked", Target { asked: 0, ..good }, vec!["ISO-001"]),
        ("no sealed settings", Target { settings: &[], ..good }, vec!["ISO-001"]),
        (
            "a dead session",
            Target { client: dead.client(), ..good },
            all_inside(&["ISO-001", "ISO-002", "ISO-009", "ISO-010"]),
        ),
        ("a weak session", Target { client: weak.client(), ..good }, all_inside(&["ISO-010"])),
        (
            "no process",
            Target { pid: i32::MAX, ..good },
            vec!["ISO-003", "ISO-004", "ISO-005", "ISO-009", "ISO-012", "ISO-017"],
        ),
        ("no psql", Target { bindir: nowhere, ..good }, psql),
        ("no data", Target { data_dir: nowhere, ..good }, all_inside(&["ISO-002", "ISO-003", "ISO-010"])),
        ("no canary", Target { scratch: nowhere, ..good }, vec!["ISO-002", "ISO-003", "ISO-006", "ISO-007", "ISO-011"]),
        ("no socket", Target { socket_dir: nowhere, ..good }, vec!["ISO-008"]),
    ];
    for (what, target, ids) in cases {
        let told = probe::run_on(target).await;
        for id in ids {
            let p = told.iter().find(|p| p.id == id).unwrap();
            assert_eq!(p.outcome, ProbeOutcome::NotEvaluated, "{what}: {p:?}");
            assert!(!p.evidence.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_hangs_inside_is_waited_for_no_longer_than_need_be() {
    let top = top();
    let scratch = fresh(top.path(), "postgres").await;
    let instance = start(&scratch, "postgres").await;
    let session = instance.connect_any().await.unwrap();
    // A program that the server's user can run, where psql should be.
    let hangs = scratch.data_dir().join("psql");
    std::fs::write(&hangs, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&hangs, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    scratch.jail().give(&hangs).unwrap();
    let (data_dir, outside) = (scratch.data_dir(), Outside::default());
    let began = std::time::Instant::now();
    let told = probe::run_on(Target {
        pid: instance.pid(),
        major: instance.major(),
        settings: instance.settings(),
        asked: instance.settings().len(),
        client: session.client(),
        superuser: "postgres",
        level: scratch.jail().level,
        scratch: scratch.path(),
        data_dir: &data_dir,
        socket_dir: instance.socket_dir(),
        port: instance.port(),
        bindir: &data_dir,
        outside: &outside,
    })
    .await;
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    for id in ["ISO-006", "ISO-007", "ISO-011"] {
        let p = told.iter().find(|p| p.id == id).unwrap();
        assert_eq!(p.outcome, ProbeOutcome::NotEvaluated, "{p:?}");
        assert!(p.evidence.contains("ended within 10 s"), "{p:?}");
    }
    // What hangs does not outlive the instance.
    let trace = probe::Trace::of(&scratch, Some(&instance));
    let level = scratch.jail().level;
    drop(instance);
    let done = scratch.teardown(None).await;
    let gone = probe::gone(&done, &trace, level).await;
    assert_eq!(gone.outcome, ProbeOutcome::Pass, "{gone:?}");
}
