//! What a restore computes anew: rows of materialized views, generated columns.

use crate::drill::dumped::meddling;
use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

/// Each of these is healthy: as at the source, refreshed by the restore, or other each time.
const HEALTHY: &str = "create table t (id int primary key, name text, twice int generated always as (id * 2) stored,
      \"full \"\"name\" text generated always as (upper(name)) stored);
    insert into t values (1, 'a'), (2, E'b\\tc'), (3, null);
    create materialized view fresh as select name, count(*) as n from t group by 1;
    create view seen as select * from t where id > 1;
    create materialized view stale as select id, twice from seen;
    create materialized view moving as select random() as r, clock_timestamp() as at, id from t;
    create view today as select current_date as day, now() as at;
    create materialized view dated as select at::text from today;
    create materialized view unread as select 1 as one with no data;
    insert into t values (4, 'd'); refresh materialized view fresh";

/// Functions that are not what they say they are: the restore gives other values.
const LYING: &str = "create function lying(i int) returns text language plpgsql immutable
        as $$ begin return clock_timestamp()::text; end $$;
    create table g (i int, at text generated always as (lying(i)) stored); insert into g values (1);
    create materialized view m as select lying(1) as at";

#[test]
fn computed_values_are_compared_and_what_may_differ_is_no_damage() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", HEALTHY);
    let world = World::new(&server);
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-COMPUTED")), (0, "pass"), "{report:#}");
    let said = check(&report, "INT-COMPUTED");
    assert_eq!((said["present"].as_u64(), said["examined"].as_u64()), (Some(5), Some(5)), "{said}");
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.contains("1 materialized view(s) have the rows of their query now"), "{reason}");
    assert!(reason.contains("2 materialized view(s) differ, but"), "{reason}");

    // The rows of the tables are right, and those of the view are not.
    let meddled = meddling(
        &world,
        "insert into public.t values (5, 'e'); refresh materialized view public.fresh; delete from public.t where id = 5",
    );
    world.configure(&meddled, "");
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-ROWS"), outcome(&report, "INT-COMPUTED")), (51, "pass", "finding"));
    let found = check(&report, "INT-COMPUTED")["findings"].as_array().unwrap();
    assert!(
        found.len() == 1 && found[0]["message"].as_str().unwrap().contains("neither those of the source"),
        "{found:?}"
    );

    server.psql("postgres", LYING);
    world.configure("", "");
    world.ok(&["backup", "shop"]);
    let (code, report) = world.drill("shop");
    assert_eq!((code, outcome(&report, "INT-ROWS"), outcome(&report, "INT-COMPUTED")), (51, "pass", "finding"));
    let found = check(&report, "INT-COMPUTED")["findings"].as_array().unwrap();
    let says = |i: usize, what: &str| found[i]["message"].as_str().unwrap().contains(what);
    assert!(found.len() == 2 && says(0, "generated columns") && says(1, "its rows"), "{found:?}");
}
