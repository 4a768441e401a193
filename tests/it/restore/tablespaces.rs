//! Objects in tablespaces that the target server does not have.

use crate::restore::pg::{PgServer, bindir};
use crate::restore::without_pgseal::script;
use crate::restore::world::Host;

#[test]
fn what_lies_in_a_missing_tablespace_comes_back_into_the_default_one() {
    let source = PgServer::start(&bindir(), &[]);
    for name in ["fast", "Slow One"] {
        let dir = source.make_dir(&format!("ts-{}", name.len()));
        source.psql("postgres", &format!("create tablespace \"{name}\" location '{}'", dir.display()));
    }
    source.psql("postgres", "create database shop");
    source.psql(
        "shop",
        "create table t (a int primary key using index tablespace \"Slow One\") tablespace fast;
         insert into t select generate_series(1, 100); create table plain (a int);
         create materialized view v tablespace fast as select count(*) n from t",
    );
    let host = Host::new(&source);
    host.ok(&["backup", "tables"]);
    let spaces = |server: &PgServer, db: &str| {
        server.psql(db, "select count(*) from pg_class where reltablespace not in (0, 1664)")
    };
    let whole = |server: &PgServer, db: &str| {
        assert_eq!(server.psql(db, "select count(*) from t"), "100");
        assert_eq!(server.psql(db, "select n from v"), "100");
        assert_eq!(server.psql(db, "select count(*) from pg_index where indrelid = 't'::regclass"), "1");
    };

    let target = PgServer::start(&bindir(), &[]);
    let told = "the target server does not have the tablespaces of the backup: Slow One, fast";
    let restore = |name: &str, more: &[&str]| {
        let all: Vec<&str> = ["tables@latest", "--target-db", name].iter().chain(more).copied().collect();
        host.restore(&target, &all)
    };
    restore("new", &["--dry-run"]).is(0, &["note ", told]);
    restore("new", &[]).is(0, &[told]);
    whole(&target, "new");
    let said = restore("kept", &["--keep-going"]);
    said.is(0, &[told]);
    assert!(!said.err.contains("not restored"), "{said:?}");
    whole(&target, "kept");
    let said = restore("single", &["--table", "plain", "--dry-run"]);
    assert!(!said.is(0, &[]).out.contains("tablespaces"), "{said:?}");
    script(&host, &target, "tables", &["--target-db", "stock"])
        .is(0, &["lacks tablespaces of the backup, all goes into the default one: \"Slow One\" fast"]);
    whole(&target, "stock");

    // Where they are, they are used.
    let said = host.restore(&source, &["tables@latest", "--target-db", "new"]);
    assert!(!said.is(0, &[]).err.contains("tablespaces"), "{said:?}");
    whole(&source, "new");
    assert_eq!(spaces(&source, "new"), spaces(&source, "shop"));
    let said = script(&host, &source, "tables", &["--target-db", "stock"]);
    assert!(!said.is(0, &[]).err.contains("tablespaces"), "{said:?}");
    assert_eq!(spaces(&source, "stock"), spaces(&source, "shop"));
}
