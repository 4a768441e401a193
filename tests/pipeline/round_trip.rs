use std::process::Command;

use pgseal::Code;

use crate::world::{World, bytes};

#[tokio::test(flavor = "multi_thread")]
async fn every_size_around_the_part_size_comes_back() {
    let part = 64 * 1024;
    for len in [1, part - 1, part, part + 1, 3 * part, 10 * part + 7] {
        let w = World::new();
        let plain = bytes(len, len as u64);
        let parts = w.sealed(&plain, part).await;
        assert_eq!(parts.len(), len.div_ceil(part), "{len}");
        assert!(parts[..parts.len() - 1].iter().all(|p| p.1.plain_bytes == part as u64));
        assert!(w.read(parts).await.unwrap() == plain, "{len}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_stream_has_no_parts() {
    let w = World::new();
    assert_eq!(w.sealed(b"", 1024).await.len(), 0);
    assert!(w.memory.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_age_and_zstd_open_what_we_seal() {
    let w = World::new();
    let plain = bytes(300_000, 1);
    let parts = w.sealed(&plain, 100_000).await;
    let dir = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    for (key, _) in &parts {
        let sealed = dir.path().join("part");
        let mut stored = Vec::new();
        w.store().get(key, 1 << 20, &mut stored).await.unwrap();
        std::fs::write(&sealed, &stored).unwrap();
        let out = Command::new("sh")
            .arg("-c")
            .arg("age -d -i \"$1\" \"$2\" | zstd -dc --memory=128MB")
            .args(["sh".as_ref(), w.identity_file.as_os_str(), sealed.as_os_str()])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        found.extend(out.stdout);
    }
    assert!(found == plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tap_sees_every_byte_in_order_and_can_refuse() {
    let w = World::new();
    let plain = bytes(500_000, 2);
    let mut seen = Vec::new();
    let writer = w.writer(64 * 1024);
    let take = |b: &[u8]| {
        seen.extend_from_slice(b);
        Ok(())
    };
    let unproven = writer.stream(&plain[..], World::key, take, &w.progress).await.unwrap();
    assert_eq!(unproven.plain_bytes(), 500_000);
    assert!(seen == plain);

    let refuse = |_: &[u8]| Err(pgseal::Error::new(Code::DumpFailed, pgseal::Stage::Dump, "not a dump"));
    let e = w.writer(64 * 1024).stream(&plain[..], World::key, refuse, &w.progress).await.unwrap_err();
    assert_eq!(e.code(), Code::DumpFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_says_nothing_ends_the_run() {
    let w = World::new();
    let options = pgseal::pipeline::writer::Options {
        part_bytes: 1024,
        level: 1,
        workers: 1,
        streams: 1,
        uploads: 1,
        idle_timeout: std::time::Duration::from_millis(50),
    };
    let writer = pgseal::pipeline::Writer::start(w.store(), w.recipients.clone(), options).unwrap();
    let (_keep_open, silent) = tokio::io::duplex(64);
    let e = writer.stream(silent, World::key, |_| Ok(()), &w.progress).await.unwrap_err();
    assert_eq!(e.code(), Code::Deadline);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_is_a_conflict_and_not_overwritten() {
    let w = World::new();
    w.memory.tamper(World::key(1).as_str(), &b"theirs"[..]);
    let e = w.write(b"ours", 1024).await.unwrap_err();
    assert_eq!(e.code(), Code::CommitConflict);
    assert_eq!(w.memory.lose(World::key(1).as_str()).unwrap(), &b"theirs"[..]);
}
