//! A store that breaks on purpose, for tests: of pgseal itself, and of whoever
//! builds on it.
//!
//! The pattern it is made for is SQLite's: let operation N fail, for N = 1, 2,
//! … until a run passes untouched, and look after each run at what is left.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::types::Digest;

/// An operation of a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Put,
    Get,
    Peek,
    Head,
    List,
    Delete,
    Now,
}

/// Which calls a [`Rule`] looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calls {
    /// All.
    Any,
    /// Those of one operation.
    Of(Op),
    /// Those of one operation whose key (prefix, for listings) contains a text.
    On(Op, String),
}

/// Which of these calls it breaks, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Only the Nth.
    Nth(u64),
    /// The Nth and all that follow.
    From(u64),
    /// All.
    Always,
}

/// An error to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    NotFound,
    Exists,
    Denied,
    NoSpace,
    Mangled,
    NoRepository,
    Transient,
    Other,
}

impl Kind {
    /// The error.
    pub fn error(self) -> StoreError {
        let why = || "injected".to_owned();
        match self {
            Self::NotFound => StoreError::NotFound,
            Self::Exists => StoreError::Exists,
            Self::Denied => StoreError::Denied(why()),
            Self::NoSpace => StoreError::NoSpace(why()),
            Self::Mangled => StoreError::Mangled(why()),
            Self::NoRepository => StoreError::NoRepository(why()),
            Self::Transient => StoreError::Transient(why()),
            Self::Other => StoreError::Other(why()),
        }
    }
}

/// What goes wrong. A fault that does not fit the operation changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and this is the answer.
    Fail(Kind),
    /// The work is done, but the answer is [`StoreError::Transient`].
    LoseReply,
    /// The call never returns.
    Hang,
    /// Get and peek: the lowest bit of this byte (modulo the size) is flipped. Put: the
    /// store keeps bytes so flipped, and says nothing.
    FlipByte(usize),
    /// Get and peek: only the first bytes arrive. Put: only the first bytes are kept.
    Truncate(usize),
    /// Get and peek: another object's bytes.
    OtherObject(Key),
    /// Put: an existing object is replaced.
    IgnoreCreateOnly,
    /// List: objects put through this wrapper are missing.
    StaleListing,
    /// List: objects whose key contains the text are missing.
    HideFromListing(String),
    /// Delete: says done, does nothing.
    IgnoreDelete,
    /// Now, head and list: times are off by this much.
    ClockOff(SignedDuration),
}

/// One fault with its trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which calls count.
    pub calls: Calls,
    /// Which of them break.
    pub when: When,
    /// How.
    pub fault: Fault,
}

impl Rule {
    /// A rule.
    pub fn new(calls: Calls, when: When, fault: Fault) -> Self {
        Self { calls, when, fault }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Every rule with the number of calls it has counted.
    rules: Vec<(Rule, u64)>,
    calls: u64,
    fired: u64,
    put: BTreeSet<String>,
}

/// A store with faults. Where several rules fire in one call the first counts.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    state: Mutex<State>,
}

impl<S: Store> Faulty<S> {
    /// Wraps `inner`, without faults yet.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// With one more rule.
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        self.add(rule);
        self
    }

    /// Adds a rule while in use; it counts from now on.
    pub fn add(&self, rule: Rule) {
        self.state().rules.push((rule, 0));
    }

    /// Removes all rules.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Calls so far that a rule broke: zero says that a test proved nothing.
    pub fn fired(&self) -> u64 {
        self.state().fired
    }

    /// The wrapped store, without faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and gives the fault that hits it.
    fn next(&self, op: Op, name: &str) -> Option<Fault> {
        let mut state = self.state();
        state.calls += 1;
        let mut hit = None;
        for (rule, count) in &mut state.rules {
            let counts = match &rule.calls {
                Calls::Any => true,
                Calls::Of(o) => *o == op,
                Calls::On(o, text) => *o == op && name.contains(text.as_str()),
            };
            if !counts {
                continue;
            }
            *count += 1;
            let fires = match rule.when {
                When::Nth(n) => *count == n,
                When::From(n) => *count >= n,
                When::Always => true,
            };
            if fires && hit.is_none() {
                hit = Some(rule.fault.clone());
            }
        }
        state.fired += u64::from(hit.is_some());
        hit
    }

    /// The part common to all operations; gives back the fault that is left to apply.
    async fn before(&self, op: Op, name: &str) -> Result<Option<Fault>, StoreError> {
        match self.next(op, name) {
            Some(Fault::Fail(kind)) => Err(kind.error()),
            Some(Fault::Hang) => std::future::pending().await,
            other => Ok(other),
        }
    }
}

