//! The cases, one function each.

use std::fmt;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::{Capabilities, Case, Verdict};
use crate::store::{Key, Store, StoreError, layout, list_all};
use crate::types::event::{Event, Observer};
use crate::types::{Digest, shown};

/// Writers that race for one key.
const RACERS: usize = 16;
/// Objects of the deep listing: more than a page of S3 or of a directory.
const MANY: usize = 1_100;
/// Puts under way at once in the deep listing.
pub(super) const AT_ONCE: usize = 16;
/// More than this off is a finding (THREATS: freshness is judged by the store's clock).
const SKEW: SignedDuration = SignedDuration::from_mins(5);
const MIB: usize = 1024 * 1024;

/// Why a case did not pass.
pub(super) enum Failed {
    Broken(String),
    /// No promise is broken: there was no room to look at it.
    Full(String),
    Unknown(String),
}

pub(super) type Outcome = std::result::Result<(), Failed>;

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        match e {
            // The credential's limits are no fault of the store.
            StoreError::Denied(_) => Self::Unknown(shown(&e.to_string()).into_owned()),
            StoreError::NoSpace(_) => Self::Full(shown(&e.to_string()).into_owned()),
            e => Self::Broken(shown(&e.to_string()).into_owned()),
        }
    }
}

pub(super) fn broken<T>(reason: impl fmt::Display) -> std::result::Result<T, Failed> {
    Err(Failed::Broken(shown(&reason.to_string()).into_owned()))
}

fn ensure(holds: bool, otherwise: impl fmt::Display) -> Outcome {
    if holds { Ok(()) } else { broken(otherwise) }
}

/// One run, with what it has seen so far.
pub struct Suite<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) run: &'a str,
    observer: &'a dyn Observer,
    pub cases: Vec<Case>,
    pub seen: Capabilities,
    /// Whether there was no room for a canary.
    pub full: bool,
    /// Keys that may exist now.
    pub(super) made: Vec<Key>,
}

impl<'a> Suite<'a> {
    pub fn new(store: &'a dyn Store, run: &'a str, observer: &'a dyn Observer) -> Self {
        Self { store, run, observer, cases: Vec::new(), seen: Capabilities::default(), full: false, made: Vec::new() }
    }

    /// Whether anything works at all.
    pub async fn first_put(&mut self) -> std::result::Result<(), StoreError> {
        let body = body("first", 1);
        self.put(&self.key("first"), &body).await
    }

    /// Every case but the clean-up.
    pub async fn all(&mut self, deep: bool) {
        // What does not pass a whole check must not look as if it had.
        let outcome = self.round_trips().await;
        self.note("put and get", outcome);
        let outcome = self.create_only().await;
        let second = outcome.is_ok();
        self.note("create only: a second put is refused", outcome);
        let outcome = self.identical().await;
        let identical = outcome.is_ok();
        self.note("create only: also with the same bytes", outcome);
        let outcome = self.race().await;
        let race = outcome.is_ok();
        self.note("create only: one of 16 writers wins", outcome);
        self.seen.create_only = second && identical && race;
        let outcome = self.limits().await;
        self.note("get stops at the limit", outcome);
        let outcome = self.first_bytes().await;
        self.note("peek gives the first bytes", outcome);
        let outcome = self.missing().await;
        self.note("a missing object is named as missing", outcome);
        let outcome = self.head().await;
        self.note("head gives size and time", outcome);
        let outcome = self.listing().await;
        self.note("list is sorted and complete after puts", outcome);
        let outcome = self.prefix().await;
        self.note("list honours the prefix", outcome);
        if deep {
            let outcome = self.many().await;
            self.note("list goes on over pages", outcome);
        }
        let outcome = self.contradiction().await;
        self.note("checks of bodies are as declared", outcome);
        let outcome = self.clock().await;
        self.note("the clock agrees within 5 minutes", outcome);
        let outcome = self.delete().await;
        self.seen.can_delete = outcome.is_ok();
        self.note("delete removes", outcome);
        let outcome = self.delete_missing().await;
        self.note("delete of a missing object is no error", outcome);
    }

    pub(super) fn note(&mut self, name: &'static str, outcome: Outcome) {
        let verdict = match outcome {
            Ok(()) => Verdict::Pass,
            Err(Failed::Full(reason)) => {
                self.full = true;
                Verdict::Fail { reason }
            }
            Err(Failed::Broken(reason)) => Verdict::Fail { reason },
            Err(Failed::Unknown(reason)) => Verdict::NotEvaluated { reason },
        };
        self.cases.push(Case { name, verdict });
        self.observer.event(Event::Advanced { bytes: 0 });
    }

    fn key(&self, name: &str) -> Key {
        layout::canary(self.run, name)
    }

