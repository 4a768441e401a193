//! Damage that the source had before the backup, so that all hashes and the
//! base backup's own manifest agree with it; and oddities that are none.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use serde_json::Value;

use crate::drill::installation::has;
use crate::drill::pg::{self, PgServer};
use crate::drill::reseal::{files_of_tar, reseal};
use crate::drill::versions::{good, looks_at_indexes};
use crate::drill::world::{World, check, outcome};

const PAGE: u64 = 8192;

fn file(server: &PgServer, relation: &str) -> PathBuf {
    server.data_dir().join(server.psql("shop", &format!("select pg_relation_filepath('{relation}')")))
}

/// Changes the second page of a file.
fn change(path: &std::path::Path, change: impl FnOnce(&mut [u8])) {
    let mut f = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut page = vec![0u8; usize::try_from(PAGE).unwrap()];
    f.seek(SeekFrom::Start(PAGE)).unwrap();
    f.read_exact(&mut page).unwrap();
    change(&mut page);
    f.seek(SeekFrom::Start(PAGE)).unwrap();
    f.write_all(&page).unwrap();
}

fn messages(report: &Value, id: &str) -> Vec<String> {
    let all = check(report, id)["findings"].as_array().unwrap();
    all.iter().map(|f| format!("{}: {}", f["object"].as_str().unwrap(), f["message"].as_str().unwrap())).collect()
}

#[test]
fn rows_that_only_an_index_has_and_files_that_are_gone_are_found_and_oddities_are_not() {
    let settings = [("max_prepared_transactions", "5")];
    let mut server = PgServer::start_with(&pg::bindir(), &settings, &["--wal-segsize=64"], |_| ());
    server.psql("postgres", "create database shop");
    let unlogged = if has(&pg::bindir(), "15") { "unlogged" } else { "" };
    server.psql(
        "shop",
        &format!(
            "create table pointers(id int primary key, t text); create table cut(id int primary key, t text);
             create table zeroed(id int primary key, t text); create table gone(t text); create table held(id int primary key);
             insert into pointers select g, repeat('x', 100) from generate_series(1, 1000) g;
             insert into cut select * from pointers; insert into zeroed select * from pointers; insert into gone values ('x');
             insert into held select generate_series(1, 1000);
             -- Entries of dead rows, and places of rows that moved, are no damage.
             delete from pointers where id % 7 = 0; update cut set t = 'short' where id % 5 = 0;
             create index on cut(t); delete from zeroed where id % 3 = 0;
             create {unlogged} sequence forgotten; select setval('forgotten', 1000);
             create table doomed(id int); drop table doomed;"
        ),
    );
    server.psql("shop", "begin; insert into held values (0); delete from held where id = 5; prepare transaction 'p'");
    server.psql("shop", "vacuum");
    server.psql("postgres", "alter database shop set default_transaction_read_only = on");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    good("cluster", 0, code, &report);
    for id in ["PHY-FILES", "PHY-ENTRIES", "PHY-READ"] {
        let c = check(&report, id);
        assert_eq!((c["outcome"].as_str(), &c["present"]), (Some("pass"), &c["examined"]), "{c:#}");
        // Of the five tables, or of these and the catalogs.
        assert!(c["present"].as_u64().unwrap() >= 5, "{c:#}");
    }
    if looks_at_indexes() && has(&pg::bindir(), "14") {
        let amcheck = check(&report, "PHY-AMCHECK");
        let reason = amcheck["reason"].as_str().unwrap();
        // The table and its index.
        assert!(reason.starts_with("2 relations were checked without the parent check"), "{amcheck:#}");
    }

    server.psql("postgres", "checkpoint");
    let files: Vec<PathBuf> = ["pointers", "cut", "zeroed", "gone"].map(|t| file(&server, t)).to_vec();
    server.stop();
    // The line pointers end where they begin.
    change(&files[0], |page| page[12..14].copy_from_slice(&24u16.to_ne_bytes()));
    let cut = std::fs::OpenOptions::new().write(true).open(&files[1]).unwrap();
    let whole = cut.metadata().unwrap().len();
    cut.set_len(whole - PAGE).unwrap();
    change(&files[2], |page| page.fill(0));
    std::fs::remove_file(&files[3]).unwrap();
    server.restart(&settings);

    world.ok(&["backup", "cluster"]);
    let (code, report) = world.drill("cluster");
    assert_eq!((code, report["verdict"].as_str()), (51, Some("failed")), "{report:#}");
    // The backup is what the source had.
    assert_eq!(outcome(&report, "PHY-MANIFEST"), "pass", "{report:#}");
    let found = messages(&report, "PHY-ENTRIES");
    let last = whole / PAGE - 1;
    for (table, at) in
        [("pointers", "page 1,".to_owned()), ("cut", format!("page {last},")), ("zeroed", "page 1,".into())]
    {
        let of = format!("shop: public.{table}, index public.{table}_pkey");
        assert!(found.iter().any(|f| f.starts_with(&of) && f.contains(&at)), "{of} {at}: {found:#?}");
    }
    assert!(found.iter().all(|f| !f.contains("held") && !f.contains("pg_catalog")), "{found:#?}");
    let found = messages(&report, "PHY-FILES");
    let path = files[3].strip_prefix(server.data_dir()).unwrap().display().to_string();
    assert!(found.len() == 1 && found[0].starts_with(&format!("{path}: its file is missing")), "{found:#?}");
    assert_eq!(report["proof_level"], "booted", "{report:#}");
}

