//! S3 against a server that checks signatures.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pgseal::config::schema::{Checksums, Repository, S3};
use pgseal::store::s3::S3Store;
use pgseal::store::{Store, StoreError, open};
use pgseal::types::Silent;
use pgseal::{Code, Error};

use crate::store::s3_server::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::store::util::{get, key, list, put, with_credential};

async fn store(settings: &S3, bucket: &str, prefix: &str, secret: &str) -> S3Store {
    S3Store::open_with(bucket, prefix, settings, with_credential(ACCESS_KEY, secret)).await.unwrap()
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
    let aws = S3Store::open_with("bucket", "", &anywhere, with_credential("AK", "SK")).await.unwrap();
    assert!(aws.checks_bodies());
    let off = S3 { checksums: Checksums::WhenRequired, ..anywhere.clone() };
    assert!(!S3Store::open_with("bucket", "", &off, with_credential("AK", "SK")).await.unwrap().checks_bodies());
    let custom = S3 { endpoint: Some("https://s3.example.net".into()), ..anywhere };
    assert!(!S3Store::open_with("bucket", "", &custom, with_credential("AK", "SK")).await.unwrap().checks_bodies());
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
    let repository = Repository { url: "s3://bucket/pg".into(), s3: settings(false), ..Repository::default() };
    let e: Error = open(&repository, Arc::new(Silent)).await.unwrap_err();
    assert_eq!(e.code(), Code::Usage);
    assert!(e.next_step().is_some());
    open(&Repository { s3: settings(true), ..repository }, Arc::new(Silent)).await.unwrap();
}

/// Runs this test again, alone, with nothing in its environment but `env`.
fn again(test: &str, env: &[(&str, &str)]) {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .envs([("PGSEAL_TEST_INNER", "1"), ("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true")])
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&out.stderr));
}

fn inner() -> bool {
    std::env::var_os("PGSEAL_TEST_INNER").is_some()
}

async fn refused(what: &str) {
    let store = S3Store::open("bucket", "pg", &S3::default()).await.unwrap();
    let e = put(&store, "a", b"x").await.unwrap_err();
    assert!(matches!(&e, StoreError::Denied(t) if t.contains(what)), "{e}");
}

#[tokio::test]
async fn an_endpoint_of_the_environment_gets_no_plain_http_either() {
    if inner() {
        refused("plain http").await;
        let store = S3Store::open("bucket", "pg", &S3::default()).await.unwrap();
        assert!(put(&store, "a", b"x").await.is_err());
        return assert!(!store.checks_bodies(), "that is not AWS");
    }
    let test = "store::s3::an_endpoint_of_the_environment_gets_no_plain_http_either";
    let credential = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "SK")];
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
        again(test, &[credential[0], credential[1], (name, "http://192.0.2.1:9000")]);
    }
    // And one that only a profile names, for this service alone.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    std::fs::write(
        &file,
        "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = http://192.0.2.1:9000\n",
    )
    .unwrap();
    again(test, &[credential[0], credential[1], ("AWS_CONFIG_FILE", file.to_str().unwrap())]);
}

#[tokio::test]
async fn a_missing_credential_is_named() {
    if inner() {
        return refused("no usable credential").await;
    }
    again("store::s3::a_missing_credential_is_named", &[]);
}

#[tokio::test]
async fn an_untrusted_certificate_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", &file("key"), "-out", &file("cert")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", &file("key"), "-cert", &file("cert")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(server.stdout.take().unwrap());
    let address = said.lines().find_map(|l| l.unwrap().strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
    let settings = S3 { endpoint: Some(format!("https://{address}")), path_style: true, ..S3::default() };
    let store = store(&settings, "bucket", "", "SK").await;
    let e = put(&store, "a", b"x").await.unwrap_err();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(matches!(&e, StoreError::Other(t) if t.contains("certificate is not trusted")), "{e}");
}
