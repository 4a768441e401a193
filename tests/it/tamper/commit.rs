//! The commit against other writers and against stores that do not keep their word.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use pgseal::backup::{Job, Outcome};
use pgseal::catalog::Reading;
use pgseal::manifest::chain;
use pgseal::store::fault::{Calls, Fault, Faulty, Op, Rule, When};
use pgseal::store::memory::MemoryStore;
use pgseal::store::retry::{Policy, Retrying};
use pgseal::store::{Key, ObjectMeta, Page, SharedStore, Store, StoreError, layout};
use pgseal::types::{Digest, Kind, Silent, SourceName};
use pgseal::{Code, Result};

use crate::tamper::flow::World;
use crate::tamper::pg::{self, PgServer};

/// When somebody else acts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    Put,
}

type Act = Box<dyn Fn(&Key) + Send + Sync>;

/// A store in which somebody acts just before our manifest gets there.
struct Meanwhile {
    inner: SharedStore,
    at: At,
    act: Act,
    /// Says that the slot is taken, although it was by this very put.
    echo: bool,
}

fn is_manifest(key: &Key) -> bool {
    let read = layout::read_manifest_key(&"shop".parse().unwrap(), key.as_str());
    matches!(read, Some(layout::ManifestObject::Manifest { .. }))
}

