//! Encoding and locale: as in the backup, whoever made the target's cluster.

use crate::restore::installation::has;
use crate::restore::pg::{PgServer, bindir};
use crate::restore::without_pgseal::script;
use crate::restore::world::Host;

/// What rows of text are ordered by.
const LOCALE: &str = "select pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider from pg_database
    where datname = ";

#[test]
fn a_cluster_of_another_provider_changes_nothing() {
    if !has(&bindir(), "icu") || !has(&bindir(), "15") {
        return;
    }
    let source = PgServer::start(&bindir(), &[]);
    source.psql("postgres", "create database shop");
    source.psql("postgres", "create database old template template0 encoding 'LATIN1' locale 'C'");
    source.psql("shop", "create table t (a text); insert into t values ('a'), ('B'), ('c')");
    source.psql("old", "create table t (a text); insert into t values (chr(233))");
    let host = Host::new(&source);
    host.ok(&["backup", "shop"]);
    if has(&bindir(), "17") {
        let builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
        let target = PgServer::start_with(&bindir(), &[], &builtin, |_| ());
        for db in ["shop", "old"] {
            host.restore(&target, &["shop@latest", "--database", db, "--target-db", db]).is(0, &[]);
            let provider = format!("select datlocprovider from pg_database where datname = '{db}'");
            assert_eq!(target.psql("postgres", &provider), "c");
        }
    }
    let icu = ["--locale-provider=icu", "--icu-locale=en-US"];
    let target = PgServer::start_with(&bindir(), &[], &icu, |_| ());
    let locale = |server: &PgServer, db: &str| server.psql("postgres", &format!("{LOCALE}'{db}'"));
    let to = |db: &str, args: &[&str]| {
        let all: Vec<&str> = ["shop@latest", "--database", db].iter().chain(args).copied().collect();
        host.restore(&target, &all)
    };

    for db in ["shop", "old"] {
        to(db, &["--target-db", db]).is(0, &[]);
        assert_eq!(locale(&target, db), locale(&source, db));
        assert!(locale(&target, db).ends_with("|c"), "{}", locale(&target, db));
    }
    assert_eq!(target.psql("shop", "select string_agg(a, '' order by a) from t"), "Bac");
    script(&host, &target, "shop", &["--target-db", "stock", "--database", "shop"]).is(0, &[]);
    assert_eq!(locale(&target, "stock"), locale(&source, "shop"));
    assert_eq!(target.psql("old", "select ascii(a) from t"), "233");

    // What was there before is the user's: it is filled, and told.
    target.psql("postgres", "create database mine");
    let differs = "locale provider icu, in the backup libc; locale en-US, in the backup none";
    to("shop", &["--target-db", "mine", "--dry-run"]).is(0, &["note ", differs]);
    to("shop", &["--target-db", "mine"]).is(3, &["the database mine was there before", differs]);
    assert_eq!(target.psql("mine", "select string_agg(a, '' order by a) from t"), "aBc");
}

#[test]
fn names_that_no_database_can_have_are_refused_at_once() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    let host = Host::new(&server);
    host.ok(&["backup", "tables"]);
    let long = "é".repeat(32);
    for more in [&[][..], &["--dry-run"]] {
        let to = |name: &str| {
            let args: Vec<&str> = ["tables@latest", "--target-db", name].iter().chain(more).copied().collect();
            host.restore(&server, &args)
        };
        to(&long).is(2, &["has 64 bytes, PostgreSQL takes at most 63", "--target-db"]);
        to("").is(2, &["the name of the target database is empty"]);
        assert_eq!(server.psql("postgres", "select count(*) from pg_database where not datistemplate"), "2");
    }
    let longest = &long[..62];
    host.restore(&server, &["tables@latest", "--target-db", longest]).is(0, &[]);
    assert_eq!(server.psql(longest, "select current_database()"), longest);
}