/// Where the header of a member of a tar begins.
fn header(tar: &[u8], name: &str) -> usize {
    let mut archive = tar::Archive::new(tar);
    let mut all = archive.entries().unwrap().map(Result::unwrap);
    let entry = all.find(|e| e.path().unwrap().to_str().unwrap().trim_end_matches('/') == name).unwrap();
    usize::try_from(entry.raw_header_position()).unwrap()
}

/// What it is, exit code, what is said, the change.
type Case<'a> = (&'a str, i32, &'a str, &'a dyn Fn(&mut Vec<u8>));

/// A stored base backup whose files contradict each other is bad, whatever the server says of it.
#[test]
fn files_that_cannot_be_a_base_backups_fail_and_are_no_fault_of_the_host() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create table t as select generate_series(1, 100) i");
    let world = World::new(&server);
    world.ok(&["backup", "cluster"]);
    let mut saved = Vec::new();
    let put = |tar: &mut Vec<u8>, name: &str, change: &dyn Fn(&mut [u8])| {
        let (at, len) = files_of_tar(tar)[name];
        change(&mut tar[at..at + len]);
    };
    let cases: [Case<'_>; 4] = [
        ("another major", 50, "the signed manifest says", &|tar| {
            put(tar, "PG_VERSION", &|text| text.copy_from_slice(if text == b"13\n" { b"14\n" } else { b"13\n" }));
        }),
        ("a standby's label", 50, "the backup's files are damaged", &|tar| {
            put(tar, "backup_label", &|text| {
                let at = text.windows(20).position(|w| w == b"BACKUP FROM: primary").unwrap();
                text[at..at + 20].copy_from_slice(b"BACKUP FROM: standby");
            });
        }),
        ("a map of zeros", 51, "global/pg_filenode.map", &|tar| put(tar, "global/pg_filenode.map", &|b| b.fill(0))),
        ("before its directory", 40, "comes before its directory", &|tar| {
            let at = header(tar, "pg_xact");
            tar[at + 6] = b'x';
            let sum: u32 = (0..512).map(|i| if (148..156).contains(&i) { 32 } else { u32::from(tar[at + i]) }).sum();
            tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }),
    ];
    for (what, code, says, change) in cases {
        reseal(&world, "cluster", |_, streams| {
            let tar = &mut streams.values_mut().next().unwrap().bytes;
            if saved.is_empty() {
                saved.clone_from(tar);
            }
            tar.clone_from(&saved);
            change(tar);
        });
        let (got, report) = world.drill("cluster");
        assert_eq!((got, report["verdict"].as_str()), (code, Some("failed")), "{what}: {report:#}");
        assert!(report.to_string().contains(says), "{what}: {report:#}");
    }
}
