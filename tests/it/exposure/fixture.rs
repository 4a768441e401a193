//! A server to look at, and the look.

use pgseal::checks::{CheckResult, Outcome, Severity};
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Database, Plane, Policy, Server, catalogue};
use pgseal::source::{ConnParams, Session, probe};

use crate::exposure::pg::PgServer;

/// A server with what only a fixture sets off.
pub fn server(settings: &[(&str, &str)]) -> PgServer {
    PgServer::start(&crate::exposure::pg::bindir(), settings)
}

/// A superuser's session with a database.
pub async fn session(pg: &PgServer, database: &str) -> Session {
    ConnParams::for_socket(pg.socket_dir(), pg.port(), "postgres", database).connect_read_only("test").await.unwrap()
}

/// The server as a superuser's live look sees it.
pub async fn live(pg: &PgServer) -> Server {
    live_as(pg, "postgres").await
}

/// The server as a live look by this role sees it.
pub async fn live_as(pg: &PgServer, role: &str) -> Server {
    let session = ConnParams::for_socket(pg.socket_dir(), pg.port(), role, "postgres").connect_read_only("test").await;
    Server::live(&session.unwrap()).await.unwrap()
}

/// The results of all checks of a server.
pub fn server_checks(server: &Server, policy: &Policy) -> Vec<CheckResult> {
    let mut seen = Sightings::default();
    seen.server(server, policy);
    seen.results(None)
}

/// The server with its roles, as the checks of databases see it.
pub async fn roles(pg: &PgServer, plane: Plane) -> Server {
    let session = session(pg, "postgres").await;
    let version = probe::version(&session).await.unwrap();
    let (roles, members) = (probe::roles(&session).await.unwrap(), probe::memberships(&session).await.unwrap());
    Server { bootstrap: "postgres".into(), ..Server::new(plane, version, roles, members) }
}

/// The results of all checks of one database.
pub async fn database(pg: &PgServer, name: &str, plane: Plane, policy: &Policy) -> Vec<CheckResult> {
    let server = roles(pg, plane).await;
    let session = session(pg, name).await;
    let mut seen = Sightings::default();
    seen.database(&Database::new(&session, name, plane, &server, policy)).await;
    seen.results(None)
}

/// The result of one check.
#[track_caller]
pub fn of<'a>(results: &'a [CheckResult], id: &str) -> &'a CheckResult {
    assert!(catalogue::find(id).is_some(), "{id} is in no catalogue");
    results.iter().find(|r| r.id == id).unwrap_or_else(|| panic!("{id} did not look"))
}

/// Fails unless the check found exactly these objects, in any order.
#[track_caller]
pub fn found(results: &[CheckResult], id: &str, objects: &[&str]) {
    let result = of(results, id);
    let mut is: Vec<&str> = result.findings.iter().map(|f| f.object.as_str()).collect();
    let mut wanted = objects.to_vec();
    is.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(is, wanted, "{id}: {result:#?}");
    assert_eq!(result.outcome, Outcome::Finding, "{id}: {result:#?}");
}

/// Fails unless the check looked at something and found nothing.
#[track_caller]
pub fn silent(results: &[CheckResult], id: &str) {
    let result = of(results, id);
    assert_eq!((result.outcome, result.findings.len()), (Outcome::Pass, 0), "{id}: {result:#?}");
    assert!(result.examined > 0, "{id} passed without having looked: {result:#?}");
}

/// How bad the finding on this object is.
#[track_caller]
pub fn severity(results: &[CheckResult], id: &str, object: &str) -> Severity {
    let about = catalogue::find(id).unwrap().about;
    let finding = of(results, id).findings.iter().find(|f| f.object == object);
    finding.unwrap_or_else(|| panic!("{id} says nothing of {object}")).severity.unwrap_or(about.severity)
}

/// A client that stays connected until it is dropped.
pub struct Client(std::process::Child);

impl Client {
    /// Connects, and waits until the server tells of it.
    pub fn connect(pg: &PgServer, role: &str, database: &str, application: &str) -> Self {
        let mut psql = pg.client("psql", database);
        psql.args(["-XAtq"]).env("PGUSER", role).env("PGAPPNAME", application);
        let child = psql.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
        let seen = format!(
            "select exists (select from pg_stat_activity where usename = '{role}' and application_name = '{application}')"
        );
        let give_up = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while pg.psql("postgres", &seen) != "t" {
            assert!(std::time::Instant::now() < give_up, "{application} does not connect");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self(child)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // psql ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