    /// The key counts as made whatever the answer: a lost reply leaves an object too.
    async fn put(&mut self, key: &Key, body: &Bytes) -> std::result::Result<(), StoreError> {
        self.made.push(key.clone());
        self.store.put_new(key, body.clone(), &Digest::of(body)).await
    }

    async fn get(&self, key: &Key, limit: usize) -> std::result::Result<Vec<u8>, StoreError> {
        let mut into = b"left from before".to_vec();
        self.store.get(key, limit as u64, &mut into).await?;
        Ok(into)
    }

    pub(super) async fn names(&self, prefix: &str) -> std::result::Result<Vec<String>, StoreError> {
        let objects = list_all(self.store, prefix, MANY * 4).await?;
        Ok(objects.into_iter().map(|o| o.key).collect())
    }

    async fn round_trips(&mut self) -> Outcome {
        for size in [0, 1, 5 * MIB] {
            let key = self.key(&format!("size-{size}"));
            let sent = body("round trip", size);
            self.put(&key, &sent).await?;
            let back = self.get(&key, size).await?;
            ensure(back == sent, format!("{size} bytes came back as {} others", back.len()))?;
        }
        Ok(())
    }

    async fn create_only(&mut self) -> Outcome {
        let key = self.key("taken");
        let (first, second) = (body("first writer", 100), body("second writer", 100));
        self.put(&key, &first).await?;
        match self.put(&key, &second).await {
            Err(StoreError::Exists) => {}
            Ok(()) => return broken("the second put replaced the first object, or pretends so"),
            Err(e) => return Err(e.into()),
        }
        ensure(self.get(&key, 100).await? == first, "the refused put changed the object")
    }

    async fn identical(&mut self) -> Outcome {
        let key = self.key("same");
        let same = body("same", 100);
        self.put(&key, &same).await?;
        match self.put(&key, &same).await {
            Err(StoreError::Exists) => Ok(()),
            Ok(()) => broken("a second put of the same bytes was taken"),
            Err(e) => Err(e.into()),
        }
    }

    async fn race(&mut self) -> Outcome {
        let key = self.key("race");
        self.made.push(key.clone());
        let bodies: Vec<Bytes> = (0..RACERS).map(|n| body(&format!("racer {n}"), 64 * 1024)).collect();
        let store = self.store;
        let key = &key;
        let tries = bodies.iter().map(|b| async move { store.put_new(key, b.clone(), &Digest::of(b)).await });
        let mut winners = Vec::new();
        let mut others = Vec::new();
        for (n, result) in join_all(tries).await.into_iter().enumerate() {
            match result {
                Ok(()) => winners.push(n),
                Err(StoreError::Exists) => {}
                Err(e) => others.push(e),
            }
        }
        if let Some(e) = others.into_iter().next() {
            return Err(e.into());
        }
        let [winner] = winners[..] else { return broken(format!("{} of {RACERS} writers won", winners.len())) };
        ensure(self.get(key, 64 * 1024).await? == bodies[winner], "the object is not the winner's")
    }

    async fn limits(&mut self) -> Outcome {
        let key = self.key("limit");
        let sent = body("limit", 1000);
        self.put(&key, &sent).await?;
        ensure(self.get(&key, 1000).await? == sent, "an object as large as the limit came back differently")?;
        match self.get(&key, 999).await {
            Err(StoreError::TooLarge { limit: 999 }) => Ok(()),
            Err(e) => Err(e.into()),
            Ok(_) => broken("an object larger than the limit was read"),
        }
    }

    async fn first_bytes(&mut self) -> Outcome {
        for (size, most) in [(1000, 10), (1000, 1000), (1000, 1001), (1, 4096), (0, 4096)] {
            let key = self.key(&format!("peek-{size}-{most}"));
            let sent = body("peek", size);
            self.put(&key, &sent).await?;
            let mut got = b"left from before".to_vec();
            self.store.peek(&key, most as u64, &mut got).await?;
            ensure(got == sent[..size.min(most)], format!("{most} of {size} bytes came back as {}", got.len()))?;
        }
        Ok(())
    }

    async fn missing(&mut self) -> Outcome {
        let key = self.key("nothing/here");
        match self.get(&key, 10).await {
            Err(StoreError::NotFound) => {}
            Err(e) => return Err(e.into()),
            Ok(_) => return broken("get invented an object"),
        }
        match self.store.head(&key).await {
            Err(StoreError::NotFound) => Ok(()),
            Err(e) => Err(e.into()),
            Ok(_) => broken("head invented an object"),
        }
    }

    async fn head(&mut self) -> Outcome {
        let key = self.key("head");
        self.put(&key, &body("head", 321)).await?;
        let meta = self.store.head(&key).await?;
        ensure(meta.size == 321, format!("size {} instead of 321", meta.size))?;
        ensure(meta.key == key.as_str(), format!("key {} instead of {key}", meta.key))?;
        let now = self.store.now().await?;
        let age = now.duration_since(meta.modified);
        ensure(age.abs() <= SKEW, format!("a fresh object is dated {age:#} before the store's clock"))
    }

