//! What the server came with, and what is set for every role: no dump holds either, so
//! only code that ran while a dump was restored can have changed it.

use crate::drill::dumped::meddling;
use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

/// Touches rows of the server's own, as users may: privileges, the commutator of an
/// operator, members of a family, a system table's statistics.
const HEALTHY: &str = "revoke execute on function pg_catalog.pg_ls_dir(text) from public;
    revoke select on pg_catalog.pg_settings from public; alter schema public owner to postgres;
    create function mine(text, int) returns bool language sql as 'select true';
    create operator !== (leftarg = text, rightarg = int, function = mine, commutator = =!=);
    create table t (id int primary key, name text); insert into t values (1, 'a'); analyze;
    comment on schema public is 'ours'";

#[test]
fn a_changed_function_operator_or_type_of_the_server_is_found() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", HEALTHY);
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-BUILTIN")), (0, "pass"), "{report:#}");
    for (statement, object, message) in [
        (
            "create or replace function pg_catalog.left(text, int) returns text language sql immutable strict as 'select ''x'''",
            "function \"left\"(text,integer)",
            "its row in pg_proc",
        ),
        ("alter function pg_catalog.md5(text) security definer", "function md5(text)", "its row in pg_proc"),
        (
            "update pg_catalog.pg_operator set oprcode = 'int4ne' where oid = '=(int4,int4)'::regoperator",
            "operator =(integer,integer)",
            "its row in pg_operator",
        ),
        (
            "update pg_catalog.pg_cast set castcontext = 'i' where castsource = 'int8'::regtype and casttarget = 'int4'::regtype",
            "cast from bigint to integer",
            "its row in pg_cast",
        ),
        (
            "delete from pg_catalog.pg_amop where amopfamily = 1976 and amopstrategy = 5 and amoplefttype = 23 and amoprighttype = 23",
            "pg_amop ",
            "is not there any more",
        ),
        (
            "update pg_catalog.pg_aggregate set agginitval = '1' where aggfnoid = 'count()'::regprocedure",
            "function count()",
            "its row in pg_aggregate",
        ),
        (
            "update pg_catalog.pg_attribute set attname = 'hidden' where attrelid = 'pg_roles'::regclass and attname = 'rolsuper'",
            "view pg_roles",
            "its row in pg_attribute",
        ),
    ] {
        world.configure(&meddling(&world, statement), "");
        let (code, report) = world.drill("shop");
        assert_eq!((code, outcome(&report, "INT-BUILTIN")), (51, "finding"), "{statement}: {report:#}");
        let found = check(&report, "INT-BUILTIN")["findings"].as_array().unwrap();
        let fits = |f: &serde_json::Value| {
            f["object"].as_str().unwrap().starts_with(&format!("postgres: {object}"))
                && f["message"].as_str().unwrap().contains(message)
        };
        assert!(found.len() == 1 && fits(&found[0]), "{statement}: {found:#?}");
    }
}

#[test]
fn settings_of_all_roles_are_told_and_no_stranger_sets_them() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    world.configure(&meddling(&world, "alter role all set search_path = evil"), "");
    let (code, report) = world.drill("shop");
    let found = &check(&report, "INT-ROLES")["findings"];
    assert!(code == 51 && found[0]["object"] == "ALTER ROLE ALL", "{code} {found:#}");
    world.configure("", "");

    server.psql("postgres", "alter role all set work_mem = '8MB'");
    let said = world.pgseal(&["backup", "shop"]);
    assert!(
        said.code == 3 && said.err.contains("ALTER ROLE ALL SET set, so this is not in the backup: work_mem"),
        "{said:?}"
    );
    let (code, report) = world.drill("shop");
    let reason = check(&report, "INT-ROLES")["reason"].as_str().unwrap();
    assert!(code == 0 && reason.starts_with("what ALTER ROLE ALL SET set is in no dump"), "{code} {reason}");
    // A base backup has them.
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    assert_eq!((code, outcome(&report, "INT-ROLES")), (0, "pass"), "{report:#}");
}
