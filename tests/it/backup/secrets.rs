//! Planted secrets: none of them is ever on a command line, in an
//! environment, in the talk, in the store or in the state directory.

use std::path::Path;

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{World, files};

const PASSWORD: &str = "Kn1ghts-of:Ni\\ 'planted'";
const ROLE_PASSWORD: &str = "another-planted-secret";
const SOURCE: &str = "databases = [\"shop\"]\n";

/// A server that wants a password from its backup role.
fn server() -> PgServer {
    let settings = [("wal_level", "replica"), ("max_wal_senders", "4")];
    let server = PgServer::start_with(&pg::bindir(), &settings, &[], |data| {
        let path = data.join("pg_hba.conf");
        let rest = std::fs::read_to_string(&path).unwrap();
        let own = "local all keeper scram-sha-256\nlocal replication keeper scram-sha-256\n";
        std::fs::write(&path, format!("{own}{rest}")).unwrap();
    });
    server.psql("postgres", "CREATE DATABASE shop");
    let quoted = PASSWORD.replace('\'', "''");
    server.psql(
        "shop",
        &format!(
            "SET standard_conforming_strings = on; CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'; \
             CREATE ROLE app LOGIN PASSWORD '{ROLE_PASSWORD}'; \
             CREATE TABLE customers AS SELECT 'row-data-' || i AS name FROM generate_series(1, 1000) i"
        ),
    );
    server
}

/// Wherever one of `secrets` lies below `root`.
fn found(root: &Path, secrets: &[String]) -> Vec<String> {
    let mut hits = Vec::new();
    for path in files(root).into_keys() {
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets.iter().filter(|s| memchr::memmem::find(&bytes, s.as_bytes()).is_some()) {
            hits.push(format!("{} holds {secret}", path.display()));
        }
    }
    hits
}

#[test]
fn planted_secrets_appear_nowhere() {
    let server = server();
    let mut world = World::new(&server, SOURCE);
    let seen = world.path("seen");
    std::fs::create_dir(&seen).unwrap();
    let plain = server.conninfo().replace("user=postgres", "user=keeper").replace("dbname=postgres", "dbname=shop");
    let escaped = PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    world.write("pass", &format!("*:*:*:keeper:{escaped}"));
    world.write("service.conf", &format!("[shop]\n{}\npassword={PASSWORD}", plain.replace(' ', "\n")));

    let identity = std::fs::read_to_string(world.path("identity")).unwrap();
    let signer = std::fs::read_to_string(world.path("signer")).unwrap();
    let mut secrets = vec![PASSWORD.to_owned(), escaped, ROLE_PASSWORD.to_owned(), "SCRAM-SHA-256$".to_owned()];
    secrets.extend(identity.lines().filter(|l| l.starts_with("AGE-SECRET")).map(str::to_owned));
    secrets.extend(signer.lines().filter(|l| !l.starts_with("-----")).take(5).map(str::to_owned));
    assert_eq!(secrets.len(), 10, "{secrets:?}");
    let data = "row-data-7".to_owned();

    let snoop = format!(
        "tr '\\0' '\\n' </proc/$$/environ >{0}/$$; tr '\\0' '\\n' </proc/$$/cmdline >>{0}/$$; \
         tr '\\0' '\\n' </proc/$PPID/cmdline >>{0}/$$; stat -c '%a %n' \"$PGPASSFILE\" \"${{PGPASSFILE%/*}}\" >>{0}/$$",
        seen.display()
    );
    let ways = [
        (format!("{plain} passfile={}", world.path("pass").display()), "kind = \"logical\""),
        ("service=shop".to_owned(), "kind = \"logical\""),
        ("service=shop".to_owned(), "kind = \"physical\""),
    ];
    let talk = [&["-vv"][..], &["-vv", "--log-format", "json"], &["-vv", "--json"]];
    for (connection, kind) in ways {
        world.connection = connection;
        let source = if kind.contains("logical") { format!("{kind}\n{SOURCE}") } else { format!("{kind}\n") };
        for program in if kind.contains("logical") { &["pg_dump", "pg_dumpall"][..] } else { &["pg_basebackup"] } {
            world.fake(&server, &source, program, "*", &snoop);
            for options in talk {
                let run = |command: &str| {
                    let args = [&[command, "shop"], options].concat();
                    let mut pgseal = world.command(&args);
                    crate::backup::world::Said::new(
                        &pgseal.env("PGSERVICEFILE", world.path("service.conf")).output().unwrap(),
                    )
                };
                for said in [run("backup").expect(0), run("list").expect(0), run("verify").expect(0)] {
                    let text = said.to_string();
                    for secret in secrets.iter().chain([&data]) {
                        assert!(!text.contains(secret.as_str()), "{secret} was said: {said}");
                    }
                }
            }
        }
    }
    let looked = files(&seen);
    assert!(looked.len() >= 15, "only {} children were looked at", looked.len());
    for path in looked.keys() {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("PGPASSFILE=") && text.contains("\nbackup\n"), "{text}");
        assert!(text.contains("600 ") && text.contains("700 "), "{text}");
        assert!(!text.contains("PGPASSWORD"), "{text}");
    }
    secrets.push(data);
    for place in ["seen", "store", "state", "home", "tmp"] {
        assert_eq!(found(&world.path(place), &secrets), [""; 0]);
    }
    assert_eq!(world.temporary(), [""; 0].map(std::path::PathBuf::from));
    // The search finds what is there.
    assert_eq!(found(&world.path(""), &secrets[..1]).len(), 1);

    // A wrong password is refused without being told.
    world.real(SOURCE);
    world.write("pass", "*:*:*:keeper:wrong-but-still-secret");
    world.connection = format!("{plain} passfile={}", world.path("pass").display());
    world.configure(SOURCE);
    let said = world.run(&["backup", "shop", "-vv"]).expect(20);
    assert!(!said.to_string().contains("wrong-but"), "{said}");
    // One that is written into the configuration is refused, and not repeated.
    for connection in [format!("{plain} password=in-the-open"), "postgresql://keeper:in-the-open@db/shop".into()] {
        world.connection = connection;
        world.configure(SOURCE);
        for args in [&["backup", "shop", "-vv"][..], &["config", "show"], &["backup", "shop", "--json"]] {
            let said = world.run(args).expect(2);
            assert!(!said.to_string().contains("in-the-open"), "{said}");
        }
    }
}
