//! The times of a new backup, beside those of the backups before it and the store's:
//! what would be called impossible afterwards is refused before.

use jiff::Timestamp;

use super::Job;
use crate::catalog::{Catalog, Clock};
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::clock::{self, Times};
use crate::types::Event;

/// Checks this host's clock. Gives what is worth a warning.
///
/// # Errors
/// 13 where a backup of now would not fit into the chain: `verify` would call it a
/// violation of the history for ever.
pub(super) fn check(catalog: &Catalog) -> Result<Vec<String>> {
    let now = &catalog.clock;
    if let Some(why) = out_of_line(catalog, now.host, now) {
        return Err(Error::new(
            Code::Refused,
            Stage::Source,
            format!("this host's clock is wrong, and the backup would not be usable: {why}"),
        )
        .on(catalog.source.as_str())
        .hint("Set the clock (`timedatectl` shows it and whether it is synchronised), then run the backup again."));
    }
    let mut warnings = now.doubts(&catalog.entries);
    if !warnings.is_empty() {
        warnings.push("compare this host's clock (`timedatectl`) with the store's".into());
    }
    Ok(warnings)
}

/// Checks again before the commit: the dump may have taken hours. What is stored by now is
/// not thrown away for its times, but it is a warning.
pub(super) async fn recheck(job: &Job<'_>, catalog: &Catalog, started: Timestamp) -> Option<String> {
    let now = Clock::read(job.reading.store.as_ref()).await.ok()?;
    let why = out_of_line(catalog, started, &now)?;
    let text = format!("the clock changed while the backup ran, and `pgseal verify` will complain: {why}");
    let hint = Some("Check the clock (`timedatectl`), and make another backup.".to_owned());
    job.progress.event(Event::Warning { text: text.clone(), hint });
    Some(text)
}

/// Why a manifest that was begun at `started` and is finished now does not fit into the chain.
fn out_of_line(catalog: &Catalog, started: Timestamp, now: &Clock) -> Option<String> {
    let of = |e: &crate::catalog::Entry| Times {
        seq: e.manifest.seq,
        started: e.manifest.started_at,
        finished: e.manifest.finished_at,
        stored: e.stored_at,
    };
    let mut chain: Vec<Times> = catalog.entries.iter().map(of).collect();
    let seq = chain.last().map_or(1, |t| t.seq + 1);
    chain.push(Times { seq, started, finished: now.host.max(started), stored: now.store_or_host() });
    let blamed = clock::judge(&chain, now.store_or_host());
    blamed.into_iter().find(|(blamed, _)| *blamed == seq).map(|(_, why)| why)
}
