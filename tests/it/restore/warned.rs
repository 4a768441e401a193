//! What pg_restore warns of although it goes on.

use crate::restore::pg::{PgServer, bindir};
use crate::restore::world::{Host, said};

#[test]
fn privileges_that_nobody_could_give_are_told() {
    let server = PgServer::start(&bindir(), &[]);
    for sql in ["create role app login createdb", "create role reader", "create database shop owner app"] {
        server.psql("postgres", sql);
    }
    server.psql("shop", "set role app; create table t as select generate_series(1, 10) i");
    let host = Host::new(&server);
    let restore = |db: &str| {
        let mut command = host.restore_command(&server, &["tables@latest", "--target-db", db]);
        said(command.env("PGUSER", "app"))
    };
    // Nothing to warn of.
    host.ok(&["backup", "tables"]);
    let quiet = restore("one");
    quiet.is(0, &[]);
    assert!(!quiet.err.contains("warn"), "{quiet:?}");
    // Everybody may call it, and only its owner says who else may.
    server.psql("shop", "grant execute on function pg_catalog.upper(text) to reader");
    host.ok(&["backup", "tables"]);
    restore("two").is(3, &["warning:", "pg_restore warned: no privileges were granted for \"upper\""]);
    assert_eq!(server.psql("two", "select count(*) from t"), "10");
    host.restore(&server, &["tables@latest", "--target-db", "three"]).is(0, &[]);
}
