//! What may be touched: one database with every sin, one without.

mod reach;

use pgseal::checks::{Outcome, Severity};
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Plane, Policy, Server};
use pgseal::source::posture::{DatabaseEntry, ParameterGrant};
use pgseal::types::Known;

use crate::exposure::fixture::{self, found, of, severity, silent};
use crate::exposure::pg::{PgServer, major};

const ROLES: &str = r"
CREATE ROLE keeper NOLOGIN; CREATE ROLE app LOGIN; CREATE ROLE bi_readonly LOGIN; CREATE ROLE support LOGIN;
CREATE ROLE runtime LOGIN; CREATE ROLE deploy LOGIN IN ROLE keeper; CREATE ROLE tenant LOGIN; CREATE ROLE other LOGIN;
CREATE ROLE writers NOLOGIN; CREATE ROLE report LOGIN IN ROLE writers;
";

const GRANTS: &str = r"
CREATE SCHEMA shut; CREATE SCHEMA sandbox; CREATE SCHEMA app;
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC; GRANT CREATE ON SCHEMA sandbox, app TO PUBLIC;
CREATE TABLE public.customers (id int, email text); GRANT SELECT ON public.customers TO PUBLIC;
CREATE TABLE public.cols (a int, b int); GRANT UPDATE (b) ON public.cols TO PUBLIC;
CREATE SEQUENCE public.seq; GRANT USAGE ON SEQUENCE public.seq TO PUBLIC;
CREATE TABLE shut.asleep (a int); GRANT SELECT ON shut.asleep TO PUBLIC;
CREATE MATERIALIZED VIEW public.mv AS SELECT 1 AS a; GRANT SELECT ON public.mv TO PUBLIC;
CREATE TABLE public.parts (a int) PARTITION BY LIST (a); GRANT INSERT ON public.parts TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA shut GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT ALL ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE support GRANT EXECUTE ON FUNCTIONS TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE support IN SCHEMA shut GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app; GRANT EXECUTE ON FUNCTION pg_ls_logdir() TO support;
GRANT SELECT ON pg_authid TO support; GRANT SELECT (umoptions) ON pg_user_mapping TO PUBLIC; GRANT UPDATE ON pg_class TO app;
GRANT SELECT ON public.cols TO support WITH GRANT OPTION; GRANT ALL ON public.cols TO app; GRANT USAGE ON SCHEMA shut TO tenant WITH GRANT OPTION;
CREATE TABLE public.ledger (a int); GRANT INSERT ON public.ledger TO bi_readonly; GRANT DELETE ON public.ledger TO writers;
";

