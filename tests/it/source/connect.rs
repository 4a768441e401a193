//! Sessions.

use pgseal::Code;
use pgseal::source::{ConnParams, PgBin};

use crate::source::pg::{PgServer, bindir};

#[tokio::test]
async fn a_session_is_pinned_whatever_role_and_database_set() {
    let server = PgServer::start(&bindir(), &[]);
    server.psql("postgres", "ALTER DATABASE postgres SET \"TimeZone\" = 'Asia/Tokyo'");
    server.psql("postgres", "ALTER DATABASE postgres SET bytea_output = escape; ");
    // Last: from then on psql's statements have one millisecond, too.
    server
        .psql("postgres", "ALTER ROLE postgres SET search_path = evil; ALTER ROLE postgres SET statement_timeout = 1;");
    let conn = ConnParams::resolve(&server.conninfo(), &|_| None).unwrap();
    let session = conn.connect("pgseal test").await.unwrap();
    for (name, value) in [
        ("search_path", "pg_catalog,pg_temp"),
        ("statement_timeout", "0"),
        ("idle_session_timeout", "0"),
        ("TimeZone", "UTC"),
        ("bytea_output", "hex"),
        ("row_security", "off"),
        ("application_name", "pgseal test"),
        ("default_transaction_read_only", "off"),
    ] {
        let row = session.client().query_one("SELECT current_setting($1)", &[&name]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{name}");
    }
    let read_only = conn.connect_read_only("x").await.unwrap();
    assert!(read_only.client().batch_execute("CREATE TABLE public.t()").await.is_err());
    assert!(session.client().batch_execute("CREATE TABLE public.t()").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_session_ends_it() {
    let server = PgServer::start(&bindir(), &[]);
    let conn = ConnParams::for_socket(server.socket_dir(), server.port(), "postgres", "postgres");
    let session = conn.connect("to be dropped").await.unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'to be dropped'";
    assert_eq!(server.psql("postgres", count), "1");
    drop(session);
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while server.psql("postgres", count) != "0" {
        assert!(std::time::Instant::now() < give_up, "the session lives on");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_code_20_with_its_cause() {
    let conn = ConnParams::for_socket("/nonexistent/dir".as_ref(), 5432, "u", "d");
    let e = conn.connect("x").await.unwrap_err();
    assert_eq!(e.code(), Code::SourceUnreachable);
    assert!(e.to_string().contains("No such file"), "{e}");
    let server = PgServer::start(&bindir(), &[]);
    let conn = ConnParams::for_socket(server.socket_dir(), server.port(), "postgres", "no such\ndb");
    let e = conn.connect("x").await.unwrap_err();
    assert_eq!(e.code(), Code::SourceUnreachable);
    assert!(e.to_string().contains("does not exist") && !e.to_string().contains('\n'), "{e}");
}

#[tokio::test]
async fn the_installed_programs_are_found() {
    let bin = PgBin::find(None, 15).await.unwrap();
    assert_eq!(bin.dir(), std::path::Path::new("/usr/lib/postgresql/15/bin"));
    assert!(bin.version_line("pg_basebackup").await.unwrap().starts_with("pg_basebackup (PostgreSQL) 15."));
    assert_eq!(PgBin::find(None, 14).await.unwrap_err().code(), Code::SourceUnusable);
}

/// A server that is none: it answers, and never comes to an end.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_without_end_before_the_session_begins_is_left() {
    use std::io::{Read as _, Write as _};
    // AuthenticationOk, then ParameterStatus for ever; and one error of a gigabyte
    // (PostgreSQL manual, "Message Formats").
    let parameter = [&b"S\0\0\x10\x06"[..], b"x\0", &[b'y'; 4095], b"\0"].concat();
    let ok = b"R\0\0\0\x08\0\0\0\0".to_vec();
    let error = b"E\x40\0\0\0SFATAL\0M".to_vec();
    for (first, again) in [(ok, parameter), (error, vec![b'z'; 4096])] {
        let dir = tempfile::tempdir().unwrap();
        let listener = std::os::unix::net::UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let fake = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let _ = client.read(&mut [0; 1024]).unwrap();
            client.write_all(&first).unwrap();
            let mut sent = 0_u64;
            while client.write_all(&again).is_ok() {
                sent += again.len() as u64;
            }
            sent
        });
        let conn = ConnParams::for_socket(dir.path(), 5432, "u", "d");
        let e = conn.connect("x").await.unwrap_err();
        assert_eq!(e.code(), Code::Limit, "{e}");
        let sent = fake.join().unwrap();
        assert!(sent < 4 * 1024 * 1024, "{sent} bytes were taken");
    }
}
