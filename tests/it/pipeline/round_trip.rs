use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pgseal::Code;
use pgseal::pipeline::Writer;
use pgseal::pipeline::writer::Options;
use pgseal::store::memory::MemoryStore;
use pgseal::store::{Key, ObjectMeta, Page, Store, StoreError};
use pgseal::types::Digest;

use crate::pipeline::world::{World, bytes};

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

/// A server that takes its time, and is not known to check what it is sent.
#[derive(Debug)]
struct Doubtful(Arc<MemoryStore>);

#[async_trait::async_trait]
impl Store for Doubtful {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn checks_bodies(&self) -> bool {
        false
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        // Meanwhile the next parts are sealed, and wait for their turn.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.0.put_new(key, body, digest).await
    }

    async fn get(&self, key: &Key, limit: u64, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.0.get(key, limit, out).await
    }

    async fn peek(&self, key: &Key, most: u64, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.0.peek(key, most, out).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        self.0.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        self.0.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }

    async fn now(&self) -> Result<jiff::Timestamp, StoreError> {
        self.0.now().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parts_reach_a_store_that_is_slower_than_the_source() {
    let w = World::new();
    let plain = bytes(30 * 4096, 3);
    for (workers, uploads) in [(1, 1), (2, 4)] {
        let memory = Arc::new(MemoryStore::new());
        let options =
            Options { part_bytes: 4096, level: 1, workers, streams: 1, uploads, idle_timeout: Duration::from_secs(30) };
        let writer = Writer::start(Arc::new(Doubtful(Arc::clone(&memory))), w.recipients.clone(), options).unwrap();
        let work = writer.stream(&plain[..], World::key, |_| Ok(()), &w.progress);
        let stored = tokio::time::timeout(Duration::from_secs(30), work).await.expect("the parts wait for each other");
        assert_eq!((stored.unwrap().plain_bytes(), memory.keys().len()), (30 * 4096, 30));
    }
}
