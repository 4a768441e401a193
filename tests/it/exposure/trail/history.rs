//! The signed history, and what a backup leaves out.

use std::sync::Arc;
use std::time::Duration;

use pgseal::catalog::Entry;
use pgseal::checks::{Outcome, Severity};
use pgseal::config::Config;
use pgseal::config::schema::Retention;
use pgseal::keys::Identities;
use pgseal::manifest::parts;
use pgseal::pipeline::Reader;
use pgseal::source::Facts;
use pgseal::types::{Known, Silent};

use super::{SOURCE, config, later, look, sealed};
use crate::exposure::fixture::{found, of, severity, silent};
use crate::exposure::world::World;

/// The sealed facts of a backup, opened with the world's identity.
async fn facts(world: &World, entry: &Entry) -> Facts {
    let config = config(world);
    let store = pgseal::store::open(&config.repository, Arc::new(Silent)).await.unwrap();
    let identities = Arc::new(Identities::from_file(&world.path("identity")).unwrap());
    let reader = Reader::start(store, identities, 1, 1).unwrap();
    let (key, part) = parts::of_facts(&entry.manifest);
    serde_json::from_slice(&reader.part(key, part).await.unwrap()).unwrap()
}

/// The newest backup's entry.
async fn newest(world: &World) -> Entry {
    let mut entry = None;
    look(&config(world), None, |t| entry = t.newest().cloned()).await;
    entry.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_lost_and_late_backups_are_found() {
    let (_server, world) = sealed();
    world.backup();
    world.backup();
    // Never seen before: a rollback could not be noticed.
    let elsewhere = Config { state_dir: world.path("elsewhere"), ..config(&world) };
    let results = look(&elsewhere, None, |_| ()).await;
    assert_eq!(of(&results, "EXP-BKP-004").outcome, Outcome::NotEvaluated);
    silent(&results, "EXP-MAN-001");
    world.run(&["verify", "shop"]).expect(0);
    let results = look(&config(&world), None, |t| later(t, 30)).await;
    silent(&results, "EXP-BKP-004");
    // 26 hours were promised.
    found(&results, "EXP-BKP-005", &["source shop"]);

    // One manifest is changed, the newest is taken away with its signature.
    let store = world.path("store/s/shop/m");
    let second = store.join("0000000002.json");
    let text = std::fs::read_to_string(&second).unwrap();
    std::fs::write(&second, text.replacen("\"label\": null", "\"label\": \"x\"", 1)).unwrap();
    for entry in std::fs::read_dir(&store).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("0000000003") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_ne!(std::fs::read_to_string(&second).unwrap(), text);
    let results = look(&config(&world), None, |_| ()).await;
    found(&results, "EXP-MAN-001", &["slot 2"]);
    found(&results, "EXP-BKP-004", &["slot 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_parts_are_found() {
    let (_server, world) = sealed();
    let id = newest(&world).await.manifest.backup_id;
    let part = world.objects().into_iter().find(|k| k.ends_with("facts.zst.age")).unwrap();
    std::fs::remove_file(world.path("store").join(part)).unwrap();
    let results = look(&config(&world), None, |_| ()).await;
    found(&results, "EXP-BKP-003", &[&format!("backup {id}")]);
    assert_eq!(severity(&results, "EXP-BKP-003", &format!("backup {id}")), Severity::High);
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_that_retention_let_go_are_found() {
    let (_server, world) = sealed();
    let first = newest(&world).await.manifest.backup_id;
    world.backup();
    let config = config(&world);
    let rules = Retention { keep_last: Some(1), ..Retention::default() };
    // Within the days of grace nothing is said, later it is.
    let results = look(&config, None, |t| t.retention = Some(Box::leak(Box::new(rules.clone())))).await;
    silent(&results, "EXP-BKP-005");
    let results = look(&config, None, |t| {
        t.retention = Some(Box::leak(Box::new(rules.clone())));
        later(t, 8 * 24);
    })
    .await;
    found(&results, "EXP-BKP-005", &["source shop", &format!("backup {first}")]);
    // Kept by any rule is kept; what a drill proved cannot be told without the reports.
    let proven = Retention { keep_proven: Some(1), keep_within: Some(Duration::from_secs(1)), ..Retention::default() };
    let results = look(&config, None, |t| {
        t.retention = Some(Box::leak(Box::new(proven.clone())));
        t.proofs = Known::no("unreadable");
    })
    .await;
    assert_eq!(of(&results, "EXP-BKP-005").outcome, Outcome::NotEvaluated);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_leaves_out_is_found() {
    let (server, world) = sealed();
    let whole = facts(&world, &newest(&world).await).await;
    let results = look(&config(&world), None, |t| t.facts = Known::Yes(whole.clone())).await;
    silent(&results, "EXP-BKP-010");

    let unposed = Facts { posture: None, ..whole.clone() };
    let results = look(&config(&world), None, |t| t.facts = Known::Yes(unposed)).await;
    found(&results, "EXP-BKP-010", &["newest backup: posture"]);

    // A role that is no superuser leaves subscriptions out, and pg_dump says so to nobody who listens.
    server.psql(
        "shop",
        "create role reader login; grant pg_read_all_data, pg_read_all_settings to reader; \
         create subscription s connection 'host=nowhere.example.org' publication p with (connect = false)",
    );
    for database in ["shop", "postgres"] {
        let asked = "grant execute on function pg_control_system(), pg_control_checkpoint() to reader";
        server.psql(database, asked);
    }
    let connection = format!("{} user=reader", server.conninfo().replace("user=postgres", ""));
    let text = std::fs::read_to_string(world.path("pgseal.toml")).unwrap();
    let text: String = text
        .lines()
        .map(
            |l| if l.starts_with("connection") { format!("connection = \"{connection}\"\n") } else { format!("{l}\n") },
        )
        .collect();
    world.write("pgseal.toml", &format!("{text}role_passwords = false"));
    world.run(&["backup", "shop"]).expect(3);
    let entry = newest(&world).await;
    let read = facts(&world, &entry).await;
    let object = "newest backup: database shop: subscriptions";
    let results = look(&config(&world), None, |t| t.facts = Known::Yes(read.clone())).await;
    let result = of(&results, "EXP-BKP-010");
    assert!(result.findings.iter().any(|f| f.object == object), "{result:#?}");
    assert_eq!(severity(&results, "EXP-BKP-010", object), Severity::Medium);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_the_clear_are_found() {
    let (_server, world) = sealed();
    let known = facts(&world, &newest(&world).await).await;
    let results = look(&config(&world), None, |t| {
        let mut facts = known.clone();
        facts.databases.iter_mut().for_each(|d| d.name = "pay\u{1b}roll".into());
        t.databases.clear();
        t.facts = Known::Yes(facts);
    })
    .await;
    silent(&results, "EXP-MAN-002");
    // Without facts and without names in the configuration there is nothing to compare with.
    world.configure("databases = \"all\"\n");
    let results = look(&config(&world), None, |_| ()).await;
    assert_eq!(of(&results, "EXP-MAN-002").outcome, Outcome::NotEvaluated);
    world.configure(SOURCE);
    let results = look(&config(&world), None, |_| ()).await;
    found(&results, "EXP-MAN-002", &["source shop"]);
}
