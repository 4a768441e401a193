//! Base backups: what the tap demands of the tar.

use std::collections::BTreeMap;
use std::io::Read as _;

use pgseal::config::schema::FileChecksums;
use pgseal::source::facts::PhysicalFacts;
use pgseal::source::{BaseTap, ConnParams, PgBin, StreamRole, Tapped, physical};
use pgseal::types::Digest;
use pgseal::{Code, Error, Stage};
use tokio::io::AsyncReadExt as _;

use crate::source::pg::{PgServer, bindir, major};

fn conn(server: &PgServer) -> ConnParams {
    ConnParams::for_socket(server.socket_dir(), server.port(), "postgres", "postgres")
}

fn tapped(bytes: &[u8], step: impl FnMut() -> usize) -> Result<PhysicalFacts, Error> {
    match crate::source::tapped::tapped(Box::new(BaseTap::default()), bytes, step)? {
        Tapped::Base(facts) => Ok(facts),
        other => panic!("{other:?}"),
    }
}

/// The tar without some members, or with one changed.
fn rebuilt(bytes: &[u8], mut change: impl FnMut(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut header = entry.header().clone();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some(content) = change(&name, content) {
            header.set_size(content.len() as u64);
            header.set_cksum();
            out.append(&header, content.as_slice()).unwrap();
        }
    }
    out.into_inner().unwrap()
}

