//! Databases that a backup cannot have: told, sealed, and never taken for proven.

use crate::backup::pg::{self, PgServer};
use crate::backup::world::World;

const ALL: &str = "databases = \"all\"\nrole_passwords = false\n";

#[test]
fn what_all_leaves_out_is_told_and_what_cannot_be_read_is_a_warning() {
    let server = PgServer::start(&pg::bindir(), &[]);
    for sql in [
        "CREATE DATABASE shop",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
        "CREATE DATABASE pattern IS_TEMPLATE true",
        "CREATE DATABASE broken",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'",
        "CREATE DATABASE hidden",
        "REVOKE CONNECT ON DATABASE hidden, template1 FROM PUBLIC",
        "CREATE ROLE keeper LOGIN BYPASSRLS",
    ] {
        server.psql("postgres", sql);
    }
    server.psql("postgres", &pg::predefined("GRANT pg_read_all_settings, pg_monitor TO keeper"));
    server.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) i; GRANT SELECT ON t TO keeper");
    let told = [
        "database closed is not in",
        "accepts no connections",
        "database pattern is not in",
        "database broken is not in",
    ];

    // A superuser reads all that can be read: that is no fault, and template1 is as initdb left it.
    let mut world = World::new(&server, ALL);
    let said = world.run(&["backup", "shop"]).expect(0).says(&told);
    assert!(!said.err.contains("template1") && !said.err.contains("template0"), "{said}");
    world.run(&["drill", "shop"]).expect(0);
    world.run(&["backup", "shop", "--dry-run"]).expect(0);
    // A template that is named is wanted; what cannot be read is refused by its name.
    world.configure("databases = [\"pattern\"]\n");
    world.run(&["backup", "shop"]).expect(0);
    for (name, why) in [("closed", "accepts no connections"), ("broken", "invalid"), ("none", "no such database")] {
        world.configure(&format!("databases = [\"{name}\"]\n"));
        world.run(&["backup", "shop"]).expect(22).says(&[why]);
    }

    // A role that may not enter one of them still gets the others, and says so, and
    // so does the drill.
    world.connection =
        server.conninfo().replace("user=postgres", "user=keeper").replace("dbname=postgres", "dbname=shop");
    world.configure(ALL);
    let why = "database hidden is not in the backup: the role may not connect to it";
    world.run(&["backup", "shop"]).expect(3).says(&told).says(&[why, "database template1 is not in"]);
    let drilled = world.run(&["drill", "shop"]).expect(53);
    assert!(format!("{drilled}").contains("INT-COMPLETE"), "{drilled}");
    // One that was asked for by name must be had.
    world.configure("databases = [\"shop\", \"hidden\"]\nrole_passwords = false\n");
    world.run(&["backup", "shop"]).expect(20).says(&["permission denied for database"]);
    // Nothing but its own database is needed.
    server.psql("template1", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    world.configure("databases = [\"shop\"]\nrole_passwords = false\n");
    world.run(&["backup", "shop"]).expect(0);
    // What pg_dump leaves out for a role that is no superuser, with a warning that nobody sees.
    server.psql(
        "shop",
        "CREATE SUBSCRIPTION s CONNECTION 'host=/nonexistent' PUBLICATION p \
         WITH (connect = false, enabled = false, create_slot = false, slot_name = NONE)",
    );
    let left = "so 1 of them are not in the backup";
    world.run(&["backup", "shop"]).expect(3).says(&["does not write subscriptions", left]);
    world.connection = server.conninfo();
    world.configure("databases = [\"shop\"]\n");
    let said = world.run(&["backup", "shop"]).expect(0);
    assert!(!said.err.contains(left), "{said}");
}
