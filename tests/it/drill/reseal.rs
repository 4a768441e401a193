//! Changes a stored backup and seals and signs it again with the right keys:
//! what a broken writer would have made, and no signature can find.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pgseal::keys::signing::Namespace;
use pgseal::keys::{Recipients, Signer};
use pgseal::manifest::model::{Role, StoredPart};
use pgseal::manifest::parse;
use pgseal::pipeline::seal::Sealer;
use pgseal::store::layout;
use pgseal::types::Digest;
use serde_json::Value;

use crate::drill::world::World;

/// The plain bytes of a stream, with what it is.
pub struct Plain {
    pub role: Role,
    pub bytes: Vec<u8>,
}

/// Gives the first backup of `source` to `change`: its facts, and its streams.
pub fn reseal(world: &World, source: &str, change: impl FnOnce(&mut Value, &mut BTreeMap<String, Plain>)) {
    let store = world.path("store");
    let name = source.parse().unwrap();
    let at = store.join(layout::manifest(&name, 1).as_str());
    let mut manifest = parse::from_bytes(&std::fs::read(&at).unwrap(), "manifest").unwrap();
    let id = manifest.backup_id.clone();
    let part = |stream: &str, n: usize| store.join(layout::part(&name, &id, stream, n).as_str());
    let facts_at = store.join(layout::facts(&name, &id).as_str());

    let mut facts: Value = serde_json::from_slice(&open(world, &facts_at)).unwrap();
    let mut plain: BTreeMap<String, Plain> = BTreeMap::new();
    for s in &manifest.streams {
        let parts = usize::try_from(s.parts).unwrap();
        let bytes = (1..=parts).flat_map(|n| open(world, &part(&s.reference, n))).collect();
        plain.insert(s.reference.clone(), Plain { role: s.role, bytes });
    }
    change(&mut facts, &mut plain);

    let config = std::fs::read_to_string(world.path("pgseal.toml")).unwrap();
    let recipient = config.split("recipients = [\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let recipients = Arc::new(Recipients::parse(&[recipient]).unwrap());
    let mut sealer = Sealer::new(recipients, 3).unwrap();
    let mut stored = Vec::new();
    for s in &mut manifest.streams {
        let bytes = &plain[&s.reference].bytes;
        s.plain_bytes = bytes.len() as u64;
        s.stored.clear();
        for (n, chunk) in bytes.chunks(usize::try_from(manifest.part_bytes).unwrap()).enumerate() {
            let done = sealer.seal(chunk, &mut stored).unwrap();
            std::fs::write(part(&s.reference, n + 1), &stored).unwrap();
            s.stored.push(StoredPart(done.stored_sha256, done.stored_bytes));
        }
        assert_eq!(s.parts, s.stored.len() as u64, "as many parts as before");
    }
    let done = sealer.seal(&serde_json::to_vec(&facts).unwrap(), &mut stored).unwrap();
    std::fs::write(facts_at, &stored).unwrap();
    manifest.facts.stored_bytes = done.stored_bytes;
    manifest.facts.stored_sha256 = done.stored_sha256;
    manifest.facts.plain_bytes = done.plain_bytes;
    let bytes = parse::to_bytes(&manifest).unwrap();
    let digest = Digest::of(&bytes);
    let armor = Signer::load(&world.path("keys/signer")).unwrap().sign(Namespace::Manifest, &bytes).unwrap();
    std::fs::write(store.join(layout::manifest_sig(&name, 1, &digest).as_str()), armor).unwrap();
    std::fs::write(&at, bytes).unwrap();
    // This host has seen the other manifest; the drill is that of one which has not.
    std::fs::remove_dir_all(world.path("state")).unwrap();
    std::fs::create_dir(world.path("state")).unwrap();
}

fn open(world: &World, file: &std::path::Path) -> Vec<u8> {
    let age = Command::new("age").args(["-d", "-i"]).arg(world.path("keys/identity")).arg(file).output().unwrap();
    assert!(age.status.success(), "{}", String::from_utf8_lossy(&age.stderr));
    let mut zstd = Command::new("zstd").args(["-dqc"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut into = zstd.stdin.take().unwrap();
    let feed = std::thread::spawn(move || into.write_all(&age.stdout).unwrap());
    let out = zstd.wait_with_output().unwrap();
    feed.join().unwrap();
    assert!(out.status.success());
    out.stdout
}

/// The files of a tar, by name: where their bytes begin and how many there are.
pub fn files_of_tar(tar: &[u8]) -> BTreeMap<String, (usize, usize)> {
    let mut archive = tar::Archive::new(tar);
    archive
        .entries()
        .unwrap()
        .map(|e| {
            let e = e.unwrap();
            let name = e.path().unwrap().display().to_string();
            (name, (usize::try_from(e.raw_file_position()).unwrap(), usize::try_from(e.size()).unwrap()))
        })
        .collect()
}
