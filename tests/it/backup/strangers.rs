//! A signing key that the allowed signers lack, key files that are not there, stores
//! that take nothing: what is said leads on.

use crate::backup::pg::{self, PgServer};
use crate::backup::stores::inside;
use crate::backup::world::{PGSEAL, World};

const SOURCE: &str = "databases = [\"shop\"]\n";

fn server() -> PgServer {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) i");
    server
}

#[test]
fn a_key_that_no_line_speaks_of_is_introduced() {
    let server = server();
    let world = World::new(&server, SOURCE);
    let id = world.backup();
    let other = world.run(&["keygen", "signer", "-o", "other"]).expect(0).out;
    let allow = world.run(&["keygen", "allow", "signer", "--role", "backup", "--source", "shop"]).expect(0).out;
    let (line, file) = (allow.trim(), world.path("allowed").display().to_string());
    let key = line.split(' ').nth(3).unwrap();
    world.write("allowed", other.trim());
    let told = ["shop namespaces=\"manifest@pgseal\" ssh-ed25519 ", key, &file, "SHA256:", "only if it is the same"];
    // This host saw the backup, and one that never did.
    for state in [true, false] {
        if !state {
            std::fs::remove_dir_all(world.path("state/witness")).unwrap();
        }
        let said = world.run(&["verify", "shop"]).expect(41).says(&told);
        assert!(!said.err.contains("rm "), "{said}");
        let said = world.run(&["list"]).expect(41).says(&told);
        assert!(said.out.contains("no backups with a good signature, though 1 manifests are there"), "{said}");
        world.run(&["show", "shop@latest"]).expect(41).says(&told);
        world.run(&["restore", "shop@latest", "--target-db", "new"]).expect(41).says(&told);
        world.run(&["show", &id]).expect(2).says(&told);
        world.run(&["show", "shop@#1"]).expect(41).says(&told);
    }
    // With the line that was told all is well.
    world.write("allowed", &format!("{}\n{line}", other.trim()));
    world.run(&["verify", "shop"]).expect(0);
    world.run(&["show", "shop@latest"]).expect(0);
    // Of one that is really gone the host's memory is told.
    for key in world.manifests() {
        std::fs::remove_file(world.path("store").join(key)).unwrap();
    }
    world.run(&["verify", "shop"]).expect(42).says(&["let it forget them: rm "]);
}

#[test]
fn a_missing_key_file_says_how_to_make_one() {
    let world = World::with_connection("host=/nowhere", SOURCE);
    let named = |name: &str| world.path(name).display().to_string();
    for (file, made) in [("signer", "`pgseal keygen signer -o "), ("identity", "`pgseal keygen identity -o ")] {
        std::fs::rename(world.path(file), world.path("away")).unwrap();
        let args: &[&str] = if file == "signer" { &["backup", "shop"] } else { &["verify", "shop", "--open"] };
        world.run(args).expect(2).says(&["there is no such file", &format!("{made}{}`", named(file))]);
        std::fs::rename(world.path("away"), world.path(file)).unwrap();
    }
}

#[test]
fn a_store_that_takes_nothing_is_told_beforehand() {
    let server = server();
    let world = World::new(&server, SOURCE);
    world.run(&["backup", "shop", "--dry-run"]).expect(0);
    let objects = world.objects();
    world.run(&["backup", "shop", "--dry-run", "--json"]).expect(0);
    assert_eq!(world.objects(), objects, "a dry run leaves nothing behind");
    std::fs::remove_dir_all(world.path("state")).unwrap();
    // A few KiB are enough for the repository's document, not for backups.
    let said = inside(&world, 300, &format!("{PGSEAL} init; echo full=$?; $p store check -q; echo check=$?"));
    for line in ["full=32", "check=32"] {
        assert!(said.out.lines().any(|l| l == line), "{line}: {said}");
    }
    let said = said.says(&["error: store: ", "no room for a few MiB", "hint: Free space"]);
    assert!(!said.err.contains("breaks a promise"), "{said}");
    let _ = std::fs::remove_dir_all(world.path("state"));
    let script = "$p -q init >/dev/null && mount -o remount,ro $store
        $p backup shop --dry-run; echo dry=$?
        $p store check; echo check=$?";
    let said = inside(&world, 20_000, script);
    for line in ["dry=31", "check=31"] {
        assert!(said.out.lines().any(|l| l == line), "{line}: {said}");
    }
}