const ROWS: &str = r#"
CREATE SCHEMA rls; GRANT USAGE ON SCHEMA rls TO PUBLIC;
CREATE TABLE rls.orders (tenant_id int, a int); GRANT SELECT ON rls.orders TO app, tenant;
CREATE TABLE rls."Inv" ("CustomerID" int); GRANT SELECT ("CustomerID") ON rls."Inv" TO app;
CREATE TABLE rls.alone (tenant_id int);
CREATE TABLE rls.off (a int); CREATE POLICY p ON rls.off USING (a = 1); CREATE POLICY q ON rls.off USING (a = 2);
CREATE TABLE rls.t (tenant_id int, a int); ALTER TABLE rls.t ENABLE ROW LEVEL SECURITY; ALTER TABLE rls.t OWNER TO keeper; GRANT SELECT ON rls.t TO app;
CREATE POLICY real ON rls.t USING (a > 1); CREATE POLICY yes ON rls.t USING (1 = 1); CREATE POLICY reads ON rls.t FOR SELECT TO app USING (true);
CREATE POLICY col ON rls.t FOR DELETE TO tenant, app USING (a = a); CREATE POLICY ins ON rls.t FOR INSERT TO app WITH CHECK (NOT (NOT true));
CREATE POLICY own ON rls.t TO keeper USING (true);
CREATE POLICY upd ON rls.t FOR UPDATE TO app USING (a = 3) WITH CHECK (true);
CREATE TABLE rls.held (a int); ALTER TABLE rls.held ENABLE ROW LEVEL SECURITY; ALTER TABLE rls.held FORCE ROW LEVEL SECURITY; CREATE POLICY wide ON rls.held USING (true);
CREATE POLICY narrow ON rls.held AS RESTRICTIVE USING (a = 1);
CREATE TABLE rls.notheld (a int); ALTER TABLE rls.notheld ENABLE ROW LEVEL SECURITY; CREATE POLICY wide ON rls.notheld USING (true);
CREATE POLICY narrow ON rls.notheld AS RESTRICTIVE FOR DELETE TO app USING (a = 1);
CREATE VIEW rls.v AS SELECT * FROM rls.t; GRANT SELECT ON rls.v TO app;
CREATE VIEW rls.inner_v AS SELECT * FROM rls.t; CREATE VIEW rls.outer_v AS SELECT a FROM rls.inner_v; GRANT SELECT ON rls.outer_v TO PUBLIC;
CREATE MATERIALIZED VIEW rls.m AS SELECT a FROM rls.t; GRANT SELECT (a) ON rls.m TO tenant;
CREATE VIEW rls.own_v AS SELECT * FROM rls.t; ALTER VIEW rls.own_v OWNER TO tenant; GRANT SELECT ON rls.t TO tenant; GRANT SELECT ON rls.own_v TO app;
CREATE VIEW rls.private_v AS SELECT * FROM rls.t;
CREATE TABLE rls.p (tenant_id int) PARTITION BY LIST (tenant_id); CREATE TABLE rls.p1 PARTITION OF rls.p FOR VALUES IN (1) PARTITION BY LIST (tenant_id);
CREATE TABLE rls.p11 PARTITION OF rls.p1 FOR VALUES IN (1); CREATE TABLE rls.p2 PARTITION OF rls.p FOR VALUES IN (2);
ALTER TABLE rls.p ENABLE ROW LEVEL SECURITY; CREATE POLICY s ON rls.p USING (tenant_id = current_setting('app.tenant')::int); GRANT SELECT ON rls.p11 TO app;
CREATE TABLE rls.mine (a int); ALTER TABLE rls.mine ENABLE ROW LEVEL SECURITY; ALTER TABLE rls.mine OWNER TO runtime;
CREATE FUNCTION rls.who() RETURNS text LANGUAGE sql AS 'SELECT current_setting(''jwt.sub'', true)';
CREATE POLICY who ON rls.mine USING (rls.who() = current_user);
CREATE TABLE rls.silent (a int); ALTER TABLE rls.silent ENABLE ROW LEVEL SECURITY; ALTER TABLE rls.silent FORCE ROW LEVEL SECURITY;
"#;

const CLEAN: &str = r"
REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA shop AUTHORIZATION keeper; GRANT USAGE ON SCHEMA shop TO app, bi_readonly;
SET ROLE keeper;
CREATE TABLE shop.orders (id int, tenant text); GRANT SELECT, INSERT ON shop.orders TO app; GRANT SELECT ON shop.orders TO bi_readonly;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.orders USING (tenant = current_user) WITH CHECK (tenant = current_user);
CREATE VIEW shop.v AS SELECT * FROM shop.orders; GRANT SELECT ON shop.v TO app;
CREATE TABLE shop.parts (tenant text) PARTITION BY LIST (tenant); CREATE TABLE shop.parts_a PARTITION OF shop.parts FOR VALUES IN ('a');
ALTER TABLE shop.parts ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.parts FORCE ROW LEVEL SECURITY; CREATE POLICY own ON shop.parts USING (tenant = current_user);
GRANT SELECT ON shop.parts TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT, INSERT ON TABLES TO app; ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO app;
";

