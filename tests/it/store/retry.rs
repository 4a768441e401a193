//! Repetition: as often as useful, not longer, and never a doubt about a put.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgseal::store::fault::{Calls, Fault, Faulty, Kind, Op, Rule, When};
use pgseal::store::fs::FileStore;
use pgseal::store::retry::{Pace, Policy, Retrying};
use pgseal::store::{Store, StoreError};

use crate::store::util::{Kept, directory, get, key, put};

/// Time passes by waiting alone; jitter is always the most it may be.
#[derive(Default)]
struct Stopped(Mutex<Vec<Duration>>);

impl Stopped {
    fn waits(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

impl Pace for Stopped {
    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().iter().sum()
    }
    fn jitter(&self, most: Duration) -> Duration {
        most
    }
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().push(time);
        Box::pin(std::future::ready(()))
    }
}

struct Setup {
    _dir: tempfile::TempDir,
    store: Retrying<Arc<Faulty<FileStore>>>,
    faulty: Arc<Faulty<FileStore>>,
    pace: Arc<Stopped>,
    kept: Kept,
}

fn setup(rules: impl IntoIterator<Item = Rule>) -> Setup {
    let (dir, store) = directory();
    let faulty = Arc::new(Faulty::new(store));
    for rule in rules {
        faulty.add(rule);
    }
    let pace = Arc::new(Stopped::default());
    let kept = Kept::default();
    let store = Retrying::with(Arc::clone(&faulty), Arc::new(kept.clone()), Policy::default(), Arc::clone(&pace) as _);
    Setup { _dir: dir, store, faulty, pace, kept }
}

fn transient(op: Op, when: When) -> Rule {
    Rule::new(Calls::Of(op), when, Fault::Fail(Kind::Transient))
}

#[tokio::test]
async fn a_fault_that_passes_is_waited_out() {
    let s = setup([transient(Op::Get, When::Nth(1)), transient(Op::Get, When::Nth(2))]);
    put(&s.store, "a", b"a").await.unwrap();
    assert_eq!(get(&s.store, "a").await.unwrap(), b"a");
    assert_eq!(s.kept.retries(), [("get", 2), ("get", 3)]);
    assert_eq!(s.pace.waits(), [Duration::from_millis(200), Duration::from_millis(400)]);
}

#[tokio::test]
async fn every_operation_is_repeated() {
    let ops = [Op::Put, Op::Get, Op::Peek, Op::Head, Op::List, Op::Delete, Op::Now];
    let s = setup(ops.map(|op| transient(op, When::Nth(1))));
    put(&s.store, "a", b"a").await.unwrap();
    get(&s.store, "a").await.unwrap();
    s.store.peek(&key("a"), 1, &mut Vec::new()).await.unwrap();
    s.store.head(&key("a")).await.unwrap();
    assert_eq!(s.store.list("", None).await.unwrap().objects.len(), 1);
    s.store.delete(&key("a")).await.unwrap();
    s.store.now().await.unwrap();
    let wanted: Vec<_> = ["put", "get", "peek", "head", "list", "delete", "now"].map(|op| (op, 2)).into();
    assert_eq!(s.kept.retries(), wanted);
}

#[tokio::test]
async fn a_fault_for_ever_ends_at_the_deadline_with_its_error() {
    let s = setup([transient(Op::List, When::Always)]);
    let e = s.store.list("", None).await.unwrap_err();
    assert!(matches!(e, StoreError::Transient(_)), "{e}");
    let waited = s.pace.elapsed();
    assert!(waited < Duration::from_mins(5) && waited > Duration::from_secs(280), "{waited:?}");
    // Never longer than the cap at once.
    assert_eq!(s.pace.waits().into_iter().max(), Some(Duration::from_secs(10)));
}

#[tokio::test]
async fn what_will_not_pass_is_not_repeated() {
    for kind in [Kind::NotFound, Kind::Exists, Kind::Denied, Kind::NoSpace, Kind::NoRepository, Kind::Other] {
        let s = setup([Rule::new(Calls::Any, When::Always, Fault::Fail(kind))]);
        assert!(put(&s.store, "a", b"a").await.is_err());
        assert!(get(&s.store, "a").await.is_err());
        assert_eq!(s.faulty.calls(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn mangled_bytes_are_sent_three_times_at_most() {
    let s = setup([Rule::new(Calls::Of(Op::Put), When::Always, Fault::Fail(Kind::Mangled))]);
    assert!(matches!(put(&s.store, "a", b"a").await, Err(StoreError::Mangled(_))));
    assert_eq!(s.faulty.calls(), 3);
}

#[tokio::test]
async fn a_put_whose_reply_was_lost_is_found_to_be_ours() {
    let s = setup([Rule::new(Calls::Of(Op::Put), When::Nth(1), Fault::LoseReply)]);
    put(&s.store, "a", b"mine").await.unwrap();
    assert_eq!(get(&s.store, "a").await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_slot_taken_by_another_is_not_ours() {
    // Of the same size, and of another one.
    for other in [b"more".as_slice(), b"other"] {
        let s = setup([transient(Op::Put, When::Nth(1))]);
        put(s.faulty.inner(), "a", other).await.unwrap();
        assert!(matches!(put(&s.store, "a", b"mine").await, Err(StoreError::Exists)));
        assert_eq!(get(&s.store, "a").await.unwrap(), other);
    }
}

#[tokio::test]
async fn a_plain_second_put_is_refused_without_reading() {
    let s = setup([]);
    put(&s.store, "a", b"mine").await.unwrap();
    assert!(matches!(put(&s.store, "a", b"mine").await, Err(StoreError::Exists)));
    assert_eq!(s.faulty.calls(), 2);
}

#[tokio::test]
async fn a_lost_reply_that_cannot_be_read_back_is_no_success() {
    for op in [Op::Head, Op::Get] {
        let s = setup([
            Rule::new(Calls::Of(Op::Put), When::Nth(1), Fault::LoseReply),
            Rule::new(Calls::Of(op), When::Always, Fault::Fail(Kind::Denied)),
        ]);
        let e = put(&s.store, "a", b"mine").await.unwrap_err();
        assert!(matches!(&e, StoreError::Other(text) if text.contains("reply")), "{e}");
    }
}
