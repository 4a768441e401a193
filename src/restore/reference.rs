//! What a server makes of a backup's schema alone: another database beside the
//! restored one, with the same statements run and no rows.

use super::load::Load;
use super::unfinished::Unfinished;
use super::{LogicalTarget, Opened, database, needs, properties};
use crate::error::{Code, Error, Result, Stage};
use crate::process::Stdout;
use crate::source::Purpose;
use crate::source::archive_list::{self, Listed};
use crate::source::facts::DatabaseFacts;
use crate::types::ids::random_bytes;

/// Most bytes of a dump without rows.
const MOST: u64 = archive_list::MAX_BYTES as u64;

/// What fills materialized views: without rows some queries fail.
const FILLS: &str = "MATERIALIZED VIEW DATA";

impl LogicalTarget<'_> {
    /// The entries of the backup's schema stream.
    ///
    /// # Errors
    /// Corrupt (40) where it is no archive; those of reading.
    pub async fn sealed_entries(&self, opened: &Opened, facts: &DatabaseFacts) -> Result<Vec<Listed>> {
        needs::entries(opened, facts, &self.progress).await
    }

    /// The entries of a dump of `database` as it is now, without rows.
    ///
    /// # Errors
    /// Could not run (53) where pg_dump fails; its words may quote rows and are not said.
    pub async fn dumped_entries(&self, database: &str) -> Result<Vec<Listed>> {
        let conn = self.conn.with_database(database);
        let tool = self
            .bin
            .tool("pg_dump")?
            .under(self.under.clone())
            .envs(conn.child_env(self.private, Purpose::Read)?)
            .args(["--format=custom", "--compress=0", "--no-password", "--no-sync"])
            .args(["--section=pre-data", "--section=post-data", "--lock-wait-timeout=10000"])
            .stdout(Stdout::Piped);
        let (exit, bytes) = tool.spawn().await?.output(MOST).await?;
        if exit.code() != Some(0) {
            return Err(
                Error::new(Code::CouldNotRun, Stage::Checks, "pg_dump of the restored copy failed").on(database)
            );
        }
        archive_list::read_made(&bytes)
    }

    /// The entries of a dump of what the schema stream alone makes, in a database
    /// that is removed again.
    ///
    /// # Errors
    /// Those of restoring it, and of [`Self::dumped_entries`].
    pub async fn reference_entries(&self, opened: &Opened, facts: &DatabaseFacts) -> Result<Vec<Listed>> {
        let session = self.conn.connect("pgseal reference").await?;
        // Never to be its name: what is made is removed under its working name.
        let name = format!("pgseal reference {}", hex::encode(random_bytes::<6>()?));
        let target = database::plan(self.conn, &session, &name, false).await?;
        let unfinished = Unfinished::new(self.conn, &target, &self.progress);
        let made = async {
            database::create(&session, facts, &target, true).await?;
            let settings = properties::settings_sql(facts, &target.working, self.owners);
            self.apply(&session, settings, &target).await?;
            let conn = self.inside(&target.working, opened, facts, true).await?;
            Load::new(self, opened, facts, &target, conn, true).await?.without_rows(FILLS).await?;
            self.dumped_entries(&target.working).await
        };
        let made = made.await;
        unfinished.over();
        database::discard(&session, &target).await?;
        made
    }
}
