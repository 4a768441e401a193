//! Repeats what may be repeated: the only place with retries, so that every
//! store behaves alike and every repetition is seen.
//!
//! Waits are exponential with full jitter ("Exponential Backoff And Jitter",
//! AWS Architecture Blog): a random time up to a cap that doubles, so that
//! many clients of a throttling server do not come back in step.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::types::event::{Event, Progress};
use crate::types::{Digest, shown};

/// How long and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Upper bound of the first wait; doubles with each try. 200 ms.
    pub base: Duration,
    /// Upper bound of any wait. 10 s.
    pub cap: Duration,
    /// No try starts later than this after the call began. 5 min. A try that
    /// runs is not cut off: the store has its own timeouts.
    pub deadline: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { base: Duration::from_millis(200), cap: Duration::from_secs(10), deadline: Duration::from_mins(5) }
    }
}

/// Bytes that arrive mangled three times do so for a reason that waiting does not mend.
const MANGLED_TRIES: u32 = 3;

/// Clock and dice, so that tests need neither wait nor luck.
pub trait Pace: Send + Sync {
    /// Monotonic time since any fixed point.
    fn elapsed(&self) -> Duration;
    /// A time between zero and `most`.
    fn jitter(&self, most: Duration) -> Duration;
    /// Waits.
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The real clock.
#[derive(Debug)]
pub struct RealPace(Instant);

impl Default for RealPace {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Pace for RealPace {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(fastrand::f64())
    }

    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// A store whose calls are repeated after [`StoreError::transient`] errors.
pub struct Retrying<S> {
    inner: S,
    policy: Policy,
    progress: Progress,
    pace: Arc<dyn Pace>,
}

impl<S: Store> Retrying<S> {
    /// Wraps `inner`; repetitions are told to `progress`.
    pub fn new(inner: S, progress: Progress, policy: Policy) -> Self {
        Self::with(inner, progress, policy, Arc::new(RealPace::default()))
    }

    /// The same with another clock.
    pub fn with(inner: S, progress: Progress, policy: Policy, pace: Arc<dyn Pace>) -> Self {
        Self { inner, policy, progress, pace }
    }

    /// Whether, and after which wait, to try again after `attempt` tries.
    async fn again(&self, operation: &'static str, start: Duration, attempt: u32, error: &StoreError) -> bool {
        if !error.transient() || (matches!(error, StoreError::Mangled(_)) && attempt >= MANGLED_TRIES) {
            return false;
        }
        let most = self.policy.base.saturating_mul(1u32 << (attempt - 1).min(20)).min(self.policy.cap);
        let wait = self.pace.jitter(most);
        if self.pace.elapsed().saturating_sub(start) + wait >= self.policy.deadline {
            return false;
        }
        self.progress.event(Event::Retry {
            operation,
            attempt: attempt + 1,
            reason: shown(&error.to_string()).into_owned(),
        });
        self.pace.wait(wait).await;
        true
    }

    async fn repeat<'a, T, F>(
        &'a self,
        operation: &'static str,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send + 'a,
    {
        let start = self.pace.elapsed();
        let mut attempt = 1;
        loop {
            match call().await {
                Err(e) if self.again(operation, start, attempt, &e).await => attempt += 1,
                other => return other,
            }
        }
    }

    /// Whether the object under `key` is the one an earlier try sent: its reply
    /// may have been lost on the way.
    async fn ours(&self, key: &Key, size: u64, digest: &Digest) -> Result<bool, StoreError> {
        let unknown = |e: StoreError| match e {
            StoreError::Denied(why) => StoreError::Other(format!(
                "the reply to the put was lost, and reading back whose object it is was denied: {why}"
            )),
            e => e,
        };
        match self.head(key).await {
            Ok(meta) if meta.size != size => return Ok(false),
            Ok(_) => {}
            Err(e) => return Err(unknown(e)),
        }
        let mut stored = Vec::new();
        match self.get(key, size, &mut stored).await {
            Ok(()) => Ok(Digest::of(&stored) == *digest),
            Err(StoreError::TooLarge { .. }) => Ok(false),
            Err(e) => Err(unknown(e)),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Retrying<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying").field("inner", &self.inner).field("policy", &self.policy).finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: Store> Store for Retrying<S> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn checks_bodies(&self) -> bool {
        self.inner.checks_bodies()
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> Result<(), StoreError> {
        let start = self.pace.elapsed();
        let size = body.len() as u64;
        let mut attempt = 1;
        loop {
            match self.inner.put_new(key, body.clone(), digest).await {
                Err(StoreError::Exists) if attempt > 1 => {
                    return if self.ours(key, size, digest).await? { Ok(()) } else { Err(StoreError::Exists) };
                }
                Err(e) if self.again("put", start, attempt, &e).await => attempt += 1,
                other => return other,
            }
        }
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let start = self.pace.elapsed();
        let mut attempt = 1;
        loop {
            match self.inner.get(key, limit, into).await {
                Err(e) if self.again("get", start, attempt, &e).await => attempt += 1,
                other => return other,
            }
        }
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let start = self.pace.elapsed();
        let mut attempt = 1;
        loop {
            match self.inner.peek(key, most, into).await {
                Err(e) if self.again("peek", start, attempt, &e).await => attempt += 1,
                other => return other,
            }
        }
    }

    async fn head(&self, key: &Key) -> Result<ObjectMeta, StoreError> {
        self.repeat("head", || self.inner.head(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, StoreError> {
        self.repeat("list", || self.inner.list(prefix, after)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.repeat("delete", || self.inner.delete(key)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.repeat("now", || self.inner.now()).await
    }
}
