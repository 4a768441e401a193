//! The same through the program and a directory: exit codes and words.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::tamper::pg::{self, PgServer};

/// Keys, a directory as store, a configuration.
struct Host {
    dir: tempfile::TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// The code is this one, and stderr or stdout says all of these.
    #[track_caller]
    fn is(self, code: i32, says: &[&str]) -> Self {
        let text = format!("exit {}\n{}\n{}", self.code, self.out, self.err);
        assert_eq!(self.code, code, "{text}");
        assert!(says.iter().all(|s| text.contains(s)), "{says:?} in {text}");
        self
    }
}

impl Host {
    fn new(server: &PgServer) -> Self {
        let dir = tempfile::Builder::new().prefix("pgta").tempdir_in("/tmp").unwrap();
        let host = Self { dir };
        std::fs::set_permissions(host.path(""), std::fs::Permissions::from_mode(0o711)).unwrap();
        for (name, mode) in [("home", 0o700), ("scratch", 0o1777)] {
            std::fs::create_dir(host.path(name)).unwrap();
            std::fs::set_permissions(host.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let recipient = host.run(&["keygen", "identity", "-o", "identity"]).is(0, &["age1"]).out;
        let line = host.run(&["keygen", "signer", "--role", "both", "-o", "signer"]).is(0, &["ssh-ed25519"]).out;
        let stranger = host.run(&["keygen", "signer", "--role", "both", "-o", "stranger"]).is(0, &[]).out;
        host.write("allowed", &line);
        host.write("other-allowed", &stranger);
        let text = |name: &str| host.path(name).display().to_string();
        host.write(
            "pgseal.toml",
            &format!(
                "[repository]\nurl = \"file://{}\"\n[keys]\nrecipients = [\"{}\"]\nsigning_key = \"signer\"\n\
                 allowed_signers = \"allowed\"\nidentity = \"identity\"\n[state]\ndir = \"{}\"\n[scratch]\ndir = \"{}\"\n\
                 [source.shop]\nconnection = \"{}\"\ndatabases = [\"shop\"]\npart_bytes = \"64KiB\"\n\
                 [source.shop.drill]\nmin_isolation = \"I0\"\n[source.shop.exposure]\nfail_on = \"critical\"\n",
                text("store"),
                recipient.trim(),
                text("state"),
                text("scratch"),
                server.conninfo(),
            ),
        );
        host.run(&["init"]).is(0, &[]);
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self, key: &str) -> PathBuf {
        self.path("store").join(key)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, &[])
    }

    fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        command.env_clear().env("HOME", self.path("home")).env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.envs(env.iter().copied()).current_dir(self.dir.path()).stdin(Stdio::null()).args(args);
        let out = command.output().unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        Said { code: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
    }

    /// The first object whose path holds this text.
    fn object(&self, contains: &str) -> PathBuf {
        let out = Command::new("find").arg(self.path("store")).args(["-type", "f"]).output().unwrap();
        let all = String::from_utf8(out.stdout).unwrap();
        let mut hits: Vec<&str> = all.lines().filter(|l| l.contains(contains)).collect();
        hits.sort_unstable();
        hits.first().unwrap_or_else(|| panic!("{contains} in {all}")).into()
    }

    fn key_of(&self, path: &std::path::Path) -> String {
        path.strip_prefix(self.path("store")).unwrap().display().to_string()
    }

    /// Runs `look` while the file has these contents.
    fn while_changed(path: &std::path::Path, bytes: Option<&[u8]>, look: impl FnOnce()) {
        let good = std::fs::read(path).ok();
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        look();
        match good {
            Some(good) => std::fs::write(path, good).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
}

fn flipped(path: &std::path::Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn exit_codes_of_a_store_that_was_tampered_with() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 60000) i");
    let host = Host::new(&server);
    host.run(&["verify"]).is(3, &["nothing to verify"]);
    host.run(&["backup", "shop", "-q"]).is(0, &[]);
    let id = host.run(&["backup", "shop", "-q"]).is(0, &[]).out.trim().to_owned();
    for args in [&["verify"][..], &["verify", "--deep"], &["verify", "--open"], &["list"], &["show", "shop@latest"]] {
        host.run(args).is(0, &[]);
    }
    host.run(&["verify", "shop@latest"]).is(0, &["history of 2 backups is whole"]);

    data(&host, &server, &id);
    history(&host, &id);
    clocks(&host);
    repository(&host);
    host.run(&["verify", "--open"]).is(0, &[]);
}

fn data(host: &Host, server: &PgServer, id: &str) {
    let databases = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database";
    let before = server.psql("postgres", databases);
    let socket = server.socket_dir().display().to_string();
    let env = [("PGHOST", socket.as_str()), ("PGUSER", "postgres")];
    let restore = ["restore", "shop@latest", "--target-db", "back"];
    // The last part of the largest stream: much was restored by then.
    let part = host.object(&format!("{id}/s03/00002"));
    let key = host.key_of(&part);
    Host::while_changed(&part, Some(&flipped(&part)), || {
        host.run(&["verify"]).is(0, &["0 hashed, 0 opened"]);
        host.run(&["verify", "--deep"]).is(40, &[&key, "SHA-256"]);
        host.run(&["verify", "--open"]).is(40, &[&key]);
        host.run_with(&restore, &env).is(40, &[&key, "hint:"]);
        host.run(&["drill", "shop"]).is(40, &[&key, id]);
    });
    Host::while_changed(&part, None, || {
        host.run(&["verify"]).is(40, &[&key, "is not in the store"]);
        host.run_with(&restore, &env).is(40, &[&key]);
    });
    let facts = host.object(&format!("{id}/facts"));
    Host::while_changed(&facts, Some(b"short"), || {
        host.run(&["verify", "--json"]).is(40, &["\"class\": \"corrupt\"", "facts.zst.age"]);
        host.run_with(&restore, &env).is(40, &["facts.zst.age"]);
    });
    assert_eq!(server.psql("postgres", databases), before, "nothing half restored stays behind");
    host.run_with(&restore, &env).is(0, &[]);
    assert_eq!(server.psql("back", "SELECT count(*) FROM t"), "60000");
}

/// With libfaketime's clock, while files keep their true times.
fn at_another_time(host: &Host, by: &str, args: &[&str]) -> Said {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    assert!(std::path::Path::new(library).exists(), "the tests need libfaketime");
    host.run_with(
        args,
        &[("LD_PRELOAD", library), ("FAKETIME", by), ("NO_FAKE_STAT", "1"), ("DONT_FAKE_MONOTONIC", "1")],
    )
}

fn clocks(host: &Host) {
    // Far behind: nothing is fresh, and no age is 0.
    at_another_time(host, "-400d", &["verify"]).is(3, &["this host's clock says"]);
    at_another_time(host, "-400d", &["list"]).is(3, &["future"]);
    at_another_time(host, "-400d", &["show", "shop@latest"]).is(3, &["in the future"]);
    // A backup that nobody could use is refused; nothing of it is stored.
    for by in ["+5d", "-5d"] {
        at_another_time(host, by, &["backup", "shop", "-q"]).is(13, &["timedatectl"]);
    }
    host.run(&["verify", "shop"]).is(0, &["history of 2 backups is whole"]);
    // The report key is looked at before anything else.
    let allowed = host.path("allowed");
    let line = std::fs::read_to_string(&allowed).unwrap().replace("manifest@pgseal,report@pgseal", "manifest@pgseal");
    Host::while_changed(&allowed, Some(line.as_bytes()), || {
        host.run(&["drill", "shop"]).is(53, &["shop namespaces=\"report@pgseal\" ssh-ed25519", "Nothing was restored"]);
    });
    let number = host.run(&["show", "shop@#1"]).is(0, &["slot 1"]);
    assert!(!number.out.contains("slot 2"));
}

fn history(host: &Host, id: &str) {
    let newest = host.store("s/shop/m/0000000002.json");
    let older = std::fs::read(host.store("s/shop/m/0000000001.json")).unwrap();
    for (bytes, code) in [(Some(flipped(&newest)), 41), (Some(older), 41), (None, 42)] {
        Host::while_changed(&newest, bytes.as_deref(), || {
            for args in [
                &["verify"][..],
                &["list"],
                &["show", "shop@latest"],
                &["verify", "shop@latest", "--open"],
                &["restore", "shop@latest", "--target-db", "never"],
                &["drill", "shop"],
            ] {
                host.run(args).is(code, &["slot 2"]);
            }
        });
    }
    // An older one can be had by its name, with a warning about the rest.
    let first = host.run(&["list", "--json"]).is(0, &[]).out;
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let first = first[0]["id"].as_str().unwrap();
    assert_ne!(first, id);
    Host::while_changed(&newest, None, || {
        host.run(&["show", first]).is(3, &["slot 2", first]);
    });
    // Signers that the operator did not pin.
    host.run_with(&["verify"], &[("PGSEAL_KEYS_ALLOWED_SIGNERS", "other-allowed")])
        .is(41, &["slot 1", "slot 2", "not among the allowed signers"]);
    // Foreign objects are counted; their names do not reach the terminal.
    // (A directory does not even list names that no key can have.)
    let odd = host.store("s/shop/m/\u{1b}[2J\n..");
    let plain = host.store("s/shop/m/README");
    for file in [&odd, &plain] {
        std::fs::write(file, b"x").unwrap();
    }
    let said = host.run(&["verify"]).is(3, &["1 objects beside the manifests"]);
    assert!(!said.out.contains('\u{1b}') && !said.out.contains("2J"), "{}", said.out);
    for file in [odd, plain] {
        std::fs::remove_file(file).unwrap();
    }
    // A forged report is no proof.
    std::fs::create_dir_all(host.store("s/shop/r")).unwrap();
    for (i, name) in ["0000000002.forged.json", "0000000002.forged.json.sig"].into_iter().enumerate() {
        std::fs::write(host.store(&format!("s/shop/r/{name}")), [b"{}".as_slice(), b"x"][i]).unwrap();
    }
    let said = host.run(&["list"]).is(3, &["not reports signed by a trusted key", "never"]);
    assert!(!said.out.contains("passed"), "{}", said.out);
    host.run(&["show", "shop@latest-proven"]).is(2, &["has passed a drill"]);
    for name in ["0000000002.forged.json", "0000000002.forged.json.sig"] {
        std::fs::remove_file(host.store(&format!("s/shop/r/{name}"))).unwrap();
    }
}

fn repository(host: &Host) {
    let file = host.store("repo.json");
    let good = std::fs::read_to_string(&file).unwrap();
    let other = good.replacen("\"repo_id\":\"", "\"repo_id\":\"f", 1);
    let at = other.find("\"repo_id\":\"").unwrap() + "\"repo_id\":\"".len() + 32;
    let mut replaced = other.clone();
    replaced.remove(at);
    for (bytes, code) in [
        (Some(replaced.into_bytes()), 42),
        (None, 42),
        (Some(vec![b' '; 1 << 20]), 44),
        (Some(b"{}".to_vec()), 40),
        (Some(other.into_bytes()), 40),
    ] {
        Host::while_changed(&file, bytes.as_deref(), || {
            for args in [&["verify"][..], &["list"], &["show", "shop@latest"], &["backup", "shop"]] {
                host.run(args).is(code, &["hint:"]);
            }
        });
    }
    // A store that is not there says nothing about backups.
    std::fs::rename(host.path("store"), host.path("elsewhere")).unwrap();
    host.run(&["verify"]).is(10, &["hint:"]);
    std::fs::rename(host.path("elsewhere"), host.path("store")).unwrap();
}
