//! What PostgreSQL's programs warn of although they end well.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;

const PHYSICAL: &str = "kind = \"physical\"\n";

/// Moves a file or directory of the server to `away`, and leaves a link in its place.
fn link(server: &PgServer, away: &Path, name: &str) {
    let place = server.data_dir().join(name);
    let new = away.join(name.replace('/', "_"));
    std::fs::rename(&place, &new).unwrap();
    symlink(&new, &place).unwrap();
}

#[test]
fn a_base_backup_without_a_file_is_told_and_never_proven() {
    let mut server = PgServer::start(&pg::bindir(), &[]);
    for database in ["shop", "away"] {
        server.psql("postgres", &format!("CREATE DATABASE {database}"));
        server.psql(database, "CREATE TABLE t AS SELECT generate_series(1, 100) i");
    }
    let number = server.psql("postgres", "SELECT oid FROM pg_database WHERE datname = 'away'");
    server.psql("postgres", "CREATE ROLE keeper LOGIN REPLICATION");
    server.psql("postgres", &pg::predefined("GRANT pg_read_all_settings, pg_monitor, pg_read_all_data TO keeper"));
    // A socket and the log are no part of the data.
    let away = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    pg::own(away.path());
    std::fs::create_dir(away.path().join("logs")).unwrap();
    symlink(away.path().join("logs"), server.data_dir().join("log")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(server.data_dir().join(".s.PGSQL.5432")).unwrap();

    // Nor is a pipe, which holds nothing.
    pg::done(std::process::Command::new("mkfifo").arg(server.data_dir().join("pipe")), "mkfifo");
    pg::own(&server.data_dir().join("pipe"));

    // In the usual way nothing is missing.
    let mut world = World::new(&server, PHYSICAL);
    let said = world.run(&["backup", "shop"]).expect(0);
    assert!(!said.err.contains("warning") && !said.err.contains("not in the backup"), "{said}");
    world.run(&["-q", "backup", "shop"]).expect(0).silent();
    world.run(&["drill", "shop"]).expect(0);

    // A link in the place of the configuration: a server does not start in what is restored.
    link(&server, away.path(), "postgresql.conf");
    let told = "postgresql.conf is not in the backup: a link or a special file";
    world.run(&["-q", "backup", "shop"]).expect(3).says(&["warning:", told, "hint: A server does not start"]);
    let drilled = world.run(&["drill", "shop"]).expect(53);
    assert!(format!("{drilled}").contains(told), "{drilled}");
    // A role that may not choose the language of the server, nor look at its files.
    world.connection = server.conninfo().replace("user=postgres", "user=keeper");
    world.configure(PHYSICAL);
    world.run(&["-q", "backup", "shop"]).expect(3).says(&["pipe is not in the backup"]);
    std::fs::remove_file(server.data_dir().join("pipe")).unwrap();
    world.run(&["-q", "backup", "shop"]).expect(3).says(&[told]);

    // A link in the place of a database, and a name that shows other things than it is.
    server.stop();
    link(&server, away.path(), &format!("base/{number}"));
    symlink("/nowhere", server.data_dir().join("a\nb\u{1b}[2J")).unwrap();
    server.restart(&[]);
    let whole = format!("database away is not in the backup: base/{number} is a link");
    let said = world.run(&["backup", "shop", "--json"]).expect(3).says(&[&whole, told, "warning: a is not in"]);
    assert!(!said.err.contains('\u{1b}') && said.json()["warnings"].as_array().unwrap().len() == 3, "{said}");
    let code = world.run(&["drill", "shop"]).code;
    assert!(code == 51, "{code}");
}

#[test]
fn what_pg_dump_warns_of_is_told() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) i");
    let source = "databases = [\"shop\"]\n";
    let world = World::new(&server, source);

    // Harmless: a note.
    if pg::major() >= 15 {
        server.psql("postgres", "UPDATE pg_database SET datcollversion = '1' WHERE datname = 'shop'");
        let said = world.run(&["backup", "shop"]).expect(0);
        let said = said.says(&["pg_dump of database shop warned: database \"shop\" has ", "collation version"]);
        assert!(!said.err.contains("warning:"), "{said}");
        world.run(&["-q", "backup", "shop"]).expect(0).silent();
        server.psql("postgres", "UPDATE pg_database SET datcollversion = NULL WHERE datname = 'shop'");
    }
    let circular = "there are circular foreign-key constraints on this table:";
    let script = format!("echo 'pg_dump: warning: {circular}' >&2; echo 'pg_dump: detail: t' >&2; exec $real \"$@\"");
    world.fake(&server, source, "pg_dump", "*--section=data*", &script);
    let said = world.run(&["backup", "shop"]).expect(0).says(&["pg_dump of database shop warned: ", circular]);
    assert!(!said.err.contains("warning: "), "{said}");
    world.run(&["-q", "backup", "shop"]).expect(0).silent();

    // Not known to be harmless, bounded and escaped, whatever else is said after it.
    for (program, when) in [("pg_dump", "*--section=data*"), ("pg_dumpall", "*--globals-only*")] {
        let script = format!(
            "printf '{program}: warning: something \\033[2J%s\\n' \"$(head -c 900 /dev/zero | tr '\\0' x)\" >&2; \
             yes 'NOTICE:  nothing' | head -c 100000 >&2; exec $real \"$@\""
        );
        world.fake(&server, source, program, when, &script);
        let said =
            world.run(&["-q", "backup", "shop"]).expect(3).says(&["warning:", program, "warned: something \\u{1b}"]);
        assert!(said.err.len() < 1500 && !said.err.contains('\u{1b}'), "{said}");
    }
}
