//! Secrets in catalogues and settings.

use pgseal::checks::{Outcome, Severity};
use pgseal::exposure::run::Sightings;
use pgseal::exposure::server::{Verifier, VerifierKind};
use pgseal::exposure::{Database, Plane, Policy, Server};
use pgseal::source::posture::{RoleSetting, SettingFacts};
use pgseal::types::Known;

use super::{CANARY, collector, credentials, looked, nothing_sings};
use crate::exposure::fixture::{self, found, of, server, severity, silent};

/// Everything that catalogues can hold, of every kind that has a detector.
const SINS: &str = r#"
CREATE ROLE app LOGIN;
COMMENT ON ROLE app IS 'ssh: postgres://app:Kanarienvogel7@db.corp/x';
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER peer FOREIGN DATA WRAPPER w OPTIONS (host 'h');
CREATE SERVER loud FOREIGN DATA WRAPPER w OPTIONS (host 'h', password 'Kanarienvogel7');
CREATE USER MAPPING FOR app SERVER peer OPTIONS (user 'u', password 'Kanarienvogel7');
CREATE USER MAPPING FOR PUBLIC SERVER peer OPTIONS (user 'u', sslpassword 'Kanarienvogel7');
CREATE SERVER "pe""er
<b>" FOREIGN DATA WRAPPER w;
CREATE USER MAPPING FOR app SERVER "pe""er
<b>" OPTIONS (password 'x');
CREATE SUBSCRIPTION sub1 CONNECTION 'host=10.0.0.1 user=u password=Kanarienvogel7 dbname=d' PUBLICATION p
  WITH (connect = false);
CREATE SUBSCRIPTION "s'ub2" CONNECTION 'postgresql://u:Kanarienvogel7@10.0.0.1/d' PUBLICATION p WITH (connect = false);
CREATE TABLE public.t (id int, k text DEFAULT 'ghp_Kanarienvogel7aB3aB3aB3aB3aB3aB3aB3aB3',
  CONSTRAINT c CHECK (k <> 'sk_live_Kanarienvogel7aB3aB3'));
COMMENT ON COLUMN public.t.k IS 'ALTER ROLE x PASSWORD ''Kanarienvogel7''';
CREATE FUNCTION public.leaky(integer) RETURNS text LANGUAGE sql AS
  $$SELECT 'postgres://app:Kanarienvogel7@db.corp/x'$$;
CREATE FUNCTION public.likely() RETURNS text LANGUAGE sql AS $$SELECT 'api_key=Kanarienvogel7'$$;
CREATE FUNCTION public.sample() RETURNS text LANGUAGE sql AS $$SELECT 'AKIAIOSFODNN7EXAMPLE'$$;
CREATE FUNCTION public.tg() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER tr AFTER INSERT ON public.t EXECUTE FUNCTION public.tg('xoxb-Kanarienvogel7-Kanarienvogel7');
CREATE VIEW public.v AS SELECT 'https://ci:Kanarienvogel7@git.corp'::text AS url;
CREATE RULE r AS ON DELETE TO public.t DO ALSO SELECT 'glpat-Kanarienvogel7aB3aB3';
"#;

/// The same things, used as they should be.
const CLEAN: &str = r"
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER peer FOREIGN DATA WRAPPER w OPTIONS (host 'h', sslmode 'verify-full');
CREATE USER MAPPING FOR app SERVER peer OPTIONS (user 'u', sslkey '/etc/ssl/peer.key');
CREATE SUBSCRIPTION sub3 CONNECTION 'host=10.0.0.1 user=u passfile=/etc/pass dbname=d' PUBLICATION p
  WITH (connect = false);
CREATE TABLE public.users (id int, password text, token text DEFAULT md5(random()::text), CHECK (password <> ''));
COMMENT ON TABLE public.users IS 'passwords are hashed; see the key server';
CREATE FUNCTION public.login(p_password text) RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN RETURN EXISTS (SELECT FROM public.users WHERE password = p_password AND token = $1); END$$;
CREATE VIEW public.v AS SELECT id FROM public.users WHERE token = current_setting('app.token', true);
";

#[tokio::test]
async fn secrets_in_catalogues_are_found_and_never_told() {
    let pg = server(&[]);
    for (db, sql) in [("shop", SINS), ("clean", CLEAN)] {
        pg.psql("postgres", &format!("CREATE DATABASE {db}"));
        pg.psql(db, sql);
    }
    pg.psql("postgres", "ALTER DATABASE shop SET app.jwt_secret = 'Kanarienvogel7'");
    let collector = collector();
    let results = looked(&pg, "shop", &collector).await;

    let peer = "database shop: user mapping of PUBLIC on server peer";
    found(
        &results,
        "EXP-SECR-001",
        &[
            "database shop: foreign server loud",
            "database shop: user mapping of app on server peer",
            peer,
            "database shop: user mapping of app on server pe\"er\n<b>",
        ],
    );
    assert_eq!(severity(&results, "EXP-SECR-001", peer), Severity::Critical);
    found(&results, "EXP-SECR-002", &["database shop: subscription sub1", "database shop: subscription s'ub2"]);
    found(
        &results,
        "EXP-SECR-005",
        &[
            "database shop: comment on role app",
            "database shop: comment on table column public.t.k",
            "database shop: default value for public.t.k",
            "database shop: table constraint c on public.t",
            "database shop: function public.leaky(integer)",
            "database shop: function public.likely()",
            "database shop: function public.sample()",
            "database shop: trigger tr on public.t",
            "database shop: view public.v",
            "database shop: table public.t",
        ],
    );
    for (object, bad) in
        [("leaky(integer)", Severity::High), ("likely()", Severity::Medium), ("sample()", Severity::Info)]
    {
        let object = format!("database shop: function public.{object}");
        assert_eq!(severity(&results, "EXP-SECR-005", &object), bad, "{object}");
    }
    found(&results, "EXP-SECR-008", &["database shop: credentials"]);

    // Comments on roles are the server's: they are told once.
    let clean = looked(&pg, "clean", &collector).await;
    for id in ["EXP-SECR-001", "EXP-SECR-002", "EXP-SECR-005", "EXP-SECR-008"] {
        silent(&clean, id);
    }
    let pictures = collector.into_pictures();
    let all = credentials(&pictures);
    for (object, kind) in [
        ("database shop: user mapping of app on server peer", "password or key"),
        ("database shop: subscription sub1", "password in a connection string"),
        ("database shop: subscription s'ub2", "password in a connection string"),
        ("database shop: function public.leaky(integer)", "password in a url"),
        ("database shop: default value for public.t.k", "github token"),
        ("database shop: table constraint c on public.t", "stripe key"),
        ("database shop: trigger tr on public.t", "slack token"),
        ("database shop: setting app.jwt_secret", "password or key"),
    ] {
        assert!(all.contains(&(object, kind)), "{object}: {all:#?}");
    }
    assert!(!all.iter().any(|c| c.0.contains("sample()")), "a sample of documentation is no credential");
    let tag = |object: &str| pictures.credentials.iter().find(|c| c.object.ends_with(object)).unwrap().tag.clone();
    assert_eq!(tag("leaky(integer)"), tag("subscription sub1"), "one password in two places is one to rotate");
    nothing_sings(&results, &pictures, &[]);
    nothing_sings(&clean, &pictures, &[]);
}

