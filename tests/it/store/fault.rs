//! Every fault does what it says, and only when it should.

use std::time::Duration;

use jiff::SignedDuration;
use pgseal::store::fault::{Calls, Fault, Faulty, Kind, Op, Rule, When};
use pgseal::store::fs::FileStore;
use pgseal::store::{Store, StoreError};

use crate::store::util::{directory, get, key, list, put};

fn faulty(calls: Calls, when: When, fault: Fault) -> (tempfile::TempDir, Faulty<FileStore>) {
    let (dir, store) = directory();
    (dir, Faulty::new(store).with(Rule::new(calls, when, fault)))
}

#[tokio::test]
async fn fails_once_or_from_then_on() {
    let (_dir, store) = faulty(Calls::Of(Op::Put), When::Nth(2), Fault::Fail(Kind::Denied));
    put(&store, "a", b"a").await.unwrap();
    assert!(matches!(put(&store, "b", b"b").await, Err(StoreError::Denied(_))));
    assert!(matches!(get(&store, "b").await, Err(StoreError::NotFound)), "a failed put must do nothing");
    put(&store, "b", b"b").await.unwrap();

    let (_dir, store) = faulty(Calls::Any, When::From(2), Fault::Fail(Kind::NoSpace));
    put(&store, "a", b"a").await.unwrap();
    for _ in 0..3 {
        assert!(matches!(get(&store, "a").await, Err(StoreError::NoSpace(_))));
    }
    assert_eq!((store.calls(), store.fired()), (4, 3));
    store.heal();
    assert_eq!(get(&store, "a").await.unwrap(), b"a");
}

#[tokio::test]
async fn rules_may_be_bound_to_a_key() {
    let calls = Calls::On(Op::Get, "/m/".into());
    let (_dir, store) = faulty(calls, When::Always, Fault::Fail(Kind::NotFound));
    put(&store, "s/m/1", b"m").await.unwrap();
    put(&store, "s/d/1", b"d").await.unwrap();
    assert!(matches!(get(&store, "s/m/1").await, Err(StoreError::NotFound)));
    assert_eq!(get(&store, "s/d/1").await.unwrap(), b"d");
}

#[tokio::test]
async fn every_kind_gives_its_error() {
    for kind in [
        Kind::NotFound,
        Kind::Exists,
        Kind::Denied,
        Kind::NoSpace,
        Kind::Mangled,
        Kind::NoRepository,
        Kind::Transient,
        Kind::Other,
    ] {
        let (_dir, store) = faulty(Calls::Of(Op::Now), When::Always, Fault::Fail(kind));
        let e = store.now().await.unwrap_err();
        assert_eq!(std::mem::discriminant(&e), std::mem::discriminant(&kind.error()), "{kind:?}");
    }
}

#[tokio::test]
async fn a_lost_reply_has_done_its_work() {
    let (_dir, store) = faulty(Calls::Of(Op::Put), When::Nth(1), Fault::LoseReply);
    assert!(matches!(put(&store, "a", b"a").await, Err(StoreError::Transient(_))));
    assert_eq!(get(&store, "a").await.unwrap(), b"a");
}

#[tokio::test]
async fn a_hanging_call_never_returns() {
    let (_dir, store) = faulty(Calls::Of(Op::Head), When::Always, Fault::Hang);
    put(&store, "a", b"a").await.unwrap();
    let k = key("a");
    assert!(tokio::time::timeout(Duration::from_millis(20), store.head(&k)).await.is_err());
}

#[tokio::test]
async fn bytes_change_on_the_way_out() {
    let (_dir, store) = faulty(Calls::Of(Op::Get), When::Nth(1), Fault::FlipByte(5));
    put(&store, "a", b"abc").await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), b"abb");
    assert_eq!(get(&store, "a").await.unwrap(), b"abc");

    let (_dir, store) = faulty(Calls::Of(Op::Get), When::Always, Fault::Truncate(2));
    put(&store, "a", b"abc").await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), b"ab");

    let (_dir, store) = faulty(Calls::On(Op::Get, "a".into()), When::Always, Fault::OtherObject(key("b")));
    put(&store, "a", b"a").await.unwrap();
    put(&store, "b", b"b").await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), b"b");
}

#[tokio::test]
async fn bytes_change_on_the_way_in() {
    for (fault, kept) in [(Fault::FlipByte(0), b"`bc".to_vec()), (Fault::Truncate(1), b"a".to_vec())] {
        let (_dir, store) = faulty(Calls::Of(Op::Put), When::Always, fault);
        put(&store, "a", b"abc").await.unwrap();
        assert_eq!(get(&store, "a").await.unwrap(), kept);
    }
}

#[tokio::test]
async fn create_only_is_ignored() {
    let (_dir, store) = faulty(Calls::Of(Op::Put), When::Nth(2), Fault::IgnoreCreateOnly);
    put(&store, "a", b"1").await.unwrap();
    put(&store, "a", b"2").await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), b"2");
    assert!(matches!(put(&store, "a", b"3").await, Err(StoreError::Exists)));
}

#[tokio::test]
async fn listings_lie() {
    let (_dir, store) = faulty(Calls::Of(Op::List), When::Nth(1), Fault::StaleListing);
    put(store.inner(), "old", b"x").await.unwrap();
    put(&store, "new", b"x").await.unwrap();
    assert_eq!(list(&store, "").await, ["old"]);
    assert_eq!(list(&store, "").await, ["new", "old"]);

    let (_dir, store) = faulty(Calls::Of(Op::List), When::Always, Fault::HideFromListing("ol".into()));
    put(&store, "old", b"x").await.unwrap();
    put(&store, "new", b"x").await.unwrap();
    assert_eq!(list(&store, "").await, ["new"]);
}

#[tokio::test]
async fn deletes_pretend() {
    let (_dir, store) = faulty(Calls::Of(Op::Delete), When::Nth(1), Fault::IgnoreDelete);
    put(&store, "a", b"a").await.unwrap();
    store.delete(&key("a")).await.unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), b"a");
    store.delete(&key("a")).await.unwrap();
    assert!(matches!(get(&store, "a").await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn clocks_are_off() {
    let hour = SignedDuration::from_hours(1);
    let (_dir, store) = faulty(Calls::Any, When::Always, Fault::ClockOff(hour));
    put(&store, "a", b"a").await.unwrap();
    let truth = store.inner().head(&key("a")).await.unwrap().modified;
    assert_eq!(store.head(&key("a")).await.unwrap().modified, truth + hour);
    assert_eq!(store.list("", None).await.unwrap().objects[0].modified, truth + hour);
    assert!(store.now().await.unwrap() >= truth + hour);
}
