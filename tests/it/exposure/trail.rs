//! STO, BKP, MAN, KEY: a store that the program itself made, and what somebody
//! did to it since.

mod bucket;
mod history;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pgseal::catalog::Reading;
use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::config::{self, Config, Inputs};
use pgseal::exposure::Policy;
use pgseal::exposure::run::Sightings;
use pgseal::exposure::trail::Trail;
use pgseal::keys::{Identities, Trust};
use pgseal::store::s3_probe::Bucket;
use pgseal::types::{Silent, SourceName};

use crate::exposure::fixture::{found, of, severity, silent};
use crate::exposure::pg::PgServer;
use crate::exposure::world::World;

/// The source's lines of every configuration here.
pub const SOURCE: &str = "databases = [\"shop\"]\nnext_due = \"26h\"\n";

/// A server with one database, and a world whose backups two recipients open.
pub fn sealed() -> (PgServer, World) {
    let server = crate::exposure::fixture::server(&[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table orders (id int); insert into orders select generate_series(1, 1000)");
    let world = World::new(&server, SOURCE);
    let recovery = world.run(&["keygen", "identity", "-o", "recovery"]).expect(0).out;
    world.configure_with(&format!("recipients = [\"{}\", \"{}\"]", world.recipient, recovery.trim()), "", SOURCE);
    std::fs::set_permissions(world.path("store"), std::fs::Permissions::from_mode(0o700)).unwrap();
    world.backup();
    (server, world)
}

/// The configuration of the world as the program loads it.
pub fn config(world: &World) -> Config {
    let inputs = Inputs {
        config: Some(world.path("pgseal.toml")),
        overrides: Vec::new(),
        env: std::iter::once(("HOME".to_owned(), world.path("home").display().to_string())).collect(),
        cwd: world.path(""),
        root: true,
        system_file: "/nonexistent".into(),
    };
    config::load(&inputs).unwrap().config
}

/// The state directory remembers what `pgseal verify` saw.
pub async fn reading(config: &Config, store: pgseal::store::SharedStore) -> Reading {
    let mut bytes = Vec::new();
    store.get(&pgseal::store::layout::repo(), 4096, &mut bytes).await.unwrap();
    let repo: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    Reading {
        store,
        trust: Arc::new(Trust::load(config.keys.allowed_signers.as_deref().unwrap(), None).unwrap()),
        repo: repo["repo_id"].as_str().unwrap().parse().unwrap(),
        state_dir: config.state_dir.clone(),
    }
}

/// The results of all checks of a store, after `change` to what was gathered.
pub async fn look(config: &Config, bucket: Option<Bucket>, change: impl FnOnce(&mut Trail<'_>)) -> Vec<CheckResult> {
    let store = pgseal::store::open(&config.repository, Arc::new(Silent)).await.unwrap();
    look_at(config, store, bucket, change).await
}

/// The same, of a store that was opened otherwise.
pub async fn look_at(
    config: &Config,
    store: pgseal::store::SharedStore,
    bucket: Option<Bucket>,
    change: impl FnOnce(&mut Trail<'_>),
) -> Vec<CheckResult> {
    let source: SourceName = "shop".parse().unwrap();
    let policy = Policy::default();
    let reading = reading(config, store).await;
    let mut trail = Trail::gather(config, &source, &reading, bucket, &policy).await.unwrap();
    change(&mut trail);
    let mut seen = Sightings::default();
    seen.trail(&trail).await;
    seen.results(Some(&source))
}

/// A file of the store, with directories; of mode 0600.
fn plant(world: &World, key: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = world.path("store").join(key);
    std::fs::DirBuilder::new().recursive(true).create(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Lets a file look two days old.
fn age(path: &Path) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

/// A part of the newest backup: key below the store.
fn part(world: &World) -> String {
    world.objects().into_iter().find(|k| k.ends_with("/s01/00001.zst.age")).unwrap()
}

/// `plain`, sealed for these recipients.
fn seal(recipients: &[&str], plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let keys: Vec<age::x25519::Recipient> = recipients.iter().map(|r| r.parse().unwrap()).collect();
    let encryptor = age::Encryptor::with_recipients(keys.iter().map(|k| k as _)).unwrap();
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap();
    out
}

/// Everything that a directory can tell, on a healthy store.
#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_store_passes_and_what_cannot_be_asked_is_no_pass() {
    let (_server, world) = sealed();
    world.run(&["verify", "shop"]).expect(0);
    let config = config(&world);
    let results = look(&config, None, |t| {
        let proven = t.newest().unwrap().manifest.encryption.recipients.iter().map(|r| (r.clone(), t.now)).collect();
        t.proven = pgseal::types::Known::Yes(proven);
    })
    .await;
    for id in [
        "EXP-BKP-001",
        "EXP-BKP-002",
        "EXP-BKP-003",
        "EXP-BKP-004",
        "EXP-BKP-005",
        "EXP-MAN-001",
        "EXP-MAN-002",
        "EXP-STO-010",
        "EXP-KEY-001",
        "EXP-KEY-003",
        "EXP-KEY-004",
    ] {
        if id != "EXP-MAN-002" {
            silent(&results, id);
        }
    }
    // The source is called as its database.
    found(&results, "EXP-MAN-002", &["source shop"]);
    // Whoever owns a directory can empty it.
    found(&results, "EXP-STO-007", &["writer: delete"]);
    assert!(!world.objects().iter().any(|k| k.starts_with("canary")), "the canary is gone");
    // Nobody opened the facts: what they would tell is open.
    assert_eq!(of(&results, "EXP-BKP-010").outcome, Outcome::NotEvaluated);
    for id in ["001", "002", "003", "004", "005", "006", "008", "009"] {
        assert_eq!(of(&results, &format!("EXP-STO-{id}")).outcome, Outcome::NotApplicable, "{id}");
    }
    assert_eq!(of(&results, "EXP-BKP-006").outcome, Outcome::NotApplicable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_put_into_the_store_is_found() {
    let (_server, world) = sealed();
    let config = config(&world);
    // In the clear, beside the sealed parts and in their place; also under a name that no listing shows.
    let part = part(&world);
    let (other, id) = (part.replace("s01/00001", "s02/00001"), part.split('/').nth(3).unwrap().to_owned());
    plant(&world, &part, b"\x1f\x8b\x08\0rest");
    let dump = plant(&world, "old/shop.dump", b"PGDMP\x01\x0e\0");
    let sql = plant(&world, "old/shop (copy).sql", b"--\n-- PostgreSQL database dump\n--\nCREATE TABLE t();\n");
    let notes = plant(&world, "notes.txt", b"nothing of interest\n");
    // A part that someone else can open, too.
    let (_, stranger) = Identities::generate();
    plant(&world, &other, seal(&[&world.recipient, &world.recipient.clone(), &stranger], b"x"));
    // A backup that nobody signed.
    let loose = plant(&world, "s/shop/d/20200101T000000Z-0123456789abcdef/s01/00001.zst.age", seal(&[&stranger], b"x"));
    // A key beside what it opens: at the beginning of a file, and deep in one.
    let secret = Identities::generate().0;
    plant(&world, "keys/identity", format!("# created\n{}\n", *secret));
    let mut long = vec![b'.'; 9000];
    long.extend_from_slice(b"-----BEGIN OPENSSH PRIVATE KEY-----\n");
    plant(&world, "keys/backup", &long);
    for path in [&dump, &sql, &notes, &loose] {
        age(path);
    }
    let results = look(&config, None, |_| ()).await;
    found(&results, "EXP-BKP-001", &[&format!("object {part}"), "object old/shop.dump", "object old/shop (copy).sql"]);
    found(&results, "EXP-BKP-002", &[&format!("backup {id}")]);
    let message = &of(&results, "EXP-BKP-002").findings[0].message;
    assert!(message.contains("3 recipients, the manifest declares 2"), "{message}");
    found(
        &results,
        "EXP-BKP-003",
        &[
            "object notes.txt",
            "object old/shop (copy).sql",
            "object old/shop.dump",
            "prefix s/shop/d/20200101T000000Z-0123456789abcdef/",
        ],
    );
    let note = of(&results, "EXP-BKP-003").reason.clone().unwrap();
    assert!(note.contains("2 unlisted objects are younger than a day"), "{note}");
    found(&results, "EXP-KEY-001", &["object keys/backup", "object keys/identity"]);
    let told = format!("{results:?}");
    assert!(!told.contains(&secret[20..40]) && !told.contains("AGE-SECRET"), "a key was repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_that_were_not_agreed_on_are_found() {
    let (_server, world) = sealed();
    let (_, third) = Identities::generate();
    world.configure_with(&format!("recipients = [\"{}\", \"{third}\"]", world.recipient), "", SOURCE);
    let config = config(&world);
    let since = SignedDuration::from_hours(400 * 24);
    let results = look(&config, None, |t| {
        t.now += since;
        t.proven = pgseal::types::Known::Yes(std::collections::BTreeMap::new());
    })
    .await;
    let former = of(&results, "EXP-BKP-002").findings[0].object.clone();
    assert!(former.starts_with("recipient x25519:"), "{former}");
    // Both were in use for more than a year; one is no longer configured.
    let rotation = of(&results, "EXP-KEY-004");
    assert_eq!(rotation.findings.len(), 2, "{rotation:#?}");
    assert!(rotation.findings.iter().any(|f| f.object == former && f.message.contains("1 backups are still open")));
    assert!(rotation.findings.iter().any(|f| f.object != former && f.message.contains("in use since")));
    // Nobody ever proved them.
    assert_eq!(of(&results, "EXP-KEY-003").findings.len(), 2);
    // Where the drill reports were not read, nothing is said of that.
    let results = look(&config, None, |_| ()).await;
    assert_eq!(of(&results, "EXP-KEY-003").outcome, Outcome::NotEvaluated);
    // One recipient alone.
    world.configure(SOURCE);
    world.backup();
    let results = look(&self::config(&world), None, |_| ()).await;
    found(&results, "EXP-KEY-003", &["source shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_open_to_others_is_found() {
    let (_server, world) = sealed();
    let mut config = config(&world);
    // What decides about trust is not read from where others can exchange it.
    let own = tempfile::tempdir().unwrap();
    let signers = own.path().join("allowed");
    std::fs::copy(config.keys.allowed_signers.as_ref().unwrap(), &signers).unwrap();
    config.keys.allowed_signers = Some(signers);
    config.state_dir = own.path().join("state");
    let store = world.path("store");
    let part = store.join(part(&world));
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink("/etc", store.join("s/link")).unwrap();
    let foreign = plant(&world, "repo2.json", b"{}");
    std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
    std::fs::set_permissions(world.path(""), std::fs::Permissions::from_mode(0o733)).unwrap();
    let results = look(&config, None, |_| ()).await;
    let objects = [
        format!("directory {}", store.display()),
        format!("file {}", part.display()),
        format!("file {}", store.join("s/link").display()),
        format!("file {}", foreign.display()),
        format!("directory {}", world.path("").display().to_string().trim_end_matches('/')),
    ];
    found(&results, "EXP-STO-010", &objects.each_ref().map(String::as_str));
    assert_eq!(severity(&results, "EXP-STO-010", &objects[0]), Severity::High);
    assert_eq!(severity(&results, "EXP-STO-010", &objects[1]), Severity::Medium);
    std::fs::set_permissions(world.path(""), std::fs::Permissions::from_mode(0o711)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_passes_nothing() {
    let server = crate::exposure::fixture::server(&[]);
    let world = World::new(&server, SOURCE);
    let results = look(&config(&world), None, |_| ()).await;
    for id in ["EXP-BKP-002", "EXP-BKP-004", "EXP-BKP-005", "EXP-BKP-010", "EXP-MAN-001", "EXP-KEY-003", "EXP-KEY-004"]
    {
        assert_eq!(of(&results, id).outcome, Outcome::NotApplicable, "{id}: {:#?}", of(&results, id));
    }
}

/// The store's clock, for tests that move it.
pub fn later(t: &mut Trail<'_>, hours: i64) {
    t.now = t.now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    assert!(t.now > Timestamp::UNIX_EPOCH);
}
