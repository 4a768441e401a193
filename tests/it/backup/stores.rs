//! The store fails while a backup is under way.

use std::process::Command;

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{PGSEAL, Said, World};

const SOURCE: &str = "databases = [\"shop\"]\ncompression = 1\npart_bytes = \"64KiB\"\n";
/// Rows that do not compress.
const NOISE: &str = "SELECT string_agg(sha512((i * 1000 + j)::text::bytea)::text, '') AS noise \
                     FROM generate_series(1, 1000) i, generate_series(1, 20) j GROUP BY i";

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE small AS SELECT generate_series(1, 100) i");
    server
}

#[test]
fn a_store_that_vanishes_fails_the_backup() {
    let server = server();
    let world = World::new(&server, SOURCE);
    world.backup();
    let before = world.manifests();
    let (here, away) = (world.path("store"), world.path("away"));
    let script = format!("mv {} {}; exec $real \"$@\"", here.display(), away.display());
    world.fake(&server, SOURCE, "pg_dump", "*--section=data*", &script);
    let said = world.run(&["backup", "shop"]);
    assert!(!here.exists(), "a new store was made where the old one had been: {said}");
    assert!([10, 30].contains(&said.code), "{said}");
    let said = said.says(&["error: store: ", "hint: "]);
    assert_eq!(said.out, "");
    std::fs::rename(&away, &here).unwrap();
    world.nothing_came_of_it(&before, "vanished");
    world.real(SOURCE);
    world.run(&["verify", "shop", "--open"]).expect(0);
    world.backup();
}

/// Runs `script` where a file system of `kib` KiB is mounted at the store's place.
pub fn inside(world: &World, kib: u32, script: &str) -> Said {
    let mut command = Command::new("unshare");
    let store = world.path("store").display().to_string();
    let text =
        format!("set -e; mount -t tmpfs -o size={kib}k none {store}; p={PGSEAL}; store={store}; set +e; {script}");
    command.args(["-m", "sh", "-c", &text]).env_clear().current_dir(world.path(""));
    for (name, value) in world.command(&[]).get_envs() {
        command.env(name, value.unwrap());
    }
    Said::new(&command.output().unwrap())
}

#[test]
fn a_full_or_read_only_disk_fails_the_backup() {
    let server = server();
    let world = World::new(&server, SOURCE);
    std::fs::remove_dir_all(world.path("state")).unwrap();
    let psql =
        format!("{}/psql -h {} -U postgres -d shop -Xqc", server.bindir().display(), server.socket_dir().display());
    let script = format!(
        "$p init >/dev/null 2>&1 && mount -o remount,size=900k $store && $p -q backup shop >/dev/null && echo first
         {psql} \"CREATE TABLE noise AS {NOISE}\"
         $p backup shop; echo full=$?
         echo temporary=$(find $store -name '.*' -type f | wc -l)
         echo manifests=$(find $store -path '*/m/*.json' | wc -l)
         mount -o remount,size=100m $store; $p -q verify shop --open; echo verify=$?
         mount -o remount,ro $store; $p backup shop; echo readonly=$?
         $p -q verify shop --open; echo still=$?
         mount -o remount,rw $store; $p -q backup shop >/dev/null; echo again=$?"
    );
    // `init` proves the store with a few MiB before the disk gets small.
    let said = inside(&world, 20_000, &script);
    for line in ["first", "full=32", "temporary=0", "manifests=1", "verify=0", "readonly=31", "still=0", "again=0"] {
        assert!(said.out.lines().any(|l| l == line), "{line}: {said}");
    }
    let said = said.says(&["error: store: ", "hint: "]);
    assert!(said.err.to_lowercase().contains("space"), "{said}");
    world.nothing_came_of_it(&[], "full");
}
