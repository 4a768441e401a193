//! What time it is, by more than one clock: a host that is behind would call an
//! old backup fresh for ever.

use jiff::{SignedDuration, Timestamp};

use super::load::Entry;
use crate::error::Result;
use crate::store::{Store, StoreError};

/// How far apart this host's clock and others may be without a warning.
pub const CLOSE: SignedDuration = SignedDuration::from_mins(5);

/// This host's clock beside the store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// This host's time.
    pub host: Timestamp,
    /// The store's time, or why it is not known.
    pub store: std::result::Result<Timestamp, String>,
}

impl Clock {
    /// Asks the store.
    ///
    /// # Errors
    /// Those of a store that cannot be asked at all. One that answers without a time
    /// is none of them.
    pub async fn read(store: &dyn Store) -> Result<Self> {
        let before = Timestamp::now();
        let theirs = match store.now().await {
            Ok(at) => Ok(at),
            Err(StoreError::Other(why)) => Err(why),
            Err(e) => return Err(e.about("the store's clock")),
        };
        let after = Timestamp::now();
        // The answer was given somewhere in between, however long it took.
        let host = match &theirs {
            Ok(at) if *at > before => (*at).min(after),
            _ => before,
        };
        Ok(Self { host, store: theirs })
    }

    /// The store's time, or this host's where the store tells none.
    pub fn store_or_host(&self) -> Timestamp {
        self.store.as_ref().copied().unwrap_or(self.host)
    }

    /// The time that it is at least, as far as this host, the store, and the receipt of
    /// the newest backup tell.
    pub fn at_least(&self, newest: Option<&Entry>) -> Timestamp {
        self.host.max(self.store_or_host()).max(newest.map_or(self.host, |e| e.stored_at))
    }

    /// How far this host is behind or ahead of the store; `None` where they agree or
    /// the store tells no time.
    pub fn apart(&self) -> Option<String> {
        let store = self.store.as_ref().ok()?;
        (self.host.duration_since(*store).abs() > CLOSE)
            .then(|| format!("this host's clock says {}, the store's says {store}", seconds(self.host)))
    }

    /// Why nobody can say here how old a backup is; empty where all clocks agree.
    pub fn doubts(&self, entries: &[Entry]) -> Vec<String> {
        let mut doubts: Vec<String> = self.apart().into_iter().collect();
        if let Err(why) = &self.store {
            doubts.push(format!("the store does not tell its time: {why}"));
        }
        let times = |e: &Entry| e.manifest.finished_at.max(e.stored_at);
        if let Some(e) = entries.iter().max_by_key(|e| times(e)).filter(|e| self.is_future(times(e))) {
            let at = seconds(times(e));
            let now = seconds(self.host);
            doubts.push(format!("backup #{} is of {at}, but this host's clock says {now}", e.manifest.seq));
        }
        doubts
    }

    /// Whether a time is clearly later than this host's.
    pub fn is_future(&self, at: Timestamp) -> bool {
        at.duration_since(self.host) > CLOSE
    }
}

fn seconds(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("%Y-%m-%dT%H:%M:%SZ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::manifest::parse::tests::sample;
    use crate::store::fault::{Calls, Fault, Faulty, Kind, Op, Rule, When};
    use crate::store::memory::MemoryStore;
    use crate::types::Digest;

    fn entry(hours: i64, stored: i64) -> Entry {
        let mut manifest = sample(1, None);
        manifest.finished_at = at(hours);
        Entry { manifest, digest: Digest::of(b"x"), signer: "k".into(), stored_at: at(stored) }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000 + hours)
    }

    #[test]
    fn a_clock_that_is_behind_calls_nothing_fresh() {
        let clock = |host, store| Clock { host: at(host), store };
        let doubts = |c: &Clock, e: &[Entry]| c.doubts(e).len();
        let good = clock(10, Ok(at(10)));
        assert_eq!((doubts(&good, &[entry(9, 9)]), good.at_least(Some(&entry(9, 9)))), (0, at(10)));
        // Behind what the store says, and what it received.
        let behind = clock(1, Ok(at(10)));
        assert_eq!((doubts(&behind, &[entry(9, 9)]), behind.at_least(Some(&entry(9, 9)))), (2, at(10)));
        // A directory: the same clock twice.
        let both = clock(1, Ok(at(1)));
        assert_eq!((doubts(&both, &[entry(9, 9)]), both.at_least(Some(&entry(9, 9)))), (1, at(9)));
        // A manifest of the future that was received now.
        assert_eq!(doubts(&good, &[entry(99, 10)]), 1);
        let none = clock(10, Err("no Date".into()));
        assert_eq!((doubts(&none, &[entry(9, 9)]), none.store_or_host()), (1, at(10)));
        assert!(clock(10, Ok(at(10) + CLOSE)).apart().is_none());
    }

    #[tokio::test]
    async fn a_store_without_time_is_not_one_that_is_away() {
        let of = async |kind| {
            let faulty = Faulty::new(Arc::new(MemoryStore::new()));
            faulty.add(Rule::new(Calls::Of(Op::Now), When::Always, Fault::Fail(kind)));
            Clock::read(&faulty).await
        };
        assert!(of(Kind::Other).await.unwrap().store.is_err());
        assert_eq!(of(Kind::Transient).await.unwrap_err().code(), crate::Code::StoreUnavailable);
        let clock = Clock::read(&MemoryStore::new()).await.unwrap();
        assert_eq!(clock.apart(), None);
    }
}
