//! S3 against a Ceph object gateway: a second, independent implementation,
//! with object lock and bucket policies.
//!
//! `scripts/ceph-rgw TREE PORT` starts one; `PGSEAL_TEST_RGW` says where. Without
//! it these tests fail: a check that did not look is not passed.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::types::ObjectLockMode;
use pgseal::config::schema::{ObjectLock, S3};
use pgseal::store::contract::{self, Capabilities};
use pgseal::store::retry::{Policy, Retrying};
use pgseal::store::s3::S3Store;
use pgseal::store::{Store, StoreError};
use pgseal::types::Silent;

use crate::store::util::{credential, get, key, put, with_credential};

const KEY: &str = "CEPHKEY";
const SECRET: &str = "CEPHSECRET";

fn settings() -> S3 {
    let endpoint = std::env::var("PGSEAL_TEST_RGW").expect(
        "PGSEAL_TEST_RGW is not set: start `scripts/ceph-rgw TREE PORT` (see there) and set it to http://127.0.0.1:PORT",
    );
    S3 { endpoint: Some(endpoint), region: Some("us-east-1".into()), path_style: true, ..S3::default() }
}

fn admin() -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(settings().endpoint.unwrap())
        .region(Region::new("us-east-1"))
        .credentials_provider(credential(KEY, SECRET))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// A new bucket of its own.
async fn bucket(locked: bool) -> String {
    let name = format!("pgseal-{:016x}", fastrand::u64(..));
    admin().create_bucket().bucket(&name).object_lock_enabled_for_bucket(locked).send().await.unwrap();
    name
}

async fn store(settings: &S3, bucket: &str, secret: &str) -> S3Store {
    S3Store::open_with(bucket, "pg", settings, with_credential(KEY, secret)).await.unwrap()
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let store =
        Retrying::new(store(&settings(), &bucket(false).await, SECRET).await, Arc::new(Silent), Policy::default());
    let report = contract::run(&store, "run-1", true, &Silent).await.unwrap();
    assert!(report.passed(), "{report:#?}");
    // It takes a body that contradicts its SHA-256; that is why custom endpoints are not relied on.
    assert_eq!(report.capabilities, Capabilities { create_only: true, checks_bodies: false, can_delete: true });
    assert!(report.leftovers.is_empty());
}

#[tokio::test]
async fn wrong_secrets_and_missing_buckets_are_told_apart() {
    let wrong = store(&settings(), &bucket(false).await, "falsch").await;
    let e = put(&wrong, "a", b"x").await.unwrap_err();
    assert!(matches!(&e, StoreError::Denied(t) if t.contains("SignatureDoesNotMatch")), "{e}");
    let missing = store(&settings(), "pgseal-nowhere", SECRET).await;
    assert!(matches!(put(&missing, "a", b"x").await, Err(StoreError::NoRepository(_))));
    assert!(matches!(missing.list("", None).await, Err(StoreError::NoRepository(_))));
}

#[tokio::test]
async fn locked_objects_cannot_be_removed() {
    let bucket = bucket(true).await;
    let lock = ObjectLock { compliance: true, keep: Duration::from_hours(24) };
    let store = store(&S3 { object_lock: Some(lock), ..settings() }, &bucket, SECRET).await;
    put(&store, "s/a", b"x").await.unwrap();
    let head = admin().head_object().bucket(&bucket).key("pg/s/a").send().await.unwrap();
    assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    let version = head.version_id().unwrap();
    let removed = admin().delete_object().bucket(&bucket).key("pg/s/a").version_id(version).send().await;
    assert!(removed.is_err(), "the lock does not hold");
    assert_eq!(get(&store, "s/a").await.unwrap(), b"x");
}

#[tokio::test]
async fn a_put_only_credential_can_back_up_and_no_more() {
    let bucket = bucket(false).await;
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny", "Principal": "*",
            "Action": ["s3:GetObject", "s3:DeleteObject", "s3:ListBucket"],
            "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
        }],
    });
    admin().put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    let store = store(&settings(), &bucket, SECRET).await;
    put(&store, "s/a", b"x").await.unwrap();
    for e in [
        get(&store, "s/a").await.unwrap_err(),
        store.head(&key("s/a")).await.unwrap_err(),
        store.list("", None).await.unwrap_err(),
        store.delete(&key("s/a")).await.unwrap_err(),
    ] {
        assert!(matches!(e, StoreError::Denied(_)), "{e}");
    }
    store.now().await.unwrap();
    let report = contract::run(&store, "run-1", false, &Silent).await.unwrap();
    assert_eq!(report.failed().count(), 0, "{report:#?}");
    assert!(!report.capabilities.can_delete);
    assert!(report.not_evaluated().any(|c| c.name == "clean-up"), "{report:#?}");
    assert!(report.leftovers.iter().any(|k| k == "canary/run-1/first"), "{report:#?}");
}
