//! SECR and DATA, TLS-003 and LOG-006: everything planted here holds a canary, and no
//! result, picture or `Debug` may sing.

use pgseal::checks::CheckResult;
use pgseal::exposure::outcome::Pictures;
use pgseal::exposure::run::Sightings;
use pgseal::exposure::{Collector, Database, Plane, Policy};

use crate::exposure::fixture;
use crate::exposure::pg::PgServer;

mod catalog;
mod data;
mod files;

/// Stands in every planted password.
const CANARY: &str = "Kanarienvogel7";
const KEY: [u8; 32] = [42; 32];

fn collector() -> Collector {
    Collector::new(KEY, jiff::Timestamp::UNIX_EPOCH)
}

/// The results of all checks of a copy's database, with what they collected.
async fn looked(pg: &PgServer, name: &str, collector: &Collector) -> Vec<CheckResult> {
    let (server, policy) = (fixture::roles(pg, Plane::Copy).await, Policy::default());
    let session = fixture::session(pg, name).await;
    let mut seen = Sightings::default();
    seen.database(&Database::new(&session, name, Plane::Copy, &server, &policy).collecting(collector)).await;
    seen.results(None)
}

/// Fails if a secret stands anywhere in what is told.
#[track_caller]
fn nothing_sings(results: &[CheckResult], pictures: &Pictures, secrets: &[&str]) {
    let told = format!("{results:?} {pictures:?} {}", serde_json::to_string(results).unwrap());
    for secret in secrets.iter().chain([&CANARY]) {
        assert!(!told.contains(secret), "{secret} is told: {told}");
    }
}

/// Objects and kinds of the credentials that were collected.
fn credentials(pictures: &Pictures) -> Vec<(&str, &str)> {
    pictures.credentials.iter().map(|c| (c.object.as_str(), c.kind.as_str())).collect()
}