/// Turns a finished call into one whose reply was lost.
fn after<T>(fault: Option<&Fault>, result: Result<T, StoreError>) -> Result<T, StoreError> {
    match fault {
        Some(Fault::LoseReply) => {
            result?;
            Err(StoreError::Transient("injected: the reply was lost".into()))
        }
        _ => result,
    }
}

fn damage(fault: Option<&Fault>, bytes: &mut Vec<u8>) {
    match fault {
        Some(Fault::FlipByte(at)) if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] ^= 1;
        }
        Some(Fault::Truncate(to)) => bytes.truncate(*to),
        _ => {}
    }
}

fn shift(time: &mut Timestamp, fault: Option<&Fault>) {
    if let Some(Fault::ClockOff(by)) = fault {
        *time = time.saturating_add(*by).unwrap_or(*time);
    }
}

#[async_trait]
impl<S: Store> Store for Faulty<S> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn checks_bodies(&self) -> bool {
        self.inner.checks_bodies()
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        let fault = self.before(Op::Put, key.as_str()).await?;
        let mut sent = (body, *digest);
        if matches!(fault, Some(Fault::FlipByte(_) | Fault::Truncate(_))) {
            let mut bytes = sent.0.to_vec();
            damage(fault.as_ref(), &mut bytes);
            let digest = Digest::of(&bytes);
            sent = (bytes.into(), digest);
        }
        let mut result = self.inner.put_new(key, sent.0.clone(), &sent.1).await;
        while fault == Some(Fault::IgnoreCreateOnly) && matches!(result, Err(StoreError::Exists)) {
            self.inner.delete(key).await?;
            result = self.inner.put_new(key, sent.0.clone(), &sent.1).await;
        }
        if result.is_ok() {
            self.state().put.insert(key.as_str().to_owned());
        }
        after(fault.as_ref(), result)
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let fault = self.before(Op::Get, key.as_str()).await?;
        let wanted = if let Some(Fault::OtherObject(other)) = &fault { other } else { key };
        let result = self.inner.get(wanted, limit, into).await;
        damage(fault.as_ref(), into);
        after(fault.as_ref(), result)
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let fault = self.before(Op::Peek, key.as_str()).await?;
        let wanted = if let Some(Fault::OtherObject(other)) = &fault { other } else { key };
        let result = self.inner.peek(wanted, most, into).await;
        damage(fault.as_ref(), into);
        after(fault.as_ref(), result)
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        let fault = self.before(Op::Head, key.as_str()).await?;
        let mut meta = after(fault.as_ref(), self.inner.head(key).await)?;
        shift(&mut meta.modified, fault.as_ref());
        Ok(meta)
    }

    async fn list(&self, prefix: &str, after_: Option<&str>) -> Result<Page, StoreError> {
        let fault = self.before(Op::List, prefix).await?;
        let mut page = after(fault.as_ref(), self.inner.list(prefix, after_).await)?;
        match &fault {
            Some(Fault::StaleListing) => {
                let state = self.state();
                page.objects.retain(|o| !state.put.contains(&o.key));
            }
            Some(Fault::HideFromListing(text)) => page.objects.retain(|o| !o.key.contains(text.as_str())),
            _ => {}
        }
        for object in &mut page.objects {
            shift(&mut object.modified, fault.as_ref());
        }
        Ok(page)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let fault = self.before(Op::Delete, key.as_str()).await?;
        if fault == Some(Fault::IgnoreDelete) {
            return Ok(());
        }
        after(fault.as_ref(), self.inner.delete(key).await)
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        let fault = self.before(Op::Now, "").await?;
        let mut now = after(fault.as_ref(), self.inner.now().await)?;
        shift(&mut now, fault.as_ref());
        Ok(now)
    }
}
