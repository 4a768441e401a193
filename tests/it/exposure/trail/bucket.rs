//! What only a bucket can tell, of a Ceph object gateway: with policies, access
//! lists, versions and locks. `PGSEAL_TEST_RGW` says where it is; without it these
//! tests fail. And of a server that implements hardly any of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    BucketCannedAcl, BucketLifecycleConfiguration, BucketVersioningStatus, DefaultRetention, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectLockConfiguration,
    ObjectLockEnabled, ObjectLockRetention, ObjectLockRetentionMode, ObjectLockRule, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::config::Config;
use pgseal::config::schema::{ObjectLock, Repository, Retention, S3};
use pgseal::exposure::trail::Trail;
use pgseal::store::SharedStore;
use pgseal::store::s3::{Options, S3Store};
use pgseal::store::s3_probe::Bucket;
use pgseal::types::Known;

use super::{config, look_at, sealed};
use crate::exposure::fixture::{found, of, severity, silent};
use crate::exposure::s3_server::{ACCESS_KEY, Answer, Call, Hook, S3Server, SECRET_KEY};
use crate::exposure::world::World;

fn ceph() -> S3 {
    let endpoint = std::env::var("PGSEAL_TEST_RGW").expect(
        "PGSEAL_TEST_RGW is not set: start `scripts/ceph-rgw TREE PORT` (see there) and set it to http://127.0.0.1:PORT",
    );
    S3 { endpoint: Some(endpoint), region: Some("us-east-1".into()), path_style: true, ..S3::default() }
}

fn credential(key: &str, secret: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(key, secret, None, None, "test"))
}

/// A bucket with the world's store in it, below `pg/`.
struct Cloud {
    admin: Client,
    bucket: String,
    settings: S3,
    key: [&'static str; 2],
}

impl Cloud {
    async fn new(world: &World, locked: bool) -> Self {
        let settings = ceph();
        let key = ["CEPHKEY", "CEPHSECRET"];
        let bucket = format!("pgseal-{:016x}", fastrand::u64(..));
        let cloud = Self::on(settings, &bucket, key);
        cloud.admin.create_bucket().bucket(&bucket).object_lock_enabled_for_bucket(locked).send().await.unwrap();
        cloud.fill(world).await;
        cloud
    }

