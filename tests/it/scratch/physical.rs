//! The checks of base backups, on a real one.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use pgseal::checks::{self, Outcome, Subject};
use pgseal::process::Tool;
use pgseal::scratch::{Origin, Scratch, sanitise};
use pgseal::source::facts::PhysicalFacts;
use pgseal::types::{Kind, Lsn};

use crate::scratch::checks::{SETUP, UNKNOWN, drill, facts, populate, taken_at};
use crate::scratch::installation::{fitting, has};
use crate::scratch::support::{Unsealed, bindir, fresh, options, top, unjailed};

fn flip(path: &Path, at: u64) {
    let mut f = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0u8];
    f.seek(SeekFrom::Start(at)).unwrap();
    f.read_exact(&mut byte).unwrap();
    f.seek(SeekFrom::Start(at)).unwrap();
    f.write_all(&[byte[0] ^ 0xff]).unwrap();
}

/// The log that a base backup needs, from its own manifest.
fn wal_range(data: &Path) -> PhysicalFacts {
    let manifest = std::fs::read(data.join("backup_manifest")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let range = &manifest["WAL-Ranges"][0];
    PhysicalFacts {
        backup_manifest_sha256: pgseal::types::Digest::of(b""),
        start_lsn: range["Start-LSN"].as_str().unwrap().parse().unwrap(),
        stop_lsn: range["End-LSN"].as_str().unwrap().parse().unwrap(),
        timeline: range["Timeline"].as_u64().unwrap().try_into().unwrap(),
        files: 0,
        bytes: 0,
        configured_by: None,
        steady: None,
    }
}

/// What the look at indexes comes to: what it should, where these programs can look.
fn indexes(bin: &Path, looked: Outcome) -> Outcome {
    match (has(bin, "14"), has(bin, "contrib")) {
        (false, _) => Outcome::NotApplicable,
        (true, false) => Outcome::NotEvaluated,
        (true, true) => looked,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_is_checked_before_while_and_after_it_runs() {
    let top = top();
    let bindir = bindir();
    let source = fresh(top.path(), "postgres").await;
    let server = Unsealed::start(
        &source.data_dir(),
        &source.path().join("tmp"),
        23458,
        &["listen_addresses=", "wal_level=replica"],
    )
    .await;
    std::fs::write(source.data_dir().join("pg_hba.conf"), "local all all trust\nlocal replication all trust\n")
        .unwrap();
    let admin = server.connect().await;
    admin.client().batch_execute("select pg_reload_conf()").await.unwrap();
    populate(&admin).await;
    let shop = server.connect_to("shop=1").await;
    shop.client().batch_execute(&fitting(&bindir, SETUP)).await.unwrap();
    shop.client()
        .batch_execute(
            "create table public.big as select g as id, repeat('x', 200) as x from generate_series(1, 2000) g; \
             create function public.f(int) returns int immutable language sql as 'select $1'; \
             create index fi on public.big (public.f(id))",
        )
        .await
        .unwrap();
    let path: String = shop.client().query_one("select pg_relation_filepath('public.big')", &[]).await.unwrap().get(0);
    let copy = Scratch::create(top.path(), source.jail(), &"shop".parse().unwrap()).await.unwrap();
    let (data, jail) = (copy.data_dir(), copy.jail().clone());
    // From one scratch directory into another: no jail sees both.
    unjailed(Tool::new(bindir.join("pg_basebackup")))
        .args([
            "-X",
            "fetch",
            "--checkpoint=fast",
            "--manifest-checksums=SHA256",
            "-U",
            "postgres",
            "-p",
            "23458",
            "-h",
        ])
        .arg(source.path().join("tmp").into_os_string())
        .arg("-D")
        .arg(data.clone().into_os_string())
        .spawn()
        .await
        .unwrap()
        .wait()
        .await
        .unwrap()
        .success(pgseal::Code::Internal, pgseal::Stage::Internal)
        .unwrap();
    drop((admin, shop));
    server.stop().await;

    // Before the start.
    let c = checks::manifest::run(&jail, &bindir, &data).await;
    assert_eq!(c.outcome, Outcome::Pass, "{c:?}");
    assert!(c.present > 500 && c.examined == c.present);
    let heap = data.join(&path);
    flip(&heap, 8192 + 4000);
    let c = checks::manifest::run(&jail, &bindir, &data).await;
    assert_eq!(c.outcome, Outcome::Finding);
    assert_eq!(c.findings[0].object, path);
    flip(&heap, 8192 + 4000);
    let hidden = data.with_file_name("hidden");
    std::fs::rename(&heap, &hidden).unwrap();
    let c = checks::manifest::run(&jail, &bindir, &data).await;
    assert_eq!((c.outcome, c.findings[0].object.as_str()), (Outcome::Finding, path.as_str()), "{c:?}");
    std::fs::rename(&hidden, &heap).unwrap();
    let c = checks::manifest::run(&jail, Path::new("/nonexistent"), &data).await;
    assert_eq!(c.outcome, Outcome::NotEvaluated);

    // While it runs.
    let physical = wal_range(&data);
    sanitise(&data, &copy.evidence_dir(), &jail).unwrap();
    let mut facts = facts();
    facts.databases[0].contents_known = false;
    facts.databases[0].tables.iter_mut().for_each(|t| (t.rows, t.digest) = (None, None));
    let mut big = facts.databases[0].tables[0].clone();
    big.name.name = "big".into();
    big.columns = vec!["id".into(), "x".into()];
    facts.databases[0].tables.push(big);
    facts.physical = Some(physical);
    let instance = copy.start(&options("postgres", Origin::Backup)).await.unwrap();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2, taken_at: taken_at() };
    let all = checks::run(&subject, Kind::Physical, &drill(&[])).await.results;
    for c in &all {
        let expected = match c.id.as_str() {
            "USR-SQL" | "USR-CANARY" | "INT-EXT-OBJECTS" | "PHY-LOOKUP" => Outcome::NotApplicable,
            id if UNKNOWN.contains(&id) => Outcome::NotEvaluated,
            "PHY-AMCHECK" => indexes(&bindir, Outcome::Pass),
            _ => Outcome::Pass,
        };
        assert_eq!(c.outcome, expected, "{c:?}");
    }
    let amcheck = all.iter().find(|c| c.id == "PHY-AMCHECK").unwrap();
    let reason = match amcheck.outcome {
        Outcome::NotEvaluated => Some("the extension amcheck is not installed on this host"),
        Outcome::NotApplicable => Some("pg_amcheck comes with PostgreSQL 14"),
        _ => None,
    };
    assert_eq!(amcheck.reason.as_deref(), reason, "{amcheck:?}");
    assert!(amcheck.present > 100 || amcheck.outcome == Outcome::NotApplicable, "{amcheck:?}");
    // The log was replayed to the end that the backup's manifest gives, and no further.
    let short = |change: &dyn Fn(&mut PhysicalFacts)| {
        let mut facts = facts.clone();
        change(facts.physical.as_mut().unwrap());
        facts
    };
    for (facts, says) in [
        (short(&|p| p.stop_lsn = Lsn(p.stop_lsn.0 + (1 << 30))), "the backup needs it up to"),
        (short(&|p| p.timeline = 2), "the copy is on timeline 1, the backup on 2"),
    ] {
        let c = checks::wal::run(&Subject { facts: &facts, ..subject }).await;
        assert_eq!(c.outcome, Outcome::Finding, "{c:?}");
        assert!(c.findings[0].message.contains(says), "{c:?}");
    }
    let mut unknown = facts.clone();
    unknown.physical = None;
    assert_eq!(checks::wal::run(&Subject { facts: &unknown, ..subject }).await.outcome, Outcome::NotEvaluated);

    // The index no longer agrees with its table.
    let shop = instance.connect_writable("shop=1").await.unwrap();
    shop.client()
        .batch_execute("create or replace function public.f(int) returns int immutable language sql as 'select -$1'")
        .await
        .unwrap();
    drop(shop);
    let c = checks::amcheck::run(&subject).await;
    assert_eq!(c.outcome, indexes(&bindir, Outcome::Finding), "{c:?}");
    assert!(c.outcome != Outcome::Finding || c.findings[0].object == "shop=1.public.fi", "{c:?}");
    // Checksums cannot be read off a running server.
    assert_eq!(checks::checksums::run(&jail, &bindir, &data).await.outcome, Outcome::Error);
    instance.stop().await.unwrap();

    // After it.
    let c = checks::checksums::run(&jail, &bindir, &data).await;
    assert_eq!(c.outcome, Outcome::Pass, "{c:?}");
    assert!(c.present > 1000);
    flip(&heap, 8192 + 4000);
    let c = checks::checksums::run(&jail, &bindir, &data).await;
    assert_eq!((c.outcome, c.findings.len()), (Outcome::Finding, 1), "{c:?}");

    // A damaged page is found by reading too.
    let instance = copy.start(&options("postgres", Origin::Backup)).await.unwrap();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 2, taken_at: taken_at() };
    let (c, _) = checks::read::run(&subject).await;
    assert_eq!(c.outcome, Outcome::Finding, "{c:?}");
    assert!(c.findings[0].object.ends_with("public.big") && c.findings[0].message.contains("XX001"), "{c:?}");
    let c = checks::amcheck::run(&subject).await;
    assert_eq!(c.outcome, indexes(&bindir, Outcome::Finding), "{c:?}");
    assert!(copy.teardown(Some(instance)).await.is_clean());
}
