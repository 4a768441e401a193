//! S3 against a server that checks signatures.

use std::sync::Arc;

use pgseal::config::schema::{Checksums, Repository, S3};
use pgseal::store::s3::S3Store;
use pgseal::store::{Store, StoreError, open};
use pgseal::types::Silent;
use pgseal::{Code, Error};

use crate::s3_server::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::util::{credential, get, key, list, put};

async fn store(settings: &S3, bucket: &str, prefix: &str, secret: &str) -> S3Store {
    S3Store::open_with(bucket, prefix, settings, credential(ACCESS_KEY, secret)).await.unwrap()
}

#[tokio::test]
async fn objects_lie_below_the_prefix() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path(), &["bucket"]);
    let below = store(&server.settings(), "bucket", "pg/prod", SECRET_KEY).await;
    put(&below, "s/shop/m/1.json", b"x").await.unwrap();
    assert_eq!(std::fs::read(root.path().join("bucket/pg/prod/s/shop/m/1.json")).unwrap(), b"x");
    assert_eq!(list(&below, "").await, ["s/shop/m/1.json"]);
    assert_eq!(below.describe(), "s3://bucket/pg/prod");
    // A neighbour whose name only begins alike is not ours.
    let neighbour = store(&server.settings(), "bucket", "pg/prod2", SECRET_KEY).await;
    put(&neighbour, "a", b"y").await.unwrap();
    assert_eq!(list(&below, "").await, ["s/shop/m/1.json"]);
    let whole = store(&server.settings(), "bucket", "", SECRET_KEY).await;
    assert_eq!(list(&whole, "").await, ["pg/prod/s/shop/m/1.json", "pg/prod2/a"]);
}

#[tokio::test]
async fn wrong_secrets_and_missing_buckets_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path(), &["bucket"]);
    let wrong = store(&server.settings(), "bucket", "", "falsch").await;
    for e in [put(&wrong, "a", b"x").await.unwrap_err(), get(&wrong, "a").await.unwrap_err()] {
        assert!(matches!(&e, StoreError::Denied(t) if t.contains("SignatureDoesNotMatch")), "{e}");
        assert!(!e.to_string().contains("falsch"));
    }
    assert!(matches!(wrong.head(&key("a")).await, Err(StoreError::Denied(_))));

    let missing = store(&server.settings(), "nowhere", "", SECRET_KEY).await;
    assert!(matches!(put(&missing, "a", b"x").await, Err(StoreError::NoRepository(_))));
    assert!(matches!(missing.list("", None).await, Err(StoreError::NoRepository(_))));
    assert!(matches!(missing.now().await, Err(StoreError::NoRepository(_))));
}

#[tokio::test]
async fn it_works_without_checksums() {
    let root = tempfile::tempdir().unwrap();
    let server = S3Server::start(root.path(), &["bucket"]);
    let settings = S3 { checksums: Checksums::WhenRequired, ..server.settings() };
    let s = store(&settings, "bucket", "", SECRET_KEY).await;
    put(&s, "a", b"x").await.unwrap();
    assert!(matches!(put(&s, "a", b"x").await, Err(StoreError::Exists)));
    assert_eq!(get(&s, "a").await.unwrap(), b"x");
}

#[tokio::test]
async fn only_aws_is_relied_on_to_check_bodies() {
    let anywhere = S3 { region: Some("eu-central-1".into()), ..S3::default() };
    let aws = S3Store::open_with("bucket", "", &anywhere, credential("AK", "SK")).await.unwrap();
    assert!(aws.checks_bodies());
    let off = S3 { checksums: Checksums::WhenRequired, ..anywhere.clone() };
    assert!(!S3Store::open_with("bucket", "", &off, credential("AK", "SK")).await.unwrap().checks_bodies());
    let custom = S3 { endpoint: Some("https://s3.example.net".into()), ..anywhere };
    assert!(!S3Store::open_with("bucket", "", &custom, credential("AK", "SK")).await.unwrap().checks_bodies());
}

#[tokio::test]
async fn plain_http_to_another_host_is_refused() {
    let settings = |allow| S3 {
        endpoint: Some("http://192.0.2.1:9000".into()),
        region: Some("us-east-1".into()),
        path_style: true,
        allow_plain_http: allow,
        ..S3::default()
    };
    let repository = Repository { url: "s3://bucket/pg".into(), s3: settings(false) };
    let e: Error = open(&repository, Arc::new(Silent)).await.unwrap_err();
    assert_eq!(e.code(), Code::Usage);
    assert!(e.next_step().is_some());
    open(&Repository { s3: settings(true), ..repository }, Arc::new(Silent)).await.unwrap();
}
