//! What the source's host has and this one has not, each named, and what the
//! operator may let the sealed server load.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::World;

fn inconclusive(world: &World, source: &str, text: &str) -> Value {
    let (code, report) = world.drill(source);
    assert_eq!((code, report["verdict"].as_str()), (53, Some("inconclusive")), "{source}, {text}: {report:#}");
    let errors = report["errors"].to_string();
    assert!(errors.contains(text), "{source}, {text}: {errors}");
    report
}

/// A locale of the host's, gone with the value.
struct Locale(PathBuf);

impl Locale {
    /// A copy of C.UTF-8 under another name.
    fn make(name: &str) -> Self {
        let dir = PathBuf::from("/usr/lib/locale").join(format!("{name}.utf8"));
        let done = Command::new("cp").arg("-r").arg("/usr/lib/locale/C.utf8").arg(&dir).status();
        assert!(done.unwrap().success(), "the tests need root for a locale");
        Self(dir)
    }
}

impl Drop for Locale {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_locale_a_foreign_server_and_a_dictionary_are_named() {
    let _locale = Locale::make("pgsealtest");
    let hidden: &[&str] = &["/usr/lib/locale/pgsealtest.utf8/LC_COLLATE", "/usr/lib/locale/pgsealtest.utf8/LC_CTYPE"];
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database other template template0 locale 'pgsealtest.UTF-8'");
    server.psql("other", "create table t as select 1 i");
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);
    for source in ["shop", "cluster"] {
        world.lacks(&[]);
        assert_eq!(world.drill(source).0, 0, "{source}: the locale is here");
        world.lacks(hidden);
        let (code, report) = world.drill(source);
        assert_eq!((code, report["verdict"].as_str()), (53, Some("inconclusive")), "{source}: {report:#}");
        let said = report.to_string();
        assert!(said.contains("a locale of the backup is not installed on this host"), "{source}: {report:#}");
        assert!(source != "shop" || said.contains("pgsealtest.UTF-8"), "{report:#}");
    }
    world.lacks(&[]);
    server.psql("postgres", "drop database other");

    // A column's collation that initdb took from the host.
    server.psql(
        "postgres",
        "select pg_import_system_collations('pg_catalog'); create table c(x text collate \"pgsealtest.utf8\")",
    );
    world.ok(&["backup", "shop"]);
    world.lacks(hidden);
    inconclusive(&world, "shop", "a locale of the backup is not installed on this host");
    world.lacks(&[]);
    server.psql("postgres", "drop table c");

    // Rows that come from elsewhere while the copy is restored.
    server.psql("postgres", "create table near as select 1 i");
    let socket = server.socket_dir();
    server.psql(
        "postgres",
        &format!(
            "create extension postgres_fdw; \
             create server erp foreign data wrapper postgres_fdw options (host '{}', dbname 'postgres'); \
             create user mapping for postgres server erp options (user 'postgres'); \
             create foreign table far(i int) server erp options (table_name 'near'); \
             create materialized view seen as select * from far",
            socket.display()
        ),
    );
    world.ok(&["backup", "shop"]);
    let report = inconclusive(&world, "shop", "needs a foreign server");
    assert!(report["errors"].to_string().contains("erp"), "{report:#}");
    server.psql("postgres", "drop extension postgres_fdw cascade");

    // A dictionary of the source's host.
    let share = pg::bindir().parent().unwrap().to_owned();
    let share = PathBuf::from(share.display().to_string().replace("/lib/postgresql/", "/share/postgresql/"));
    let file = share.join("tsearch_data/pgsealtest.stop");
    std::fs::write(&file, "der\ndie\ndas\n").unwrap();
    server.psql(
        "postgres",
        "create text search dictionary short (template = simple, stopwords = pgsealtest); \
         create materialized view words as select ts_lexize('short', 'haus')",
    );
    world.ok(&["backup", "shop"]);
    std::fs::remove_file(&file).unwrap();
    inconclusive(&world, "shop", "not on this host: pgsealtest.stop");
}

#[test]
fn what_must_be_preloaded_is_loaded_when_the_operator_says_so() {
    let libraries = [("shared_preload_libraries", "pgaudit,pg_cron"), ("cron.database_name", "postgres")];
    let server = PgServer::start(&pg::bindir(), &libraries);
    server.psql(
        "postgres",
        "create extension pgaudit; create extension pg_cron; create table t(at timestamptz default now()); \
         select cron.schedule('often', '* * * * *', 'insert into public.t default values')",
    );
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);
    let report = inconclusive(&world, "shop", "preload");
    let errors = report["errors"].to_string();
    assert!(errors.contains("pgaudit") || errors.contains("pg_cron"), "{errors}");
    assert!(errors.contains("[source.NAME.drill] preload"), "{errors}");

    world.configure("", "[source.NAME.drill]\npreload = [\"pgaudit\", \"pg_cron\"]\n");
    for source in ["shop", "cluster"] {
        let (code, report) = world.drill(source);
        assert_eq!((code, report["verdict"].as_str()), (0, Some("passed")), "{source}: {report:#}");
        // The seal says what it let in, and no scheduler runs.
        let probes = report["isolation"]["probes"].as_array().unwrap();
        let said = |id: &str| probes.iter().find(|p| p["id"] == id).unwrap()["evidence"].to_string();
        assert!(said("ISO-001").contains("pgaudit, pg_cron"), "{}", said("ISO-001"));
        assert!(!said("ISO-009").contains("cron"), "{}", said("ISO-009"));
    }

    world.configure("", "[source.NAME.drill]\npreload = [\"no_such_library\"]\n");
    for source in ["shop", "cluster"] {
        let report = inconclusive(&world, source, "no_such_library of drill.preload is not installed");
        assert_eq!(report["proof_level"], "none");
    }
    for wrong in ["/tmp/evil", "evil.so", "../evil", ""] {
        world.configure("", &format!("[source.NAME.drill]\npreload = [\"{wrong}\"]\n"));
        let said = world.pgseal(&["drill", "shop"]);
        assert!(said.code == 2 && said.err.contains("source.shop.drill.preload"), "{wrong}: {said:?}");
    }
}
