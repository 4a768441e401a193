//! Connection parameters, with psql as the oracle.
//!
//! Each case is given to psql and to pgseal with the same environment; both must
//! reach the same server as the same role in the same database, or both refuse.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pgseal::Code;
use pgseal::source::{ConnParams, Purpose};

use crate::source::pg::{PgServer, bindir, free_port};

const WHO: &str =
    "SELECT current_user || '|' || current_database() || '|' || coalesce(inet_server_port()::text, 'unix')";

/// Connection text, environment, whether it works.
type Case = (String, Vec<(&'static str, String)>, bool);

/// What psql reaches.
fn by_psql(server: &PgServer, text: &str, env: &[(&str, String)]) -> Option<String> {
    let mut psql = server.client("psql", "unset");
    for name in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"] {
        psql.env_remove(name);
    }
    psql.envs(env.iter().map(|(k, v)| (k, v))).args(["-XAtq", "-w", "-c", WHO, "-d", text]);
    let out = psql.output().unwrap();
    out.status.success().then(|| String::from_utf8(out.stdout).unwrap().trim_end().to_owned())
}

/// What pgseal reaches.
async fn by_us(text: &str, env: &[(&str, String)]) -> Result<String, pgseal::Error> {
    let get = |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| v.clone());
    let session = ConnParams::resolve(text, &get)?.connect("psql").await?;
    let row = session.client().query_one(WHO, &[]).await.unwrap();
    Ok(row.get(0))
}