/// A name with all that breaks SQL, terminals and pages, as long as names can be.
fn hostile() -> String {
    let name = "e\"v'il\n<b>\u{1b}[31m; --\\ ";
    crate::exposure::pg::allowed(&format!("{name}{}", "x".repeat(63 - name.len())))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn world() -> PgServer {
    let pg = fixture::server(&[]);
    let evil = quoted(&hostile());
    pg.psql("postgres", ROLES);
    pg.psql("postgres", &format!("CREATE ROLE {evil} LOGIN"));
    pg.psql("postgres", "CREATE DATABASE sin");
    pg.psql("postgres", "CREATE DATABASE clean");
    pg.psql("sin", GRANTS);
    pg.psql("sin", ROWS);
    let more = format!(
        "CREATE SCHEMA {evil}; GRANT USAGE, CREATE ON SCHEMA {evil} TO PUBLIC; CREATE TABLE {evil}.{evil} ({evil} int);
         GRANT SELECT ({evil}) ON {evil}.{evil} TO PUBLIC; GRANT SELECT ON {evil}.{evil} TO {evil} WITH GRANT OPTION;
         CREATE POLICY {evil} ON rls.notheld USING (true)"
    );
    pg.psql("sin", &more);
    if major() >= 15 {
        pg.psql(
            "sin",
            "CREATE VIEW rls.asks WITH (security_invoker = on) AS SELECT * FROM rls.t; GRANT SELECT ON rls.asks TO app",
        );
    }
    pg.psql("clean", CLEAN);
    pg
}

#[tokio::test]
async fn every_sin_is_found_and_none_where_there_is_none() {
    let pg = world();
    let policy = Policy::default();
    for plane in [Plane::Live, Plane::Copy] {
        let sin = fixture::database(&pg, "sin", plane, &policy).await;
        let evil = quoted(&hostile());
        let in_sin = |id: &str, objects: &[&str]| {
            let objects: Vec<String> =
                objects.iter().map(|o| format!("database sin: {}", o.replace("EVIL", &evil))).collect();
            found(&sin, id, &objects.iter().map(String::as_str).collect::<Vec<_>>());
        };
        let at = |id: &str, object: &str| severity(&sin, id, &format!("database sin: {object}"));

        in_sin(
            "EXP-PRIV-001",
            &[
                "table public.customers",
                "table public.cols",
                "sequence public.seq",
                "table shut.asleep",
                "materialized view public.mv",
                "table public.parts",
                "view rls.outer_v",
                "table EVIL.EVIL",
            ],
        );
        assert_eq!(at("EXP-PRIV-001", "table public.customers"), Severity::High);
        assert_eq!(at("EXP-PRIV-001", "table shut.asleep"), Severity::Medium);
        assert_eq!(at("EXP-PRIV-001", "sequence public.seq"), Severity::Medium);
        in_sin("EXP-PRIV-002", &["schema public", "schema sandbox", "schema app", "schema EVIL"]);
        assert_eq!(at("EXP-PRIV-002", "schema app"), Severity::High, "it is somebody's $user");
        assert_eq!(at("EXP-PRIV-002", "schema sandbox"), Severity::Medium);
        in_sin(
            "EXP-PRIV-003",
            &[
                "default privileges for role keeper in schema shut on tables",
                "default privileges for role keeper on tables",
                "default privileges for role support in schema shut on functions",
            ],
        );
        in_sin(
            "EXP-PRIV-005",
            &[
                "function pg_catalog.pg_read_file(text) for role app",
                "function pg_catalog.pg_ls_logdir() for role support",
                "table pg_catalog.pg_authid for role support",
                "table column pg_catalog.pg_user_mapping.umoptions for PUBLIC",
            ],
        );
        assert_eq!(at("EXP-PRIV-005", "function pg_catalog.pg_ls_logdir() for role support"), Severity::Medium);
        let evil_role = format!("role {}", hostile());
        in_sin("EXP-PRIV-007", &["role support", "role app", "role tenant", &evil_role]);
        in_sin("EXP-PRIV-008", &["role bi_readonly", "role report"]);
        in_sin(
            "EXP-PRIV-009",
            &[
                "table public.customers",
                "table public.cols",
                "materialized view public.mv",
                "table public.parts",
                "view rls.outer_v",
                "table EVIL.EVIL",
            ],
        );

        in_sin("EXP-RLS-001", &["table rls.orders", "table rls.\"Inv\""]);
        in_sin("EXP-RLS-002", &["table rls.off"]);
        in_sin(
            "EXP-RLS-003",
            &[
                "policy yes on rls.t",
                "policy reads on rls.t",
                "policy col on rls.t",
                "policy ins on rls.t",
                "policy upd on rls.t",
                "policy wide on rls.notheld",
                "policy EVIL on rls.notheld",
            ],
        );
        assert_eq!(at("EXP-RLS-003", "policy reads on rls.t"), Severity::Medium);
        assert_eq!(at("EXP-RLS-003", "policy yes on rls.t"), Severity::High);
        in_sin("EXP-RLS-004", &["view rls.v", "view rls.outer_v", "materialized view rls.m"]);
        in_sin("EXP-RLS-005", &["table rls.p11"]);
        in_sin("EXP-RLS-006", &["table rls.mine", "table rls.t"]);
        assert_eq!(at("EXP-RLS-006", "table rls.t"), Severity::Low, "its owner cannot log in itself");
        in_sin("EXP-RLS-007", &["table rls.silent"]);
        in_sin("EXP-RLS-008", &["policy s on rls.p", "policy who on rls.mine"]);

        let clean = fixture::database(&pg, "clean", plane, &policy).await;
        for id in ["PRIV-001", "PRIV-002", "PRIV-003", "PRIV-005", "PRIV-007", "PRIV-008", "PRIV-009"] {
            silent(&clean, &format!("EXP-{id}"));
        }
        for n in 1..=8 {
            silent(&clean, &format!("EXP-RLS-00{n}"));
        }
    }
    // What is not there is not passed.
    let empty = fixture::database(&pg, "postgres", Plane::Live, &policy).await;
    for id in ["PRIV-001", "PRIV-003", "PRIV-009", "RLS-001", "RLS-002", "RLS-003", "RLS-004", "RLS-006"] {
        assert_eq!(of(&empty, &format!("EXP-{id}")).outcome, Outcome::NotApplicable, "{id}");
    }
}

#[tokio::test]
async fn declared_intent_is_no_finding() {
    let pg = world();
    let mut policy = Policy { tenant_columns: vec!["email".into()], ..Policy::default() };
    policy.expect.admins = Some(vec!["postgres".into(), "runtime".into(), "deploy".into()]);
    policy.expect.dump_role = Some("app".into());
    let sin = fixture::database(&pg, "sin", Plane::Live, &policy).await;
    silent(&sin, "EXP-RLS-006");
    found(&sin, "EXP-RLS-001", &["database sin: table public.customers"]);
    let policies = of(&sin, "EXP-RLS-003");
    assert!(!policies.findings.iter().any(|f| f.object.contains("policy ins ")), "it is for the dump role only");
}

/// What the posture of a server says of databases and settings, from the server.
async fn posture(pg: &PgServer) -> Server {
    let mut server = fixture::roles(pg, Plane::Live).await;
    let session = fixture::session(pg, "postgres").await;
    let sql = "SELECT d.datname::text, pg_get_userbyid(d.datdba)::text, d.datistemplate, d.datallowconn, \
               ARRAY(SELECT CASE x.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(x.grantee)::text END \
                     FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x), \
               ARRAY(SELECT x.privilege_type FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x) FROM pg_database d";
    let databases = session.client().query(sql, &[]).await.unwrap();
    let entry = |r: &tokio_postgres::Row| {
        let (roles, privileges): (Vec<String>, Vec<String>) = (r.get(4), r.get(5));
        let grants = roles.into_iter().map(|g| (!g.is_empty()).then_some(g)).zip(privileges).collect();
        DatabaseEntry { name: r.get(0), owner: r.get(1), template: r.get(2), connectable: r.get(3), grants }
    };
    server.posture.databases = Known::Yes(databases.iter().map(entry).collect());
    if major() >= 15 {
        let sql = "SELECT p.parname, CASE x.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(x.grantee)::text END, \
                   x.privilege_type, x.is_grantable FROM pg_parameter_acl p, aclexplode(p.paracl) x";
        let grant = |r: &tokio_postgres::Row| ParameterGrant {
            parameter: r.get(0),
            role: r.get(1),
            privilege: r.get(2),
            grantable: r.get(3),
        };
        let grants = session.client().query(sql, &[]).await.unwrap();
        server.posture.parameter_grants = Known::Yes(grants.iter().map(grant).collect());
    }
    server
}

#[tokio::test]
async fn databases_and_settings_are_judged_by_the_posture() {
    let pg = fixture::server(&[]);
    pg.psql("postgres", ROLES);
    for sql in [
        "CREATE DATABASE shop",
        "CREATE DATABASE wide",
        "CREATE DATABASE narrow",
        "GRANT CREATE ON DATABASE wide TO PUBLIC",
        "REVOKE ALL ON DATABASE narrow FROM PUBLIC",
        "GRANT CONNECT ON DATABASE narrow TO app",
    ] {
        pg.psql("postgres", sql);
    }
    let judged = |server: &Server, policy: &Policy| {
        let mut seen = Sightings::default();
        seen.server(server, policy);
        seen.results(None)
    };
    let policy = Policy::default();
    // The catalogue of settings' privileges begins empty.
    let before = judged(&posture(&pg).await, &policy);
    found(&before, "EXP-PRIV-004", &["database postgres", "database shop", "database wide"]);
    assert_eq!(severity(&before, "EXP-PRIV-004", "database shop"), Severity::Medium);
    assert_eq!(severity(&before, "EXP-PRIV-004", "database wide"), Severity::High);
    assert_eq!(severity(&before, "EXP-PRIV-004", "database postgres"), Severity::Low);
    for name in ["postgres", "shop", "wide"] {
        pg.psql("postgres", &format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"));
    }
    silent(&judged(&posture(&pg).await, &policy), "EXP-PRIV-004");
    let unknown = fixture::roles(&pg, Plane::Live).await;
    assert_eq!(of(&judged(&unknown, &policy), "EXP-PRIV-004").outcome, Outcome::NotEvaluated);
    if major() < 15 {
        assert_eq!(of(&before, "EXP-PRIV-006").outcome, Outcome::NotApplicable);
        return;
    }
    assert_eq!(of(&judged(&unknown, &policy), "EXP-PRIV-006").outcome, Outcome::NotEvaluated);
    silent(&before, "EXP-PRIV-006");
    for grant in [
        "ALTER SYSTEM ON PARAMETER archive_command TO support",
        "SET ON PARAMETER log_statement TO support",
        "SET ON PARAMETER session_replication_role TO PUBLIC",
        "SET ON PARAMETER wal_compression TO app",
        "SET ON PARAMETER log_duration TO postgres",
    ] {
        pg.psql("postgres", &format!("GRANT {grant}"));
    }
    let after = judged(&posture(&pg).await, &policy);
    let objects = [
        "setting archive_command: ALTER SYSTEM for role support",
        "setting log_statement: SET for role support",
        "setting session_replication_role: SET for PUBLIC",
        "setting wal_compression: SET for role app",
    ];
    found(&after, "EXP-PRIV-006", &objects);
    let severities = objects.map(|o| severity(&after, "EXP-PRIV-006", o));
    assert_eq!(severities, [Severity::High, Severity::Medium, Severity::High, Severity::Low]);
    let mut expects = Policy::default();
    expects.expect.admins = Some(vec!["support".into()]);
    found(&judged(&posture(&pg).await, &expects), "EXP-PRIV-006", &objects[2..]);
}
