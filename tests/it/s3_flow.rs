//! The whole way over S3: an in-process server and a stand-alone Ceph RGW
//! (`PGSEAL_TEST_RGW`, started by `scripts/test`).

use crate::support::pg;
use crate::support::s3_server;

use std::path::Path;
use std::process::{Command, Output};

use pg::{PgServer, bindir};
use s3_server::S3Server;

struct World<'a> {
    dir: &'a Path,
    credential: (&'a str, &'a str),
}

impl World<'_> {
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pgseal"))
            .env_clear()
            .env("HOME", self.dir)
            .env("AWS_ACCESS_KEY_ID", self.credential.0)
            .env("AWS_SECRET_ACCESS_KEY", self.credential.1)
            .arg("--config")
            .arg(self.dir.join("pgseal.toml"))
            .args(args)
            .output()
            .unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }
}

/// Makes keys and configuration, then goes the whole way.
fn whole_way(endpoint: &str, bucket: &str, credential: (&str, &str)) {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t (a int primary key, b text); insert into t select g, md5(g::text) from generate_series(1, 50000) g");
    // Reachable for the scratch user, whoever that is.
    let dir = tempfile::Builder::new().prefix("pgs3").tempdir_in("/tmp").unwrap();
    let w = World { dir: dir.path(), credential };
    std::fs::write(dir.path().join("pgseal.toml"), "").unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let recipient = w.ok(&["keygen", "identity", "-o", &path("identity")]);
    let line = w.ok(&["keygen", "signer", "-o", &path("signer"), "--source", "shop", "--role", "both"]);
    std::fs::write(dir.path().join("allowed"), format!("{line}\n")).unwrap();
    let config = format!(
        r#"
[repository]
url = "s3://{bucket}/some/prefix"
s3 = {{ endpoint = "{endpoint}", region = "us-east-1", path_style = true }}
[keys]
recipients = ["{recipient}"]
signing_key = "{}"
allowed_signers = "{}"
identity = "{}"
[state]
dir = "{}"
[source.shop]
kind = "logical"
connection = "{}"
databases = ["shop"]
part_bytes = "256KiB"
[source.shop.exposure]
fail_on = "critical"
"#,
        path("signer"),
        path("allowed"),
        path("identity"),
        path("state"),
        server.conninfo()
    );
    std::fs::write(dir.path().join("pgseal.toml"), config).unwrap();
    w.ok(&["init"]);
    let id = w.ok(&["backup", "shop"]);
    let seen: serde_json::Value = serde_json::from_str(&w.ok(&["verify", "shop", "--open", "--json"])).unwrap();
    let b = &seen[0]["backups"][0];
    assert!(b["objects"].as_u64().unwrap() > 5, "{seen}");
    assert_eq!(b["objects"], b["opened"], "{seen}");
    w.ok(&["restore", &id, "--target-db", "shop2", "--connection", &server.conninfo()]);
    let sum = "select count(*), md5(string_agg(b, ',' order by a)) from t";
    assert_eq!(server.psql("shop", sum), server.psql("shop2", sum));
    w.ok(&["drill", "shop"]);
    let listed: serde_json::Value = serde_json::from_str(&w.ok(&["list", "--json"])).unwrap();
    assert_eq!(listed[0]["proof"]["verdict"], "passed", "{listed}");
    // A second backup over the same bucket goes on in the chain.
    w.ok(&["backup", "shop"]);
    assert!(w.ok(&["verify"]).contains("history of 2 backups is whole"));
    // Without the right credential nothing is said about the backups.
    let stranger = World { dir: dir.path(), credential: (credential.0, "wrong") };
    let denied = stranger.run(&["verify"]);
    assert_eq!(denied.status.code(), Some(31), "{denied:?}");
}

#[test]
fn in_process() {
    let root = tempfile::tempdir().unwrap();
    let s3 = S3Server::start(root.path(), &["backups"]);
    whole_way(&s3.endpoint(), "backups", (s3_server::ACCESS_KEY, s3_server::SECRET_KEY));
}

/// A server that accepts bodies contradicting their checksum: parts are read back.
#[test]
fn ceph_rgw() {
    let endpoint = std::env::var("PGSEAL_TEST_RGW")
        .expect("PGSEAL_TEST_RGW is not set: run scripts/test, which starts Ceph RGW, or start scripts/ceph-rgw");
    let bucket = format!("flow-{}", std::process::id());
    create_bucket(&endpoint, &bucket);
    whole_way(&endpoint, &bucket, ("CEPHKEY", "CEPHSECRET"));
}

fn create_bucket(endpoint: &str, bucket: &str) {
    let credentials = aws_credential_types::Credentials::new("CEPHKEY", "CEPHSECRET", None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(credentials)
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.create_bucket().bucket(bucket).send()).unwrap();
}