#[tokio::test]
async fn what_may_not_be_read_is_no_pass_and_stored_passwords_are_credentials() {
    let pg = server(&[]);
    pg.psql(
        "postgres",
        "CREATE ROLE nobody LOGIN; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w",
    );
    let policy = Policy::default();
    let mut server = fixture::roles(&pg, Plane::Copy).await;
    server.verifiers = Known::Yes(vec![Verifier {
        role: "app".into(),
        kind: VerifierKind::Md5,
        tag: "t".into(),
        salt_tag: None,
        guessed: None,
    }]);
    let params = pgseal::source::ConnParams::for_socket(pg.socket_dir(), pg.port(), "nobody", "postgres");
    let session = params.connect_read_only("test").await.unwrap();
    let collector = collector();
    let mut seen = Sightings::default();
    let db = Database::new(&session, "postgres", Plane::Copy, &server, &policy).collecting(&collector);
    seen.database(&db).await;
    let results = seen.results(None);
    for id in ["EXP-SECR-001", "EXP-SECR-002"] {
        assert_eq!(of(&results, id).outcome, Outcome::NotEvaluated, "{id}");
    }
    let pictures = collector.into_pictures();
    assert_eq!(credentials(&pictures), [("password of role app", "md5 verifier")]);
}

/// A server of which these settings are known; what was found in them is the kind only.
fn with_settings(settings: &[(&str, Option<&str>)], roles: Known<Vec<RoleSetting>>) -> Server {
    let mut server = Server::new(Plane::Posture, pgseal::types::PgVersion(150_018), Vec::new(), Vec::new());
    let facts = |secret: Option<&str>| SettingFacts {
        value: secret.is_none().then(|| "x".to_owned()),
        secret: secret.map(str::to_owned),
        ..SettingFacts::default()
    };
    server.posture.settings = Known::Yes(settings.iter().map(|(n, s)| ((*n).to_owned(), facts(*s))).collect());
    server.posture.role_settings = roles;
    server
}

fn judged(server: &Server) -> Vec<pgseal::checks::CheckResult> {
    let mut seen = Sightings::default();
    seen.server(server, &Policy::default());
    seen.results(None)
}

#[test]
fn secrets_in_settings_are_judged_by_what_the_posture_kept() {
    let setting = |role: Option<&str>, database: Option<&str>, secret: Option<&str>| RoleSetting {
        role: role.map(str::to_owned),
        database: database.map(str::to_owned),
        name: "app.key".into(),
        value: None,
        secret: secret.map(str::to_owned),
    };
    let roles = vec![
        setting(Some("app"), None, Some("stripe key")),
        setting(None, Some("shop"), Some("password or key")),
        setting(None, None, None),
    ];
    let settings = [
        ("app.jwt_secret", Some("password or key")),
        ("app.colour", None),
        ("archive_command", Some("aws access key id")),
        ("primary_conninfo", Some("password in a connection string")),
        ("work_mem", None),
    ];
    let results = judged(&with_settings(&settings, Known::Yes(roles)));
    let objects = ["setting app.jwt_secret", "setting app.key of role app", "setting app.key of database shop"];
    found(&results, "EXP-SECR-003", &objects);
    found(&results, "EXP-SECR-004", &["setting archive_command", "setting primary_conninfo"]);

    let results = judged(&with_settings(&[("primary_conninfo", None), ("work_mem", None)], Known::Yes(Vec::new())));
    silent(&results, "EXP-SECR-003");
    silent(&results, "EXP-SECR-004");

    // Hidden from the role that asked: nothing was seen, and that is no pass.
    let results = judged(&with_settings(&[("work_mem", None)], Known::no("denied")));
    for id in ["EXP-SECR-003", "EXP-SECR-004"] {
        assert_eq!(of(&results, id).outcome, Outcome::NotEvaluated, "{id}");
    }
    let server = Server::new(Plane::Posture, pgseal::types::PgVersion(150_018), Vec::new(), Vec::new());
    assert_eq!(of(&judged(&server), "EXP-SECR-004").outcome, Outcome::NotEvaluated);
    assert!(SINS.contains(CANARY));
}
