//! A database that is being restored, removed when the restore is interrupted.

use std::sync::Arc;
use std::time::Duration;

use super::database::{Target, discard};
use crate::error::Result;
use crate::source::{ConnParams, Session};
use crate::types::event::Progress;
use crate::types::{Event, shown};

/// Of a database that was there before.
pub(super) const HOLDS_PART: &str = "existed before and holds part of the backup now";

/// What to do with it.
pub(super) const DROP_IT: &str = "Drop it before you try again.";

/// How long an interrupted restore may take to clean up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Dropping it before [`Unfinished::over`] removes the database; one that was there
/// before is not ours to remove, and what it holds is told.
///
/// An interrupt drops the restore's future in the middle; there is no one left to
/// wait for an answer of the server but a thread of our own. After SIGKILL the
/// database stays under its working name, for `pgseal sweep` ([`super::leftovers`]).
#[derive(Debug)]
pub struct Unfinished {
    conn: ConnParams,
    target: Target,
    progress: Progress,
    over: bool,
}

impl Unfinished {
    /// Guards `target`.
    pub fn new(conn: &ConnParams, target: &Target, progress: &Progress) -> Self {
        Self { conn: conn.clone(), target: target.clone(), progress: Arc::clone(progress), over: false }
    }

    /// The restore came to its end, good or bad.
    pub fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if !self.target.created() {
            let text = format!("the database {} {HOLDS_PART}", shown(&self.target.name));
            self.progress.event(Event::Warning { text, hint: Some(DROP_IT.into()) });
            return;
        }
        let (conn, target) = (self.conn.clone(), self.target.clone());
        let remove = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            let removed = runtime.block_on(async {
                let removing = async {
                    let session = conn.connect("pgseal restore").await?;
                    ended(&session, &target).await?;
                    discard(&session, &target).await
                };
                tokio::time::timeout(PATIENCE, removing).await
            });
            if !matches!(removed, Ok(Ok(()))) {
                tracing::warn!(database = %target.working, "the unfinished database is left behind");
            }
        });
        let _ = remove.join();
    }
}

/// Ends the session that worked on it: a `CREATE DATABASE` does not notice that
/// its client is gone, and would bring the database after it was removed.
async fn ended(session: &Session, target: &Target) -> Result<()> {
    let failed = super::database::failed("cannot end the restore's session", &target.name);
    let sql = "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where pid = $1 \
               and usename = current_user and application_name = 'pgseal restore'";
    // It is gone when there is no row.
    while !session.client().query(sql, &[&target.worker.pid]).await.map_err(&failed)?.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
