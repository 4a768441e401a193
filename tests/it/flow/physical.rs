use std::process::Command;

use pgseal::Code;
use pgseal::types::Kind;

use crate::flow::pg::{PgServer, bindir, done, own};
use crate::flow::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_back_and_starts() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t (a int primary key, b text); insert into t select g, md5(g::text) from generate_series(1, 100000) g");
    let w = World::new(&server, Kind::Physical);
    let before = server.pg_dump_text("shop");
    let made = w.backup().await.unwrap();
    assert!(made.manifest.pg.start_lsn.unwrap() < made.manifest.pg.stop_lsn.unwrap());
    let seen = w.verify(w.with_identity()).await;
    assert_eq!(seen.code(), Code::Done, "{seen:?}");

    let home = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    own(home.path());
    let data = home.path().join("data");
    w.restore_physical(data.clone()).await.unwrap();
    done(Command::new("chown").arg("-R").arg("postgres").arg(&data), "chown");
    let ctl = |args: &[&str]| {
        let mut c = server.as_owner("pg_ctl");
        c.arg("-D").arg(&data).args(args);
        done(&mut c, "pg_ctl");
    };
    let options = format!("-c listen_addresses='' -c unix_socket_directories={}", home.path().display());
    ctl(&["-w", "-s", "-l", &home.path().join("log").display().to_string(), "-o", &options, "start"]);
    let out = done(
        Command::new(bindir().join("pg_dump")).args([
            "-h",
            &home.path().display().to_string(),
            "-U",
            "postgres",
            "shop",
        ]),
        "pg_dump",
    );
    ctl(&["-w", "-s", "-m", "fast", "stop"]);
    let after: String = String::from_utf8(out.stdout)
        .unwrap()
        .split_inclusive('\n')
        .filter(|l| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict"))
        .collect();
    assert!(before == after, "the restored cluster differs");

    let e = w.restore_physical(data).await.unwrap_err();
    assert_eq!(e.code(), Code::Refused);
}