    async fn listing(&mut self) -> Outcome {
        // The order of bytes differs from that of a directory walk: - . / 0 A a
        let names = ["list/a-b", "list/a.b", "list/a/b", "list/a/c/d", "list/a0", "list/aA", "list/aa"];
        let mut wanted = Vec::new();
        for name in names {
            let key = self.key(name);
            self.put(&key, &body(name, 10)).await?;
            wanted.push(key.to_string());
        }
        let prefix = self.key("list/").to_string();
        let listed = list_all(self.store, &prefix, MANY).await?;
        ensure(listed.iter().all(|o| o.size == 10), "the listing gives wrong sizes")?;
        let listed: Vec<String> = listed.into_iter().map(|o| o.key).collect();
        ensure(listed == wanted, format!("listed {listed:?} instead of {wanted:?}"))
    }

    async fn prefix(&mut self) -> Outcome {
        let inside = self.key("x/1");
        let outside = self.key("x10");
        self.put(&inside, &body("inside", 1)).await?;
        self.put(&outside, &body("outside", 1)).await?;
        let listed = self.names(self.key("x/").as_str()).await?;
        ensure(listed == [inside.to_string()], format!("a prefix ending with a slash gave {listed:?}"))?;
        let listed = self.names(self.key("x").as_str()).await?;
        ensure(
            listed == [inside.to_string(), outside.to_string()],
            format!("a prefix without a slash at its end gave {listed:?}"),
        )?;
        let listed = self.names(self.key("x/none").as_str()).await?;
        ensure(listed.is_empty(), format!("a prefix of nothing gave {listed:?}"))
    }

    async fn many(&mut self) -> Outcome {
        let keys: Vec<Key> = (0..MANY).map(|n| self.key(&format!("many/{n:05}"))).collect();
        self.made.extend(keys.iter().cloned());
        let store = self.store;
        let tiny = body("many", 1);
        let digest = Digest::of(&tiny);
        for chunk in keys.chunks(AT_ONCE) {
            for result in join_all(chunk.iter().map(|key| store.put_new(key, tiny.clone(), &digest))).await {
                result?;
            }
        }
        let listed = self.names(self.key("many/").as_str()).await?;
        let wanted: Vec<String> = keys.iter().map(Key::to_string).collect();
        ensure(listed == wanted, format!("{} of {MANY} objects listed, or in another order", listed.len()))
    }

    /// A body that contradicts its SHA-256: being refused is not demanded, but
    /// a store that is relied on to refuse must do it.
    async fn contradiction(&mut self) -> Outcome {
        let key = self.key("contradiction");
        self.made.push(key.clone());
        let result = self.store.put_new(&key, body("these bytes", 1000), &Digest::of(b"other bytes")).await;
        match result {
            Err(StoreError::Mangled(_)) => {
                self.seen.checks_bodies = true;
                match self.get(&key, 1000).await {
                    Err(StoreError::NotFound) => Ok(()),
                    Ok(_) => broken("the refused body is there"),
                    Err(e) => Err(e.into()),
                }
            }
            // What a repetition finds where the first try was refused and yet kept.
            Err(StoreError::Exists) => broken("the refused body is there"),
            Ok(()) if self.store.checks_bodies() => broken("a body that contradicts its SHA-256 was taken"),
            Ok(()) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn clock(&mut self) -> Outcome {
        let theirs = self.store.now().await?;
        let off = Timestamp::now().duration_since(theirs);
        ensure(off.abs() <= SKEW, format!("this host's clock minus the store's is {off:#}"))
    }

    async fn delete(&mut self) -> Outcome {
        let key = self.key("gone/soon");
        let sent = body("gone", 10);
        self.put(&key, &sent).await?;
        self.store.delete(&key).await?;
        match self.get(&key, 10).await {
            Err(StoreError::NotFound) => {}
            Err(e) => return Err(e.into()),
            Ok(_) => return broken("the object is still there"),
        }
        let listed = self.names(self.key("gone/").as_str()).await?;
        ensure(listed.is_empty(), "the object is still listed")?;
        // Its place is free again.
        self.put(&key, &sent).await.map_err(Failed::from)
    }

    async fn delete_missing(&mut self) -> Outcome {
        self.store.delete(&self.key("never/there")).await.map_err(Failed::from)
    }
}

/// `size` bytes that follow from `seed` and do not repeat.
fn body(seed: &str, size: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed.bytes().fold(size as u64, |h, b| h.rotate_left(7) ^ u64::from(b)));
    let mut block = [0u8; 4096];
    random.fill(&mut block);
    let mut bytes = vec![0u8; size];
    for (n, chunk) in bytes.chunks_mut(block.len()).enumerate() {
        if n > 0 {
            block[..8].copy_from_slice(&n.to_le_bytes());
        }
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    bytes.into()
}
