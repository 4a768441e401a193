//! Indexes that are no B-trees: each row of a sample must be found through them.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crate::drill::pg::{self, PgServer};
use crate::drill::reseal::{files_of_tar, reseal};
use crate::drill::versions::good;
use crate::drill::world::{World, check};

/// A table with an index of each kind, by columns, expressions and for some of its rows; and
/// the like of it with other values.
fn table(name: &str, shift: u32) -> String {
    format!(
        "create table {name} as select g + {shift} as id, md5((g + {shift})::text) as word, array['k' || g + {shift}, 'all'] as tags,
             to_tsvector('simple', 'w' || g + {shift}) as body, int4range(g + {shift}, g + {shift} + 3) as span,
             point(g + {shift}, 1) as place, jsonb_build_object('n', g + {shift}) as doc, ('10.0.0.' || g % 250)::inet as net
           from generate_series(1, 6000) g;
         insert into {name} select null, null, null, null, null, null, null from generate_series(1, 10);
         delete from {name} where id % 7 = 0; update {name} set tags = tags || array['more'] where id % 5 = 0;
         create index {name}_hash on {name} using hash (word);
         create index {name}_lower on {name} using hash (lower(word) collate \"C\") where id > {shift} + 3;
         create index {name}_gin on {name} using gin (tags, doc jsonb_path_ops);
         create index {name}_body on {name} using gin (body);
         create index {name}_gist on {name} using gist (span, place);
         create index {name}_words on {name} using gist (body);
         create index {name}_net on {name} using gist (net inet_ops);
         create index {name}_tree on {name} using spgist (word);
         create index {name}_brin on {name} using brin (id) with (pages_per_range = 4);
         create index {name}_btree on {name} (word);"
    )
}

#[test]
fn rows_that_an_index_of_any_kind_does_not_find_are_damage() {
    let mut server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", &table("docs", 0));
    server.psql("shop", &table("twin", 100_000));
    server.psql("shop", "create table none (w text); create index on none using hash (w)");
    server.psql("shop", "vacuum");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    let lookups = check(&report, "PHY-LOOKUP");
    assert_eq!((lookups["outcome"].as_str(), lookups["present"].as_u64()), (Some("pass"), Some(19)), "{lookups:#}");
    assert_eq!((&lookups["examined"], lookups.get("reason")), (&lookups["present"], None), "{lookups:#}");

    let file = |index: &str| -> PathBuf {
        server.data_dir().join(server.psql("shop", &format!("select pg_relation_filepath('{index}')")))
    };
    let kinds = ["hash", "lower", "gin", "gist", "tree", "brin"];
    let swapped: Vec<(PathBuf, PathBuf)> =
        kinds.iter().map(|k| (file(&format!("docs_{k}")), file(&format!("twin_{k}")))).collect();
    // Not of a GIN index: the source's own VACUUM would never end.
    let zeroed = [file("docs_net"), file("docs_words")];
    server.psql("postgres", "checkpoint");
    server.stop();
    for (one, other) in &swapped {
        let (a, b) = (std::fs::read(one).unwrap(), std::fs::read(other).unwrap());
        std::fs::write(one, b).unwrap();
        std::fs::write(other, a).unwrap();
    }
    for path in &zeroed {
        let mut f = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        f.seek(SeekFrom::Start(0)).unwrap();
        f.write_all(&[0; 8192]).unwrap();
    }
    server.restart(&[]);

    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
    let objects: Vec<&str> = check(&report, "PHY-LOOKUP")["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["object"].as_str().unwrap())
        .collect();
    for table in ["docs", "twin"] {
        for kind in kinds {
            let of = format!("shop: public.{table}, index {table}_{kind}");
            assert!(objects.contains(&of.as_str()), "{of}: {report:#}");
        }
    }
    let files = check(&report, "PHY-FILES")["findings"].as_array().unwrap();
    assert_eq!(files.len(), zeroed.len(), "{files:#?}");
    assert!(files.iter().all(|f| f["message"].as_str().unwrap().contains("is zeroed")), "{files:#?}");
}

/// Indexes with code of a user who is no superuser, and NaN, of which PostgreSQL's own
/// index does not tell the truth. Where her code runs as a superuser, it never comes back.
#[test]
fn nobody_elses_code_runs_in_a_lookup_and_what_a_database_sets_misleads_none() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("postgres", "create role mallory login");
    server.psql("shop", "grant create on schema public to mallory");
    server.psql(
        "shop",
        "set session authorization mallory;
         create function norm(text) returns text language sql immutable as 'select lower($1)';
         create function spy(text) returns text language plpgsql immutable as $$ begin
           while current_user <> 'mallory' loop
             begin perform pg_catalog.pg_sleep(1); exception when query_canceled then null; end;
           end loop; return $1; end $$;
         create table hers as select g as id, g::text as word from generate_series(1, 500) g;
         create index hers_spied on hers using hash (spy(word));
         create index hers_some on hers using hash (word) where spy('x') is not null;
         create index hers_plain on hers using hash (word);
         create index hers_inside on hers using hash (public.norm(word));
         create index hers_tree on hers (id) where spy('y') is not null",
    );
    server.psql(
        "shop",
        "create table spots as select point(g, 1) as p from generate_series(1, 300) g; insert into spots values ('(NaN,NaN)');
         create index spots_gist on spots using gist (p) with (buffering = on)",
    );
    if pg::major() >= 14 {
        server.psql(
            "shop",
            "set session authorization mallory; create statistics hers_stats on (spy(word)), id from hers",
        );
    }
    for (name, value) in [("enable_bitmapscan", "off"), ("enable_indexscan", "off"), ("random_page_cost", "1000")] {
        server.psql("postgres", &format!("alter database shop set {name} = {value}"));
    }
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    let lookups = check(&report, "PHY-LOOKUP");
    // hers_plain; and spots_gist, where NaN stands so that all rows of the sample are found.
    let (asked, reason) = (lookups["present"].as_u64().unwrap(), lookups["reason"].as_str().unwrap());
    assert_eq!(lookups["outcome"], "pass", "{lookups:#}");
    assert!(reason.starts_with(&format!("{} indexes could not be asked", 5 - asked)), "{lookups:#}");
    assert!(matches!(asked, 1 | 2), "{lookups:#}");
}

/// Without its first page, the pending list of a GIN index leads to itself, and the server
/// follows it without a look at its limits of time. Without its others, a search of an
/// SP-GiST index ends the server process, or finds nothing.
#[test]
fn an_index_that_keeps_or_ends_the_server_fails_the_drill_and_does_not_hold_it() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table docs as select array[g] as tags from generate_series(1, 1000) g");
    server.psql("postgres", "create index docs_gin on docs using gin (tags)");
    server.psql("postgres", "create table spots as select point(g, g % 7) as p from generate_series(1, 3000) g");
    server.psql("postgres", "create index spots_tree on spots using spgist (p)");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let path = |index: &str| server.psql("postgres", &format!("select pg_relation_filepath('{index}')"));
    let (gin, tree) = (path("docs_gin"), path("spots_tree"));
    let mut saved = Vec::new();
    for (path, pages, of, said) in [
        (&gin, 0..1, "postgres: public.docs, index docs_gin", Some("does not end")),
        (&tree, 1..usize::MAX, "postgres: public.spots, index spots_tree", None),
    ] {
        reseal(&world, "cluster", |_, streams| {
            let tar = &mut streams.values_mut().next().unwrap().bytes;
            if saved.is_empty() {
                saved.clone_from(tar);
            }
            tar.clone_from(&saved);
            let (at, length) = files_of_tar(tar)[path];
            tar[at + pages.start * 8192..at + length.min(pages.end.saturating_mul(8192))].fill(0);
        });
        let (code, report) = world.drill("cluster");
        assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
        let found = &check(&report, "PHY-LOOKUP")["findings"][0];
        assert_eq!(found["object"], of, "{report:#}");
        assert!(said.is_none_or(|said| found["message"].as_str().unwrap().contains(said)), "{found}");
        assert_eq!(report["teardown"]["instance_gone"], true, "{report:#}");
    }
}
