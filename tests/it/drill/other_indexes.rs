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

/// Without its first page, the pending list of a GIN index leads to itself, and the server
/// follows it without a look at its limits of time.
#[test]
fn an_index_that_keeps_the_server_for_ever_fails_the_drill_and_does_not_hold_it() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table docs as select array[g] as tags from generate_series(1, 1000) g");
    server.psql("postgres", "create index docs_gin on docs using gin (tags)");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let path = server.psql("postgres", "select pg_relation_filepath('docs_gin')");
    reseal(&world, "cluster", |_, streams| {
        let tar = &mut streams.values_mut().next().unwrap().bytes;
        let (at, _) = files_of_tar(tar)[&path];
        tar[at..at + 8192].fill(0);
    });
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
    let found = &check(&report, "PHY-LOOKUP")["findings"][0];
    assert_eq!(found["object"], "postgres: public.docs, index docs_gin", "{report:#}");
    assert!(found["message"].as_str().unwrap().contains("does not end"), "{found}");
    assert_eq!(report["teardown"]["instance_gone"], true, "{report:#}");
}