impl Meanwhile {
    fn acts(&self, at: At, key: &Key) {
        if self.at == at && is_manifest(key) {
            (self.act)(key);
        }
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

#[async_trait]
impl Store for Meanwhile {
    fn describe(&self) -> String {
        "meanwhile".into()
    }

    fn checks_bodies(&self) -> bool {
        true
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        self.acts(At::Put, key);
        if self.echo && is_manifest(key) {
            self.inner.put_new(key, body.clone(), digest).await?;
        }
        self.inner.put_new(key, body, digest).await
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        self.inner.get(key, limit, into).await
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        self.inner.peek(key, most, into).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        self.acts(At::Head, key);
        self.inner.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        self.inner.list(prefix, after).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn now(&self) -> Result<jiff::Timestamp, StoreError> {
        self.inner.now().await
    }
}

/// Another host: its own memory of what it saw.
struct Host<'a> {
    world: &'a World,
    reading: Reading,
    accept_new_system: bool,
}

impl<'a> Host<'a> {
    fn new(world: &'a World, name: &str, store: SharedStore) -> Self {
        let reading = Reading { store, state_dir: world.dir.path().join(name), ..world.reading.clone() };
        Self { world, reading, accept_new_system: false }
    }

    async fn backup(&self) -> Result<Outcome> {
        let w = self.world;
        Job {
            name: w.name.clone(),
            source: &w.source,
            kind: Kind::Logical,
            label: None,
            reading: self.reading.clone(),
            recipients: Arc::clone(&w.recipients),
            signer: Arc::clone(&w.signer),
            pg_bindir: None,
            env: &|_| None,
            accept_new_system: self.accept_new_system,
            progress: Arc::new(Silent),
        }
        .run()
        .await
    }

    async fn code(&self) -> Code {
        let progress = Arc::new(Silent) as pgseal::types::event::Progress;
        let depth = self.world.with_identity();
        pgseal::verify::source(&self.reading, &self.world.name, |_| true, &depth, &progress).await.unwrap().code()
    }
}

fn slot(n: u64) -> String {
    layout::manifest(&"shop".parse::<SourceName>().unwrap(), n).to_string()
}

fn skipped(o: &Outcome) -> Vec<u64> {
    let listed = o.manifest.x.get(chain::SKIPPED).and_then(|v| v.as_array()).cloned().unwrap_or_default();
    listed.iter().map(|v| v.as_u64().unwrap()).collect()
}

/// Everything a host committed in one slot, to be put back later.
fn take_away(memory: &MemoryStore, n: u64) -> Vec<(String, Bytes)> {
    let start = slot(n).trim_end_matches("json").to_owned();
    let keys = memory.keys().into_iter().filter(|k| k.starts_with(&start));
    keys.map(|k| (k.clone(), memory.lose(&k).unwrap())).collect()
}

fn start() -> (PgServer, World) {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server, Kind::Logical);
    (server, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_and_one_slot() {
    let (_server, w) = start();
    let memory = Arc::clone(&w.memory);
    let shared = || Arc::clone(&memory) as SharedStore;
    let (a, b) = (Host::new(&w, "a", shared()), Host::new(&w, "b", shared()));
    let (one, two) = tokio::join!(a.backup(), b.backup());
    let mut seqs = [one.unwrap().manifest.seq, two.unwrap().manifest.seq];
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2]);
    assert_eq!((a.code().await, b.code().await), (Code::Done, Code::Done));

    // The other host is first by a hair: before we look, and between the look and the put.
    for (at, n) in [(At::Head, 3), (At::Put, 5)] {
        let theirs = b.backup().await.unwrap().manifest;
        let objects = take_away(&memory, n);
        let back = Arc::clone(&memory);
        let act = Box::new(move |key: &Key| {
            if key.as_str() == slot(n) {
                for (k, v) in &objects {
                    back.tamper(k, v.clone());
                }
            }
        });
        let racing = Host::new(&w, "a", Arc::new(Meanwhile { inner: shared(), at, act, echo: false }));
        let ours = racing.backup().await.unwrap();
        assert_eq!((ours.manifest.seq, ours.manifest.prev_seq, skipped(&ours)), (n + 1, Some(theirs.seq), vec![]));
        assert_eq!((a.code().await, b.code().await), (Code::Done, Code::Done), "{n}");
    }

    // Junk in every slot we try, the moment we try it: eight times, then 33.
    let (tried, junk) = (Arc::new(AtomicU32::new(0)), Arc::clone(&memory));
    let count = Arc::clone(&tried);
    let act = Box::new(move |key: &Key| {
        count.fetch_add(1, Ordering::Relaxed);
        junk.tamper(key.as_str(), b"junk".to_vec());
    });
    let beaten = Host::new(&w, "a", Arc::new(Meanwhile { inner: shared(), at: At::Put, act, echo: false }));
    let e = beaten.backup().await.unwrap_err();
    assert_eq!((e.code(), tried.load(Ordering::Relaxed)), (Code::CommitConflict, 8));
    assert_eq!(a.code().await, Code::Untrusted);
    // The next run goes behind all of it, says so, and all is well again.
    let next = a.backup().await.unwrap();
    assert_eq!((next.manifest.seq, next.manifest.prev_seq, skipped(&next)), (15, Some(6), (7..15).collect()));
    assert!(!next.warnings.is_empty());
    assert_eq!((a.code().await, b.code().await), (Code::Done, Code::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_in_slots_stops_nothing_and_forgives_nothing() {
    let (_server, w) = start();
    let memory = Arc::clone(&w.memory);
    let host = Host::new(&w, "a", Arc::clone(&memory) as SharedStore);
    assert_eq!(host.backup().await.unwrap().warnings, Vec::<String>::new());
    for n in (2..102).chain([9_999_999_999]) {
        memory.tamper(&slot(n), format!("junk {n}").into_bytes());
    }
    let done = host.backup().await.unwrap();
    assert_eq!((done.manifest.seq, done.manifest.prev_seq, skipped(&done)), (102, Some(1), (2..102).collect()));
    assert!(!done.warnings.is_empty());
    assert_eq!(host.code().await, Code::Untrusted, "the far one is not between two backups");
    memory.lose(&slot(9_999_999_999));
    assert_eq!(host.code().await, Code::Done);

    // The manifest of a backup that this host saw is no junk when it is damaged:
    // the next backup is made, but does not make the alarm go away.
    let good = memory.lose(&slot(102)).unwrap();
    memory.tamper(&slot(102), b"junk".to_vec());
    let after = host.backup().await.unwrap();
    assert_eq!((after.manifest.seq, after.manifest.prev_seq, skipped(&after)), (103, Some(1), vec![]));
    assert_eq!(host.code().await, Code::Untrusted);
    memory.tamper(&slot(102), good.clone());
    assert_eq!(host.code().await, Code::History, "two with one predecessor");
    // Nor when it is gone.
    memory.lose(&slot(103));
    let after = host.backup().await.unwrap();
    assert_eq!((after.manifest.seq, after.manifest.prev_seq), (104, Some(102)));
    assert_eq!(host.code().await, Code::History);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lies_is_found_out() {
    let (_server, w) = start();
    let memory = Arc::clone(&w.memory);
    let shared = || Arc::clone(&memory) as SharedStore;
    let host = Host::new(&w, "a", shared());
    host.backup().await.unwrap();

    // The reply to the put is lost: once it is ours on the second look, once on the first.
    let faulty = Faulty::new(shared()).with(Rule::new(Calls::On(Op::Put, slot(2)), When::Nth(1), Fault::LoseReply));
    let retrying = Retrying::new(faulty, Arc::new(Silent), Policy::default());
    assert_eq!(Host::new(&w, "a", Arc::new(retrying)).backup().await.unwrap().manifest.seq, 2);
    let echo = Meanwhile { inner: shared(), at: At::Put, act: Box::new(|_| ()), echo: true };
    assert_eq!(Host::new(&w, "a", Arc::new(echo)).backup().await.unwrap().manifest.seq, 3);
    assert_eq!(w.catalog().await.entries.len(), 3, "nothing was committed twice");
    assert_eq!(host.code().await, Code::Done);
    // Nobody repeats: an error, and a complete manifest.
    let faulty = Faulty::new(shared()).with(Rule::new(Calls::On(Op::Put, slot(4)), When::Nth(1), Fault::LoseReply));
    let e = Host::new(&w, "a", Arc::new(faulty)).backup().await.unwrap_err();
    assert_eq!((e.code(), host.code().await, w.head().await.manifest.seq), (Code::StoreUnavailable, Code::Done, 4));

    // What is given back is not what was stored.
    let sig = "0000000005.".to_owned();
    for (n, text, fault) in [
        (5, slot(5), Fault::FlipByte(40)),
        (6, slot(6), Fault::Truncate(100)),
        (7, slot(7), Fault::OtherObject(Key::parse(&slot(1)).unwrap())),
        (8, sig.replace('5', "8"), Fault::FlipByte(100)),
    ] {
        let faulty = Faulty::new(shared()).with(Rule::new(Calls::On(Op::Get, text), When::Always, fault.clone()));
        let e = Host::new(&w, "a", Arc::new(faulty)).backup().await.unwrap_err();
        assert_eq!(e.code(), Code::Corrupt, "{fault:?}: {e}");
        assert!(e.object().unwrap().contains(&format!("{n:010}.")) && e.text().contains("gives back another"), "{e}");
    }

    // A store that replaces what is there. We look before we put …
    let theirs = host.backup().await.unwrap().manifest;
    assert_eq!(theirs.seq, 9);
    let objects = take_away(&memory, 9);
    for at in [At::Head, At::Put] {
        // Host "a" has seen slot 9; "c" has not, and would take it.
        let (objects, back) = (objects.clone(), Arc::clone(&memory));
        let act = Box::new(move |key: &Key| {
            if key.as_str() == slot(9) {
                for (k, v) in &objects {
                    back.tamper(k, v.clone());
                }
            }
        });
        let weak = Faulty::new(shared()).with(Rule::new(Calls::Of(Op::Put), When::Always, Fault::IgnoreCreateOnly));
        let racing = Host::new(&w, "c", Arc::new(Meanwhile { inner: Arc::new(weak), at, act, echo: false }));
        let ours = racing.backup().await.unwrap().manifest.seq;
        if at == At::Head {
            assert_eq!((ours, host.code().await), (10, Code::Done));
            take_away(&memory, 10);
            take_away(&memory, 9);
            std::fs::remove_dir_all(w.dir.path().join("c/witness")).unwrap();
            // As before both runs.
            std::fs::remove_dir_all(w.dir.path().join("a/witness")).unwrap();
            objects_back(&memory, &theirs, &host).await;
        } else {
            // … and where that is too late, whoever was replaced finds out.
            assert_eq!((ours, host.code().await), (9, Code::History));
        }
    }
}

/// Host "a" sees its own backup in slot 9 once more, which then vanishes again.
async fn objects_back(memory: &MemoryStore, theirs: &pgseal::manifest::Manifest, host: &Host<'_>) {
    let again = host.backup().await.unwrap().manifest;
    assert_eq!((again.seq, again.prev_seq), (theirs.seq, theirs.prev_seq));
    take_away(memory, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_that_lag_and_systems_that_change() {
    let (server, mut w) = start();
    let memory = Arc::clone(&w.memory);
    let shared = || Arc::clone(&memory) as SharedStore;
    let host = Host::new(&w, "a", shared());
    host.backup().await.unwrap();
    // Taken, but not listed: to go behind it would fork the chain.
    host.backup().await.unwrap();
    let hiding = Rule::new(Calls::Of(Op::List), When::Always, Fault::HideFromListing("0000000002".into()));
    let e = Host::new(&w, "b", Arc::new(Faulty::new(shared()).with(hiding))).backup().await.unwrap_err();
    assert_eq!((e.code(), e.object()), (Code::StoreUnavailable, Some(slot(2).as_str())), "{e}");
    assert_eq!(host.code().await, Code::Done);

    let other = PgServer::start(&pg::bindir(), &[]);
    assert_ne!(server.data_dir(), other.data_dir());
    w.source.connection = other.conninfo();
    let mut host = Host::new(&w, "a", shared());
    let before = memory.keys();
    let e = host.backup().await.unwrap_err();
    assert_eq!(e.code(), Code::History);
    assert!(e.next_step().unwrap().contains("--accept-new-system"));
    assert_eq!(memory.keys(), before, "nothing was stored");
    host.accept_new_system = true;
    assert_eq!(host.backup().await.unwrap().manifest.seq, 3);
    assert_eq!(host.code().await, Code::Done);
    host.accept_new_system = false;
    assert_eq!(host.backup().await.unwrap().manifest.seq, 4);

    // A clock that would make a backup which nobody can use is refused before, and one that is
    // a little off is told.
    let off = |by: jiff::SignedDuration| {
        let rule = Rule::new(Calls::Of(Op::Now), When::Always, Fault::ClockOff(by));
        Host::new(&w, "a", Arc::new(Faulty::new(shared()).with(rule)))
    };
    let before = memory.keys();
    let e = off(jiff::SignedDuration::from_hours(-3)).backup().await.unwrap_err();
    assert_eq!(e.code(), Code::Refused, "{e}");
    assert!(e.next_step().unwrap().contains("timedatectl"));
    assert_eq!(memory.keys(), before, "nothing was stored");
    let done = off(jiff::SignedDuration::from_mins(20)).backup().await.unwrap();
    assert!(done.warnings.iter().any(|w| w.contains("this host's clock says")), "{:?}", done.warnings);
    assert_eq!(host.code().await, Code::Done);
}
