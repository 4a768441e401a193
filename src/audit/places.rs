//! The store with the backups in it, and this host.

use jiff::Timestamp;

use super::{Job, Seen};
use crate::error::{Error, Result};
use crate::exposure::house::House;
use crate::exposure::trail::Trail;
use crate::report::history;
use crate::restore::Opened;
use crate::store::s3::Options;
use crate::store::s3_probe::Bucket;
use crate::types::Known;

/// Looks at the store.
pub(super) async fn trail(job: &Job<'_>, seen: &mut Seen) -> Result<()> {
    let reading = match &job.reading {
        Ok(reading) => reading,
        Err(e) => return Err(Error::new(e.code(), e.stage(), e.text())),
    };
    let config = &job.loaded.config;
    let bucket = Bucket::open(&config.repository, Options::default()).await?;
    let mut trail = Trail::gather(config, &job.name, reading, bucket, job.policy).await?;
    trail.proven = match history::load(reading, &job.name).await {
        Ok(history) => Known::Yes(history.proven),
        Err(e) => Known::no(format!("the drill reports cannot be read: {}", e.text())),
    };
    if let (Some(identities), Some(entry)) = (&job.identities, trail.catalog.head()) {
        trail.facts = match Opened::open(&reading.store, entry, identities, 1).await {
            Ok(opened) => Known::Yes(opened.facts),
            Err(e) => Known::no(format!("the newest backup's facts cannot be opened: {}", e.text())),
        };
    }
    seen.sightings.trail(&trail).await;
    Ok(())
}

/// Looks at this host.
pub(super) async fn house(job: &Job<'_>, seen: &mut Seen, now: Timestamp) -> Result<()> {
    let house = House::gather(job.loaded, job.env, job.policy, now).await;
    seen.sightings.house(&house).await;
    Ok(())
}
