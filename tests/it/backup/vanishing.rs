//! Databases and tables that are dropped while a backup runs, each at a moment that is
//! exact: PostgreSQL's own programs and locks say when.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::{World, until};

const ALL: &str = "databases = \"all\"\n";

/// Lets `program` run `sql` before its first work, each statement on its own.
fn before(world: &World, server: &PgServer, program: &str, sql: &[&str]) {
    let once = world.path(&format!("once-{program}"));
    let psql = format!(
        "{} -XAtq -v ON_ERROR_STOP=1 -h {} -p {} -U postgres -d postgres",
        server.bindir().join("psql").display(),
        server.socket_dir().display(),
        server.port()
    );
    let statements = sql.iter().map(|s| format!(" -c '{s}'")).collect::<Vec<_>>().concat();
    let failed = world.path("failed").display().to_string();
    let script =
        format!("if mkdir {} 2>/dev/null; then {psql}{statements} 2>{failed} || exit 98; fi\n", once.display());
    let path = world.path("bin").join(program);
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, exec) = text.rsplit_once("exec ").unwrap();
    std::fs::write(&path, format!("{head}{script}exec {exec}")).unwrap();
}

/// What the newest backup holds, as restore names it where none is chosen.
fn databases(world: &World, server: &PgServer) -> String {
    let args = ["restore", "shop@latest", "--target-db", "x", "--connection", &server.conninfo()];
    let said = world.run(&args).expect(2);
    let (_, names) = said.err.split_once("Name one with --database: ").unwrap_or_else(|| panic!("{said}"));
    names.split('.').next().unwrap().to_owned()
}

#[test]
fn databases_that_are_dropped_meanwhile_are_named_and_cost_nothing_else() {
    let server = PgServer::start(&pg::bindir(), &[]);
    for name in ["a", "b_early", "c_late", "d_again"] {
        server.psql("postgres", &format!("CREATE DATABASE {name}"));
    }
    server.psql("a", "CREATE TABLE kept AS SELECT generate_series(1, 10) i");
    server.psql("d_again", "CREATE TABLE old (i int)");
    let world = World::new(&server, ALL);
    world.fake(&server, ALL, "none", "*", "");
    // All that there are were listed, and no snapshot was taken.
    before(&world, &server, "pg_dumpall", &["DROP DATABASE b_early", "CREATE DATABASE n_new"]);
    // The first database is in its snapshot.
    before(
        &world,
        &server,
        "pg_dump",
        &["DROP DATABASE c_late", "DROP DATABASE d_again", "CREATE DATABASE d_again", "CREATE DATABASE z_new"],
    );
    let said = world.run(&["backup", "shop"]);
    let psql = std::fs::read_to_string(world.path("failed")).unwrap_or_default();
    assert_eq!(psql, "");
    let said = said.expect(3);
    for name in ["b_early", "c_late"] {
        let text = format!("database {name} is not in the backup: it was dropped while the backup ran");
        assert!(said.err.contains(&text), "{said}");
    }
    for name in ["d_again", "n_new", "z_new", "postgres"] {
        assert!(!said.err.contains(&format!("database {name} ")), "{said}");
    }
    assert_eq!(databases(&world, &server), "a, d_again, postgres");
    world.run(&["verify", "shop", "--open"]).expect(0);
}

#[test]
fn a_table_that_is_dropped_before_it_can_be_held_is_no_loss() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "CREATE DATABASE shop");
    server.psql("shop", "CREATE TABLE doomed (i int); CREATE TABLE kept AS SELECT generate_series(1, 10) i");
    let world = World::new(&server, ALL);
    // It is in the snapshot, and whoever wants to hold it waits for this session; as soon
    // as somebody does, it is dropped.
    let drop = "BEGIN; LOCK TABLE doomed; \
        DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'doomed'::regclass) LOOP \
          PERFORM pg_sleep(0.01); END LOOP; END $$; DROP TABLE doomed; COMMIT";
    let mut psql = server.client("psql", "shop");
    let mut session = psql.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-c", drop]).spawn().unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'doomed'::regclass";
    until("the table is not locked", || server.psql("shop", held) == "1");
    let said = world.run(&["backup", "shop"]).expect(0).says(&["objects were dropped meanwhile; beginning again"]);
    assert!(session.wait().unwrap().success());
    assert!(!said.err.contains("doomed"), "{said}");
    world
        .run(&[
            "restore",
            "shop@latest",
            "--database",
            "shop",
            "--target-db",
            "copy",
            "--connection",
            &server.conninfo(),
        ])
        .expect(0);
    assert_eq!(server.psql("copy", "SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 2200"), "kept");
    world.run(&["verify", "shop", "--open"]).expect(0);
}