#[tokio::test]
async fn a_base_backup_is_whole_or_refused() {
    let server = PgServer::start(&bindir(), &[("wal_level", "replica")]);
    let bin = PgBin::find(Some(server.bindir()), major()).await.unwrap();
    let private = tempfile::tempdir().unwrap();
    server.psql("postgres", "CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g");
    let session = conn(&server).connect("test").await.unwrap();
    physical::preflight(&session).await.unwrap();
    assert!(physical::estimated_bytes(&session).await.unwrap() > 1_000_000);
    let hold = physical::hold_wal(&conn(&server)).await.unwrap();
    assert!(hold.is_whole().await.unwrap());
    let slots =
        "SELECT string_agg(slot_name, ',') FROM pg_replication_slots WHERE temporary AND restart_lsn IS NOT NULL";
    assert_eq!(server.psql("postgres", slots), hold.slot());

    let stream = physical::stream(&bin, &conn(&server), private.path(), FileChecksums::default()).unwrap();
    assert_eq!((stream.role, stream.database.as_deref()), (StreamRole::Base, None));
    let mut tap = stream.tap;
    let mut child = stream.tool.spawn().await.unwrap();
    let mut bytes = Vec::new();
    child.take_stdout().unwrap().read_to_end(&mut bytes).await.unwrap();
    child.wait().await.unwrap().success(Code::DumpFailed, Stage::Basebackup).unwrap();
    tap.push(&bytes).unwrap();
    let Tapped::Base(facts) = tap.finish().unwrap() else { panic!() };

    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if entry.header().entry_type().is_file() {
            members.insert(entry.path().unwrap().display().to_string(), content);
        }
    }
    assert_eq!(facts.files, members.len() as u64);
    assert_eq!(facts.bytes, members.values().map(|c| c.len() as u64).sum::<u64>());
    assert_eq!(facts.backup_manifest_sha256, Digest::of(&members["backup_manifest"]));
    assert_eq!(facts.timeline, 1);
    assert!(String::from_utf8_lossy(&members["backup_label"]).contains(&facts.start_lsn.to_string()));
    assert!(facts.stop_lsn > facts.start_lsn);

    let algorithm = |manifest: &[u8], name: &str| {
        let text = String::from_utf8_lossy(manifest);
        text.matches(&format!("\"Checksum-Algorithm\": \"{name}\"")).count()
    };
    assert!(algorithm(&members["backup_manifest"], "SHA256") > 900);
    assert_eq!(algorithm(&members["backup_manifest"], "CRC32C"), 0);

    // The cheaper checksums when asked for, with as much looked at.
    let stream = physical::stream(&bin, &conn(&server), private.path(), FileChecksums::Crc32c).unwrap();
    let mut tap = stream.tap;
    let (exit, cheap) = stream.tool.spawn().await.unwrap().output(1 << 30).await.unwrap();
    exit.success(Code::DumpFailed, Stage::Basebackup).unwrap();
    tap.push(&cheap).unwrap();
    assert!(matches!(tap.finish().unwrap(), Tapped::Base(f) if f.files == facts.files));
    let at = memchr::memmem::rfind(&cheap, b"PostgreSQL-Backup-Manifest-Version").unwrap();
    assert!(algorithm(&cheap[at..], "CRC32C") > 900 && algorithm(&cheap[at..], "SHA256") == 0);

    let mut random = fastrand::Rng::with_seed(3);
    for most in [513, 70_000, 5_000_000] {
        assert_eq!(tapped(&bytes, || random.usize(1..=most)).unwrap(), facts);
    }
    // Before 15 the end mark is shorter by the manifest's padding.
    let last = if major() < 15 { bytes.len() - 1024 } else { bytes.len() - 1 };
    for n in [0, 100, 512, bytes.len() / 2, bytes.len() - 2000, bytes.len() - 1024, last] {
        assert_eq!(tapped(&bytes[..n], || 65_536).unwrap_err().code(), Code::DumpFailed, "cut after {n}");
    }
    assert!(tapped(&rebuilt(&bytes, |_, c| Some(c)), || 65_536).is_ok());
    for (gone, said) in [
        ("backup_label", "backup_label"),
        ("backup_manifest", "backup_manifest"),
        ("PG_VERSION", "PG_VERSION"),
        ("global/pg_control", "pg_control"),
        ("pg_wal/0", "WAL"),
    ] {
        let without = rebuilt(&bytes, |name, c| (!name.starts_with(gone)).then_some(c));
        let e = tapped(&without, || 65_536).unwrap_err();
        assert!(e.code() == Code::DumpFailed && e.to_string().contains(said), "{gone}: {e}");
    }
    let bent = rebuilt(&bytes, |name, mut c| {
        if name == "backup_manifest" {
            c[500] ^= 1;
        }
        Some(c)
    });
    assert!(tapped(&bent, || 65_536).unwrap_err().to_string().contains("checksum"));
    let garbage = [b"not a tar ".repeat(100), bytes.clone()].concat();
    assert!(tapped(&garbage, || 65_536).unwrap_err().to_string().contains("not a tar"));

    // The slot is gone with its session.
    drop(hold);
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !server.psql("postgres", slots).is_empty() {
        assert!(std::time::Instant::now() < give_up, "the slot lives on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused_before_anything_starts() {
    let mut server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "CREATE ROLE plain LOGIN");
    let refused = async |conn: ConnParams| {
        let session = conn.connect("test").await.unwrap();
        let e = physical::preflight(&session).await.unwrap_err();
        assert_eq!(e.code(), Code::SourceUnusable);
        assert!(e.next_step().is_some());
        e.to_string()
    };
    assert!(refused(conn(&server).with_user("plain")).await.contains("may not replicate"));
    assert_eq!(physical::hold_wal(&conn(&server).with_user("plain")).await.unwrap_err().code(), Code::SourceUnusable);
    let dir = server.make_dir("space");
    server.psql("postgres", &format!("CREATE TABLESPACE \"ex tra\" LOCATION '{}'", dir.display()));
    assert!(refused(conn(&server)).await.contains("ex tra"));
    server.psql("postgres", "DROP TABLESPACE \"ex tra\"");
    server.restart(&[("wal_level", "minimal"), ("max_wal_senders", "0")]);
    assert!(refused(conn(&server)).await.contains("minimal"));
    server.restart(&[("max_wal_senders", "0")]);
    assert!(refused(conn(&server)).await.contains("max_wal_senders"));
}