    fn on(settings: S3, bucket: &str, key: [&'static str; 2]) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(settings.endpoint.clone().unwrap())
            .region(Region::new("us-east-1"))
            .credentials_provider(credential(key[0], key[1]))
            .force_path_style(true)
            .build();
        Self { admin: Client::from_conf(config), bucket: bucket.to_owned(), settings, key }
    }

    async fn fill(&self, world: &World) {
        for key in world.objects() {
            let body = std::fs::read(world.path("store").join(&key)).unwrap();
            let put = self.admin.put_object().bucket(&self.bucket).key(format!("pg/{key}"));
            put.body(ByteStream::from(body)).send().await.unwrap();
        }
    }

    async fn look(&self, world: &World, change: impl FnOnce(&mut Trail<'_>)) -> Vec<CheckResult> {
        let mut config: Config = config(world);
        config.repository = Repository {
            url: format!("s3://{}/pg", self.bucket),
            s3: self.settings.clone(),
            retry_for: Duration::from_secs(1),
        };
        let options = || Options { credentials: Some(credential(self.key[0], self.key[1])), ..Options::default() };
        let bucket = Bucket::open(&config.repository, options()).await.unwrap();
        let store = S3Store::open_with(&self.bucket, "pg", &self.settings, options()).await.unwrap();
        look_at(&config, Arc::new(store) as SharedStore, bucket, change).await
    }

    async fn policy(&self, statements: serde_json::Value) {
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": statements });
        self.admin.put_bucket_policy().bucket(&self.bucket).policy(policy.to_string()).send().await.unwrap();
    }

    fn resources(&self) -> [String; 2] {
        [format!("arn:aws:s3:::{}", self.bucket), format!("arn:aws:s3:::{}/*", self.bucket)]
    }

    async fn canaries(&self) -> Vec<String> {
        let out = self.admin.list_object_versions().bucket(&self.bucket).prefix("pg/canary/").send().await.unwrap();
        out.versions().iter().map(|v| v.key().unwrap().to_owned()).collect()
    }
}

fn outcome(results: &[CheckResult], id: &str) -> Outcome {
    of(results, id).outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_as_it_comes_has_findings() {
    let (_server, world) = sealed();
    let cloud = Cloud::new(&world, false).await;
    let results = cloud.look(&world, |_| ()).await;
    silent(&results, "EXP-STO-001");
    silent(&results, "EXP-STO-004");
    silent(&results, "EXP-BKP-001");
    silent(&results, "EXP-BKP-006");
    found(&results, "EXP-STO-002", &["bucket: public access block"]);
    found(&results, "EXP-STO-003", &["bucket policy: aws:SecureTransport"]);
    found(&results, "EXP-STO-005", &["bucket: versioning"]);
    found(&results, "EXP-STO-006", &["bucket: object lock"]);
    found(&results, "EXP-STO-007", &["writer: replace", "writer: delete", "writer: read", "writer: list"]);
    assert_eq!(severity(&results, "EXP-STO-007", "writer: delete"), Severity::High);
    assert_eq!(cloud.canaries().await, [""; 0]);
    silent(&results, "EXP-STO-008");
    assert!(of(&results, "EXP-STO-009").findings.iter().any(|f| f.object == "bucket: default encryption"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_bucket_is_found() {
    let (_server, world) = sealed();
    let cloud = Cloud::new(&world, false).await;
    cloud.admin.put_bucket_acl().bucket(&cloud.bucket).acl(BucketCannedAcl::PublicReadWrite).send().await.unwrap();
    cloud
        .policy(serde_json::json!([{
            "Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": cloud.resources(),
        }]))
        .await;
    let results = cloud.look(&world, |_| ()).await;
    found(
        &results,
        "EXP-STO-001",
        &["bucket: anonymous reading", "bucket: anonymous listing", "bucket: anonymous writing"],
    );
    let objects = of(&results, "EXP-STO-002").findings.iter().map(|f| f.object.clone()).collect::<Vec<_>>();
    for wanted in ["bucket: public access block", "bucket: policy", "bucket: access list of AllUsers"] {
        assert!(objects.iter().any(|o| o == wanted), "{wanted}: {objects:?}");
    }
    found(&results, "EXP-STO-003", &["bucket policy: *", "bucket policy: aws:SecureTransport"]);
    assert_eq!(severity(&results, "EXP-STO-003", "bucket policy: *"), Severity::Critical);
    assert_eq!(cloud.canaries().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_closed_versioned_and_locked_passes() {
    let (_server, world) = sealed();
    let mut cloud = Cloud::new(&world, true).await;
    let admin = &cloud.admin;
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    admin
        .put_public_access_block()
        .bucket(&cloud.bucket)
        .public_access_block_configuration(block)
        .send()
        .await
        .unwrap();
    let tls = serde_json::json!({ "Bool": { "aws:SecureTransport": "false" } });
    let deny = |actions: &[&str], what: &[String]| serde_json::json!({ "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": what });
    let mut plain = deny(&["s3:*"], &["arn:aws:s3:::elsewhere/*".to_owned()]);
    plain["Condition"] = tls;
    let below = |what: &str| format!("arn:aws:s3:::{}/{what}", cloud.bucket);
    let rule = LifecycleRule::builder()
        .id("old")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(40).build())
        .build()
        .unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    admin
        .put_bucket_lifecycle_configuration()
        .bucket(&cloud.bucket)
        .lifecycle_configuration(rules)
        .send()
        .await
        .unwrap();
    let until = DateTime::from(SystemTime::now() + Duration::from_hours(40 * 24));
    for key in world.objects() {
        let lock =
            ObjectLockRetention::builder().mode(ObjectLockRetentionMode::Compliance).retain_until_date(until).build();
        let put = admin.put_object_retention().bucket(&cloud.bucket).key(format!("pg/{key}"));
        put.retention(lock).send().await.unwrap();
    }
    cloud.settings.object_lock = Some(ObjectLock { compliance: true, keep: Duration::from_hours(35 * 24) });
    cloud
        .policy(serde_json::json!([
            plain,
            deny(&["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"], &[below("*")]),
            deny(&["s3:GetObject"], &[below("pg/s/shop/d/*/facts.zst.age")]),
        ]))
        .await;
    let results = cloud.look(&world, |_| ()).await;
    for id in ["EXP-STO-001", "EXP-STO-002", "EXP-STO-003", "EXP-STO-005", "EXP-STO-006", "EXP-STO-008"] {
        silent(&results, id);
    }
    // The one thing left that this credential may: look around, and replace, which keeps the older version.
    let writer = of(&results, "EXP-STO-007");
    let objects: Vec<_> = writer.findings.iter().map(|f| f.object.as_str()).collect();
    assert!(
        !objects.iter().any(|o| o.contains("delete") || o.contains("override") || o.contains("read")),
        "{writer:#?}"
    );
    assert!(objects.contains(&"writer: replace"), "{writer:#?}");
    assert_eq!(severity(&results, "EXP-STO-007", "writer: replace"), Severity::Medium);
    let note = writer.reason.clone().unwrap();
    assert!(note.contains("canaries stay that could not be deleted"), "{note}");
    for key in cloud.canaries().await {
        assert!(note.contains(key.strip_prefix("pg/").unwrap()), "{key} is left and not told: {note}");
    }
    // As long as the configuration asks, and not a day less.
    cloud.settings.object_lock = Some(ObjectLock { compliance: true, keep: Duration::from_hours(50 * 24) });
    let results = cloud.look(&world, |_| ()).await;
    found(&results, "EXP-STO-006", &["newest backup: end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_locks_and_hasty_rules_are_found() {
    let (_server, world) = sealed();
    let cloud = Cloud::new(&world, true).await;
    let admin = &cloud.admin;
    let rule = LifecycleRule::builder()
        .id("tidy")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("pg/").build())
        .expiration(LifecycleExpiration::builder().days(3).build())
        .build()
        .unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = admin.put_bucket_lifecycle_configuration().bucket(&cloud.bucket).lifecycle_configuration(rules);
    let named = put.send().await;
    assert!(named.is_ok(), "{named:?}");
    admin.create_multipart_upload().bucket(&cloud.bucket).key("pg/s/shop/d/x").send().await.unwrap();
    let month = Retention { keep_within: Some(Duration::from_hours(30 * 24)), ..Retention::default() };
    let results = cloud
        .look(&world, |t| {
            t.retention = Some(Box::leak(Box::new(month)));
            super::later(t, 8 * 24);
        })
        .await;
    found(&results, "EXP-STO-006", &["newest backup"]);
    assert!(of(&results, "EXP-STO-006").findings[0].message.contains("have no lock"));
    let rule = "lifecycle rule tidy";
    found(&results, "EXP-STO-008", &[rule, "bucket: old versions", "bucket: unfinished uploads"]);
    assert_eq!(severity(&results, "EXP-STO-008", rule), Severity::High);
    // Versions and governance locks that this credential can undo.
    found(
        &results,
        "EXP-STO-007",
        &[
            "writer: replace",
            "writer: delete",
            "writer: delete a version",
            "writer: shorten a lock",
            "writer: override a lock",
            "writer: read",
            "writer: list",
        ],
    );
    assert_eq!(severity(&results, "EXP-STO-007", "writer: delete"), Severity::Medium);
    assert_eq!(cloud.canaries().await, [""; 0]);

    // A governance lock holds less than it says.
    let default = DefaultRetention::builder().mode(ObjectLockRetentionMode::Governance).days(30).build();
    let lock = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(default).build())
        .build();
    admin.put_object_lock_configuration().bucket(&cloud.bucket).object_lock_configuration(lock).send().await.unwrap();
    cloud.fill(&world).await;
    let results = cloud.look(&world, |_| ()).await;
    found(&results, "EXP-STO-006", &["newest backup: mode"]);
    assert_eq!(severity(&results, "EXP-STO-006", "newest backup: mode"), Severity::Low);
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_versions_count_as_none_and_encryption_is_seen() {
    let (_server, world) = sealed();
    let cloud = Cloud::new(&world, false).await;
    let admin = &cloud.admin;
    let sse = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build().unwrap();
    let sse = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(sse).build();
    let sse = ServerSideEncryptionConfiguration::builder().rules(sse).build().unwrap();
    admin.put_bucket_encryption().bucket(&cloud.bucket).server_side_encryption_configuration(sse).send().await.unwrap();
    for (status, passes) in [(BucketVersioningStatus::Enabled, true), (BucketVersioningStatus::Suspended, false)] {
        let config = VersioningConfiguration::builder().status(status).build();
        cloud
            .admin
            .put_bucket_versioning()
            .bucket(&cloud.bucket)
            .versioning_configuration(config)
            .send()
            .await
            .unwrap();
        let results = cloud.look(&world, |_| ()).await;
        assert_eq!(outcome(&results, "EXP-STO-005") == Outcome::Pass, passes);
        let records = of(&results, "EXP-STO-009");
        assert!(!records.findings.iter().any(|f| f.object == "bucket: default encryption"), "{records:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_elsewhere_and_requests_without_a_record_are_found() {
    let (_server, world) = sealed();
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path(), &["copied", "logged"]);
    for (bucket, logging) in [("copied", vec!["bucket: access logging"]), ("logged", vec![])] {
        let cloud = Cloud::on(server.settings(), bucket, [ACCESS_KEY, SECRET_KEY]);
        cloud.fill(&world).await;
        let results = cloud.look(&world, |t| t.proven = Known::no("not read")).await;
        let records = of(&results, "EXP-STO-009");
        assert_eq!(records.findings.iter().map(|f| f.object.as_str()).collect::<Vec<_>>(), logging);
        // That it encrypts it does not tell.
        assert!(records.reason.as_deref().unwrap().contains("does not implement"), "{records:#?}");
        if bucket == "copied" {
            found(&results, "EXP-BKP-006", &["replica arn:aws:s3:::elsewhere"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_not_implement_is_not_evaluated() {
    let (_server, world) = sealed();
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path(), &["acme"]);
    let mut cloud = Cloud::on(server.settings(), "acme", [ACCESS_KEY, SECRET_KEY]);
    cloud.fill(&world).await;
    let results = cloud.look(&world, |t| t.proven = Known::no("not read")).await;
    silent(&results, "EXP-STO-001");
    silent(&results, "EXP-BKP-001");
    silent(&results, "EXP-BKP-002");
    for id in ["EXP-STO-002", "EXP-STO-003", "EXP-STO-005", "EXP-STO-006", "EXP-STO-008", "EXP-STO-009", "EXP-BKP-006"]
    {
        assert_eq!(outcome(&results, id), Outcome::NotEvaluated, "{id}: {:#?}", of(&results, id));
        assert!(
            of(&results, id).reason.as_ref().unwrap().contains("does not implement"),
            "{id}: {:#?}",
            of(&results, id)
        );
    }
    // A host without a signing key writes no backups: nothing is proven of the writer.
    let results = cloud.look(&world, |t| t.writes = false).await;
    assert_eq!(outcome(&results, "EXP-STO-007"), Outcome::NotEvaluated);
    cloud.settings.allow_plain_http = true;
    let results = cloud.look(&world, |_| ()).await;
    found(&results, "EXP-STO-004", &["setting repository.s3.allow_plain_http"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_may_only_create_is_tried_on_what_it_creates() {
    let (_server, world) = sealed();
    let dir = tempfile::tempdir().unwrap();
    let hook: Hook = Arc::new(|call, _, key| {
        let canary = call == Call::Put && key.starts_with("pg/canary/");
        if canary { Answer::OnlyNew } else { Answer::Usual }
    });
    let server = S3Server::start_with(dir.path(), &["acme"], hook);
    let cloud = Cloud::on(server.settings(), "acme", [ACCESS_KEY, SECRET_KEY]);
    cloud.fill(&world).await;
    let results = cloud.look(&world, |_| ()).await;
    found(&results, "EXP-STO-007", &["writer: delete", "writer: read", "writer: list"]);
    let left = crate::exposure::world::files(&dir.path().join("acme"))
        .into_keys()
        .filter(|p| p.to_string_lossy().contains("canary/"));
    assert_eq!(left.count(), 0, "a canary is left");
}
