//! `drill --self-test` attacks copies, notices everything, and leaves the store as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pgseal::types::Digest;
use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::World;

/// Every file of the store with its digest.
fn store(world: &World) -> BTreeMap<PathBuf, Digest> {
    fn walk(dir: &Path, all: &mut BTreeMap<PathBuf, Digest>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, all);
            } else {
                all.insert(path.clone(), Digest::of(&std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&world.path("store"), &mut all);
    assert!(all.len() > 5, "{all:?}");
    all
}

fn trials(world: &World) -> BTreeMap<String, (u64, bool)> {
    let before = store(world);
    let v: Value = serde_json::from_str(&world.ok(&["drill", "shop", "--self-test", "--json"]).out).unwrap();
    assert_eq!(store(world), before);
    world.nothing_left();
    assert_eq!(v["noticed"], true, "{v:#}");
    let all = v["trials"].as_array().unwrap().iter();
    all.map(|t| (t["name"].as_str().unwrap().to_owned(), (t["got"].as_u64().unwrap(), t["noticed"] == true))).collect()
}

#[test]
fn every_attack_is_noticed_and_nothing_is_changed() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    let first = world.ok(&["backup", "shop"]).out.trim().to_owned();
    let mut expected: BTreeMap<String, (u64, bool)> = [
        ("append", 40),
        ("edit", 41),
        ("facts", 40),
        ("flip", 40),
        ("forge", 40),
        ("lose", 40),
        ("roll-back", 42),
        ("stranger", 41),
        ("swap", 40),
        ("truncate", 40),
        ("unsign", 41),
        ("wrong-key", 12),
    ]
    .map(|(name, code)| (name.to_owned(), (code, true)))
    .into();
    assert_eq!(trials(&world), expected);

    // With a backup before it, that one can be put in its place.
    world.ok(&["backup", "shop"]);
    expected.insert("replay".to_owned(), (42, true));
    assert_eq!(trials(&world), expected);
    let text = world.ok(&["drill", "shop", "--self-test"]).out;
    assert!(text.starts_with("Self-test on shop ") && text.contains("13 of 13 attacks noticed"), "{text}");
    assert!(text.lines().skip(3).all(|l| !l.contains("  NO")), "{text}");

    let old = world.pgseal(&["drill", &first, "--self-test"]);
    assert_eq!(old.code, 2, "{old:?}");
    assert!(old.err.contains("works on the newest backup"), "{old:?}");

    // A backup that is not good as it is says nothing about attacks.
    for facts in store(&world).into_keys().filter(|p| p.ends_with("facts.zst.age")) {
        let mut bytes = std::fs::read(&facts).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&facts, bytes).unwrap();
    }
    let bad = world.pgseal(&["drill", "shop", "--self-test"]);
    assert_eq!((bad.code, bad.out.as_str()), (40, ""), "{bad:?}");
    assert!(bad.err.contains("not good as it is"), "{bad:?}");
}
