//! The server itself: read-only, with the role that backs it up, never waiting
//! for long, and creating nothing.

use super::{Job, Seen};
use crate::config::schema::Databases;
use crate::error::{Error, Result};
use crate::exposure::collect::Collector;
use crate::exposure::{Database, Plane, Server};
use crate::source::probe;

/// What no question of an audit takes on an ordinary catalogue; one that does is
/// given up rather than left running on somebody's production.
const TIMEOUT: &str = "60s";

/// Looks at the server, then at each database of the source.
pub(super) async fn look(job: &Job<'_>, collector: &Collector, seen: &mut Seen) -> Result<()> {
    let conn = match &job.connection {
        Ok(conn) => {
            let conn = conn.with_setting("statement_timeout", TIMEOUT).with_setting("lock_timeout", "2s");
            conn.patient(job.source.idle_timeout)
        }
        Err(e) => return Err(Error::new(e.code(), e.stage(), e.text())),
    };
    let asked = async {
        let session = conn.connect_read_only("pgseal audit").await?;
        let server = Server::live(&session).await?;
        Ok((server, probe::databases(&session).await?))
    };
    let (server, all) = asked.await.map_err(|e| conn.explained(e))?;
    seen.sightings.server(&server, job.policy);
    let names = match &job.source.databases {
        Databases::All => all,
        // A physical backup holds them all.
        _ if job.source.kind == crate::types::Kind::Physical => all,
        Databases::Connected => vec![conn.dbname.clone()],
        Databases::Named(names) => names.clone(),
    };
    for name in &names {
        match conn.with_database(name).connect_read_only("pgseal audit").await {
            Ok(session) => {
                let database = Database::new(&session, name, Plane::Live, &server, job.policy);
                seen.sightings.database(&database.collecting(collector)).await;
            }
            Err(e) => seen.sightings.closed(Plane::Live, name, &e.text()),
        }
    }
    if let Ok(access) = server.access() {
        collector.entry(access.picture(&server));
    }
    seen.server = Some(server);
    Ok(())
}