fn write(path: &Path, text: &str, mode: u32) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn psql_and_pgseal_reach_the_same_server() {
    let tcp = free_port();
    let server = PgServer::start_with(
        &bindir(),
        &[("listen_addresses", "127.0.0.1"), ("port", &tcp.to_string())],
        &[],
        |data| {
            std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhost all all 127.0.0.1/32 md5\n").unwrap();
        },
    );
    server.psql("postgres", "CREATE ROLE \"o'dd us:er\" LOGIN PASSWORD 'p:a\\ss''w@rd'; CREATE ROLE md LOGIN");
    server.psql("postgres", "CREATE DATABASE \"d=b x\"");
    server.psql("postgres", "SET password_encryption = md5; ALTER ROLE md PASSWORD 'old'");
    let dir = tempfile::tempdir().unwrap();
    let at = |n: &str| dir.path().join(n);
    let sock = server.socket_dir().display().to_string();
    let service = write(
        &at("svc"),
        &format!("[other]\nhost=/nonexistent\n# x\n[here]\nhost={sock}\nport={tcp}\nuser=postgres\ndbname=d=b x\n"),
        0o600,
    );
    let pass = write(
        &at("pass"),
        "#c\nlocalhost:*:*:*:no\n127.0.0.1:*:*:o'dd us\\:er:p\\:a\\\\ss'w@rd\n*:*:*:md:old\n",
        0o600,
    );
    std::fs::create_dir(at("home")).unwrap();
    let home = at("home").display().to_string();
    write(&at("home/.pgpass"), "*:*:*:md:old\n", 0o600);
    write(&at("home/.pg_service.conf"), &format!("[mine]\nhost={sock}\nport={tcp}\nuser=postgres\n"), 0o644);
    let e = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect::<Vec<_>>();
    let port = tcp.to_string();
    let enc = sock.replace('/', "%2F");
    let cases: Vec<Case> = vec![
        (format!("host={sock} port={tcp} user=postgres dbname='d=b x'"), e(&[]), true),
        (format!("host = {sock} port= {tcp} user ='postgres'"), e(&[]), true),
        (format!("host={sock} port={tcp} user='o\\'dd us:er' dbname=d=b\\ x"), e(&[]), true),
        (format!("postgresql://postgres@{enc}:{tcp}/d%3Db%20x"), e(&[]), true),
        (format!("postgres:///d=b%20x?host={sock}&port={tcp}&user=postgres"), e(&[]), true),
        (format!("postgresql://o'dd%20us%3Aer:p%3Aa%5Css'w%40rd@127.0.0.1:{tcp}/postgres"), e(&[]), true),
        (format!("postgresql://o'dd%20us%3Aer:wrong@127.0.0.1:{tcp}/postgres"), e(&[]), false),
        (
            String::new(),
            e(&[("PGHOST", &sock), ("PGPORT", &port), ("PGUSER", "postgres"), ("PGDATABASE", "d=b x")]),
            true,
        ),
        (String::new(), e(&[("PGHOST", &sock), ("PGPORT", &port), ("PGUSER", "postgres")]), true),
        (
            "user=postgres".into(),
            e(&[("PGHOST", &sock), ("PGPORT", &port), ("PGUSER", "md"), ("PGDATABASE", "d=b x")]),
            true,
        ),
        ("service=here".into(), e(&[("PGSERVICEFILE", &service)]), true),
        ("service=here user=md dbname=postgres".into(), e(&[("PGSERVICEFILE", &service)]), true),
        ("postgresql:///?service=here".into(), e(&[("PGSERVICEFILE", &service)]), true),
        (String::new(), e(&[("PGSERVICE", "here"), ("PGSERVICEFILE", &service), ("PGDATABASE", "postgres")]), true),
        ("service=mine".into(), e(&[("HOME", &home)]), true),
        ("service=none".into(), e(&[("PGSERVICEFILE", &service)]), false),
        ("service=here".into(), e(&[("PGSERVICEFILE", "/nonexistent/f")]), false),
        (format!("host=127.0.0.1 port={tcp} dbname=postgres user='o\\'dd us:er' passfile={pass}"), e(&[]), true),
        (format!("hostaddr=127.0.0.1 port={tcp} dbname=postgres user=md"), e(&[("PGPASSFILE", &pass)]), true),
        (format!("host=127.0.0.1 port={tcp} dbname=postgres user=md"), e(&[("HOME", &home)]), true),
        (format!("host=127.0.0.1 port={tcp} dbname=postgres user=md"), e(&[("PGPASSWORD", "old")]), true),
        (format!("host=127.0.0.1 port={tcp} dbname=postgres user=postgres"), e(&[("PGPASSFILE", &pass)]), false),
        ("host=/tmp prot=5".into(), e(&[]), false),
        ("postgresql://%zz/".into(), e(&[]), false),
        (format!("host={sock} port=0"), e(&[]), false),
        (format!("host={sock} port={tcp} user=postgres sslmode=nonsense"), e(&[]), false),
    ];
    for (text, mut env, works) in cases {
        // Whatever the home of the user who runs the test holds must not matter.
        if !env.iter().any(|(k, _)| *k == "HOME") {
            env.push(("HOME", "/nonexistent".into()));
        }
        let oracle = by_psql(&server, &text, &env);
        let ours = by_us(&text, &env).await;
        assert_eq!(oracle.is_some(), works, "psql: {text} {env:?}");
        assert_eq!(ours.as_ref().ok(), oracle.as_ref(), "{text} {env:?}: {ours:?}");
    }

    // Children reach it too, with nothing but what they are given, and no password in sight.
    let text = format!("postgresql://o'dd%20us%3Aer:p%3Aa%5Css'w%40rd@127.0.0.1:{tcp}/d%3Db%20x?sslmode=disable");
    let conn = ConnParams::resolve(&text, &|_| None).unwrap();
    let private = tempfile::tempdir().unwrap();
    std::fs::set_permissions(private.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let vars = conn.child_env(private.path(), Purpose::Read).unwrap();
    assert!(!format!("{conn:?} {conn} {vars:?}").contains("ss'w"));
    let mut psql = std::process::Command::new(server.bindir().join("psql"));
    let out = psql.env_clear().envs(vars.clone()).args(["-XAtqw", "-c", WHO]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim_end(), format!("o'dd us:er|d=b x|{tcp}"), "{out:?}");
    let file = vars.iter().find(|v| v.0 == "PGPASSFILE").unwrap().1.clone();
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(private.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(conn.child_env(private.path(), Purpose::Read).is_err());
}

#[test]
fn what_pgseal_does_not_honour_is_refused_by_name() {
    for (text, env, name) in [
        ("host=a,b", None, "host"),
        ("postgresql://a:1,b:2/", None, "host"),
        ("hostaddr=1.1.1.1,2.2.2.2", None, "hostaddr"),
        ("options='-c x=y'", None, "options"),
        ("host=a", Some(("PGOPTIONS", "-c role=x")), "options"),
        ("require_auth=scram-sha-256", None, "require_auth"),
        ("sslcrl=/x", None, "sslcrl"),
        ("host=a", Some(("PGREQUIREPEER", "x")), "requirepeer"),
        ("target_session_attrs=read-write", None, "target_session_attrs"),
        ("channel_binding=require", None, "channel_binding"),
        ("host=@abstract", None, "host"),
        ("sslmode=allow", None, "sslmode"),
        ("passfile=/nonexistent/p", None, "/nonexistent/p"),
    ] {
        let e = ConnParams::resolve(text, &|n| env.filter(|(k, _)| *k == n).map(|(_, v)| v.to_owned())).unwrap_err();
        assert_eq!(e.code(), Code::Usage);
        assert!(e.to_string().contains(name), "{text}: {e}");
    }
    for text in
        ["target_session_attrs=any channel_binding=prefer keepalives=1 application_name=x", "gssencmode=disable"]
    {
        assert!(ConnParams::resolve(text, &|_| None).is_ok(), "{text}");
    }
}
