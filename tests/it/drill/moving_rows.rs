//! Rows that a restore may put into another partition than they were in: pg_dump loads
//! partitions by the hash of an enum through their root, for the hash is of the label's number.

use crate::drill::dumped::meddling;
use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

/// The columns of one table's partitions stand in one order, of the other's in two.
const TABLES: &str = "create table burnt(); create type colour as enum ('red', 'green', 'blue', 'white', 'black', 'grey', 'pink', 'teal');
    create table alike (c colour, n int) partition by hash (c);
    create table alike_0 partition of alike for values with (modulus 3, remainder 0);
    create table alike_1 partition of alike for values with (modulus 3, remainder 1) partition by list (n);
    create table alike_1_all partition of alike_1 default;
    create table alike_2 partition of alike for values with (modulus 3, remainder 2);
    insert into alike select c, g from unnest(enum_range(null::colour)) c, generate_series(1, 50) g";

const CROSSED: &str = "create table crossed (c colour, n int) partition by hash (c);
    create table crossed_0 (n int, c colour);
    alter table crossed attach partition crossed_0 for values with (modulus 2, remainder 0);
    create table crossed_1 partition of crossed for values with (modulus 2, remainder 1);
    insert into crossed select c, g from unnest(enum_range(null::colour)) c, generate_series(1, 50) g";

#[test]
fn rows_that_move_between_partitions_are_no_damage_and_lost_ones_are() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", TABLES);
    let world = World::new(&server);
    // The numbers of labels are those of the copy, so some row moves at nearly every restore:
    // the check must not depend on it.
    for _ in 0..2 {
        world.ok(&["backup", "shop"]);
        let (code, report) = world.drill("shop");
        assert_eq!((code, outcome(&report, "INT-ROWS")), (0, "pass"), "{report:#}");
        server.psql(
            "postgres",
            "drop table burnt; create type spare as enum ('a', 'b', 'c'); drop type spare; create table burnt()",
        );
    }
    for statement in
        ["delete from alike where c = 'red' and n = 7", "update alike set n = 51 where c = 'blue' and n = 7"]
    {
        world.configure(&meddling(&world, statement), "");
        let (code, report) = world.drill("shop");
        assert_eq!((code, outcome(&report, "INT-ROWS")), (51, "finding"), "{statement}: {report:#}");
    }
    world.configure("", "");

    server.psql("postgres", CROSSED);
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill("shop");
    let said = check(&report, "INT-ROWS");
    // Where none moved it is a pass; where one did, its text is another one.
    assert!([(0, "pass"), (53, "not_evaluated")].contains(&(code, outcome(&report, "INT-ROWS"))), "{code} {said:#}");
    assert!(code == 0 || said["reason"].as_str().unwrap().contains("columns stand in different orders"), "{said:#}");
}
