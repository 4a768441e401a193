//! What runs inside: one database with every sin, one without.

use std::collections::BTreeMap;

use pgseal::checks::{Outcome, Severity};
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Plane, Policy, Server};
use pgseal::source::posture::{RoleSetting, SettingFacts};
use pgseal::types::Known;

use crate::exposure::fixture::{self, found, of, severity, silent};
use crate::exposure::pg::{PgServer, major};

const SIN: &str = r#"
GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC;
CREATE SCHEMA safe; CREATE SCHEMA appown; ALTER SCHEMA appown OWNER TO app;
CREATE FUNCTION public.unset() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN 1; END';
CREATE FUNCTION public.plantable() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = safe, public, pg_temp AS 'SELECT 1';
CREATE FUNCTION public.by_owner() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = appown, pg_temp AS 'SELECT 1';
CREATE FUNCTION public.temp_first() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, safe AS 'SELECT 1';
CREATE FUNCTION public.temp_middle() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp, safe AS 'SELECT 1';
CREATE FUNCTION public.empty_path() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';
CREATE FUNCTION public.dollar_user() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = "$user", pg_temp AS 'SELECT 1';
ALTER FUNCTION public.dollar_user() OWNER TO app; CREATE SCHEMA app; GRANT CREATE ON SCHEMA app TO support;
CREATE FUNCTION public.absent() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = nowhere, pg_temp AS 'SELECT 1';
GRANT CREATE ON DATABASE sincode TO support;
CREATE FUNCTION public.private() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION public.private() FROM PUBLIC;
CREATE FUNCTION public.on_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION public.fine() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, safe, "pg_temp" AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION public.fine() FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.fine() TO app;
CREATE FUNCTION public.inject(tab text, n integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ DECLARE q text; BEGIN q := 'delete from ' || tab || ' where a = ' || n; EXECUTE q; END $$;
CREATE FUNCTION public.number(n integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN EXECUTE 'select ' || n || $1; END $$;
CREATE FUNCTION public."wild""handler"() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE wild HANDLER public."wild""handler"; CREATE TRUSTED LANGUAGE plperlu HANDLER public."wild""handler";
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; ALTER FUNCTION public.on_ddl() OWNER TO app;
CREATE FUNCTION public.on_ddl_too() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER theirs ON ddl_command_end EXECUTE FUNCTION public.on_ddl(); CREATE EVENT TRIGGER ours ON ddl_command_end EXECUTE FUNCTION public.on_ddl_too();
CREATE EVENT TRIGGER sleeps ON ddl_command_end EXECUTE FUNCTION public.on_ddl(); ALTER EVENT TRIGGER sleeps DISABLE;
CREATE EXTENSION dblink SCHEMA public; CREATE EXTENSION hstore SCHEMA safe VERSION '1.4'; CREATE EXTENSION pg_surgery SCHEMA safe; CREATE EXTENSION file_fdw SCHEMA safe;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE public.f (a text) SERVER files OPTIONS (filename '/dev/null'); GRANT SELECT ON public.f TO app;
CREATE FUNCTION public.calls() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM public.dblink('x', 'y'); RETURN 1; END $$;
CREATE FUNCTION public.calls_calls() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN public.calls(); END $$;
CREATE FUNCTION public.mentions() RETURNS int LANGUAGE plpgsql AS $$ BEGIN /* dblink( */ RETURN 1; END $$;
CREATE FUNCTION public.program() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN COPY public.d TO PROGRAM 'curl'; RETURN NEW; END $$;
CREATE FUNCTION public.calm() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE public.d (a int DEFAULT public.calls_calls(), b text DEFAULT pg_read_file('PG_VERSION'), c int DEFAULT public.mentions(), d int DEFAULT 1);
CREATE TRIGGER t AFTER INSERT ON public.d FOR EACH ROW EXECUTE FUNCTION public.program(); CREATE TRIGGER calm AFTER INSERT ON public.d FOR EACH ROW EXECUTE FUNCTION public.calm();
CREATE RULE r AS ON DELETE TO public.d DO ALSO SELECT public.calls();
CREATE VIEW public.plain_view AS SELECT public.calls() AS a; CREATE VIEW public.over AS SELECT a FROM public.f;
CREATE MATERIALIZED VIEW public.mv AS SELECT a FROM public.over; CREATE MATERIALIZED VIEW public.mv2 AS SELECT a FROM public.plain_view WITH NO DATA;
CREATE MATERIALIZED VIEW public.mv3 AS SELECT a FROM public.mv; CREATE MATERIALIZED VIEW public.mv4 AS SELECT public.calls() AS a WITH NO DATA;
ALTER TABLE public.d ADD CONSTRAINT checked CHECK (a > public.calls_calls());
"#;

const CLEAN: &str = r"
REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA tools; CREATE EXTENSION hstore SCHEMA tools; CREATE EXTENSION pg_surgery SCHEMA tools;
CREATE TABLE public.t (a int DEFAULT 1, h tools.hstore);
CREATE FUNCTION public.good(tab text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ BEGIN EXECUTE format('select 1 from %I', tab); END $$;
REVOKE EXECUTE ON FUNCTION public.good(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.good(text) TO app;
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER ours ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
";

/// A name with all that breaks SQL, terminals and pages, as long as names can be.
fn hostile() -> String {
    let name = "e\"v'il\n<b>\u{1b}[31m; --\\ ";
    crate::exposure::pg::allowed(&format!("{name}{}", "x".repeat(63 - name.len())))
}

fn world() -> PgServer {
    let pg = fixture::server(&[("session_preload_libraries", "tcn")]);
    pg.psql("postgres", "CREATE ROLE app LOGIN; CREATE ROLE support LOGIN");
    for name in ["sincode", "cleancode"] {
        pg.psql("postgres", &format!("CREATE DATABASE {name}"));
    }
    pg.psql("sincode", SIN);
    pg.psql("cleancode", CLEAN);
    let evil = format!("\"{}\"", hostile().replace('"', "\"\""));
    let sql = format!(
        "CREATE SCHEMA {evil}; CREATE FUNCTION {evil}.{evil}({evil} text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER \
         SET search_path = pg_catalog, {evil}, pg_temp AS $x$ BEGIN EXECUTE {evil}; END $x$; GRANT CREATE ON SCHEMA {evil} TO app"
    );
    pg.psql("sincode", &sql);
    pg
}

#[tokio::test]
async fn every_sin_is_found_and_none_where_there_is_none() {
    let pg = world();
    let mut policy = Policy::default();
    policy.expect.extensions = Some(vec!["plpgsql".into(), "hstore".into()]);
    let sin = fixture::database(&pg, "sincode", Plane::Live, &policy).await;
    let evil = format!("\"{}\"", hostile().replace('"', "\"\""));
    let evil = format!("function {evil}.{evil}(text)");
    let in_sin = |id: &str, objects: &[&str]| {
        let objects: Vec<String> =
            objects.iter().map(|o| format!("database sincode: {}", o.replace("EVIL", &evil))).collect();
        found(&sin, id, &objects.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let at = |id: &str, object: &str| severity(&sin, id, &format!("database sincode: {object}"));

    in_sin(
        "EXP-FUNC-001",
        &[
            "function public.unset()",
            "function public.plantable()",
            "function public.by_owner()",
            "function public.temp_first()",
            "function public.temp_middle()",
            "function public.empty_path()",
            "function public.dollar_user()",
            "function public.absent()",
            "function public.private()",
            "EVIL",
        ],
    );
    for (function, severity) in [
        ("unset", Severity::Critical),
        ("plantable", Severity::Critical),
        ("by_owner", Severity::Critical),
        ("temp_first", Severity::High),
        ("temp_middle", Severity::High),
        ("empty_path", Severity::Low),
        ("dollar_user", Severity::High),
        ("absent", Severity::Medium),
        ("private", Severity::Low),
    ] {
        assert_eq!(at("EXP-FUNC-001", &format!("function public.{function}()")), severity, "{function}");
    }
    in_sin(
        "EXP-FUNC-002",
        &[
            "function public.unset()",
            "function public.plantable()",
            "function public.by_owner()",
            "function public.temp_first()",
            "function public.temp_middle()",
            "function public.empty_path()",
            "function public.dollar_user()",
            "function public.absent()",
            "function public.on_change()",
            "function public.inject(text,integer)",
            "function public.number(integer)",
            "EVIL",
        ],
    );
    assert_eq!(at("EXP-FUNC-002", "function public.on_change()"), Severity::Low);
    in_sin("EXP-FUNC-003", &["function public.inject(text,integer)", "EVIL"]);
    in_sin("EXP-FUNC-004", &["language wild", "language plperlu", "function public.\"wild\"\"handler\"()"]);
    assert_eq!(at("EXP-FUNC-004", "language plperlu"), Severity::Critical);
    in_sin("EXP-FUNC-005", &["event trigger theirs"]);
    in_sin(
        "EXP-FUNC-006",
        &[
            "default value for public.d.a",
            "default value for public.d.b",
            "trigger t on public.d",
            "rule r on public.d",
            "table constraint checked on public.d",
            "materialized view public.mv",
            "materialized view public.mv2",
            "materialized view public.mv4",
        ],
    );
    in_sin("EXP-EXT-001", &["extension dblink", "extension file_fdw"]);
    in_sin("EXP-EXT-002", &["extension hstore"]);
    in_sin("EXP-EXT-003", &["extension dblink", "extension pg_surgery", "extension file_fdw"]);
    assert_eq!(at("EXP-EXT-003", "extension dblink"), Severity::Low);

    let clean = fixture::database(&pg, "cleancode", Plane::Live, &Policy::default()).await;
    for id in ["FUNC-001", "FUNC-002", "FUNC-003", "FUNC-004", "FUNC-005", "FUNC-006", "EXT-001", "EXT-002", "EXT-003"]
    {
        silent(&clean, &format!("EXP-{id}"));
    }

    // What nothing was declared of is information; what a copy cannot know is no pass.
    let copy = fixture::database(&pg, "sincode", Plane::Copy, &Policy::default()).await;
    assert_eq!(severity(&copy, "EXP-EXT-003", "database sincode: extension hstore"), Severity::Info);
    assert_eq!(of(&copy, "EXP-EXT-002").outcome, Outcome::NotEvaluated);
    let empty = fixture::database(&pg, "postgres", Plane::Live, &policy).await;
    for id in ["FUNC-001", "FUNC-002", "FUNC-003", "FUNC-005", "FUNC-006", "EXT-003"] {
        assert_eq!(of(&empty, &format!("EXP-{id}")).outcome, Outcome::NotApplicable, "{id}");
    }
    policy.expect.extensions = Some(["dblink", "file_fdw", "hstore", "pg_surgery"].map(str::to_owned).to_vec());
    let declared = fixture::database(&pg, "sincode", Plane::Live, &policy).await;
    silent(&declared, "EXP-EXT-001");
    found(&declared, "EXP-EXT-003", &["database sincode: extension dblink"]);
}

#[tokio::test]
async fn bodies_that_are_bound_and_hooks_at_login_are_known_where_they_exist() {
    let pg = fixture::server(&[]);
    pg.psql("postgres", "CREATE DATABASE shop");
    if major() >= 14 {
        pg.psql(
            "shop",
            "CREATE FUNCTION public.bound() RETURNS int LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT 1; END",
        );
        let results = fixture::database(&pg, "shop", Plane::Live, &Policy::default()).await;
        found(&results, "EXP-FUNC-001", &["database shop: function public.bound()"]);
        assert_eq!(severity(&results, "EXP-FUNC-001", "database shop: function public.bound()"), Severity::Low);
    }
    if major() >= 17 {
        pg.psql(
            "shop",
            "CREATE FUNCTION public.hook() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
             CREATE EVENT TRIGGER hook ON login EXECUTE FUNCTION public.hook()",
        );
        let results = fixture::database(&pg, "shop", Plane::Live, &Policy::default()).await;
        found(&results, "EXP-FUNC-005", &["database shop: event trigger hook"]);
    }
}

/// Settings of libraries, as the server has them.
async fn posture(pg: &PgServer) -> Server {
    let mut server = fixture::roles(pg, Plane::Live).await;
    let session = fixture::session(pg, "postgres").await;
    let sql = "SELECT name, setting FROM pg_settings WHERE name LIKE '%preload_libraries'";
    let settings: BTreeMap<String, SettingFacts> = session
        .client()
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|r| (r.get(0), SettingFacts { value: Some(r.get(1)), ..SettingFacts::default() }))
        .collect();
    assert_eq!(settings.len(), 3);
    server.posture.settings = Known::Yes(settings);
    let sql = "SELECT CASE setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(setrole)::text END, d.datname::text, \
                      split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) \
               FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c";
    let of_role = |r: &tokio_postgres::Row| RoleSetting {
        role: r.get(0),
        database: r.get(1),
        name: r.get(2),
        value: r.get(3),
        secret: None,
    };
    let set = session.client().query(sql, &[]).await.unwrap();
    server.posture.role_settings = Known::Yes(set.iter().map(of_role).collect());
    server
}

#[tokio::test]
async fn libraries_that_are_loaded_are_known_or_found() {
    let mut pg = fixture::server(&[("session_preload_libraries", "auto_explain")]);
    let judged = |server: &Server, policy: &Policy| {
        let mut seen = Sightings::default();
        seen.server(server, policy);
        seen.results(None)
    };
    silent(&judged(&posture(&pg).await, &Policy::default()), "EXP-EXT-004");
    let unknown = fixture::roles(&pg, Plane::Live).await;
    assert_eq!(of(&judged(&unknown, &Policy::default()), "EXP-EXT-004").outcome, Outcome::NotEvaluated);

    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql("postgres", "ALTER DATABASE shop SET session_preload_libraries = auto_explain");
    pg.psql("postgres", "ALTER DATABASE shop SET work_mem = '8MB'");
    pg.restart(&[("session_preload_libraries", "auto_explain,tcn")]);
    let both = ["setting session_preload_libraries: library tcn", "setting session_preload_libraries of database shop"];
    found(&judged(&posture(&pg).await, &Policy::default()), "EXP-EXT-004", &both);
    let mut policy = Policy::default();
    policy.expect.extensions = Some(vec!["tcn".into()]);
    found(&judged(&posture(&pg).await, &policy), "EXP-EXT-004", &both[1..]);
}
