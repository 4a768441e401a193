//! Earlier drills of a source, as their signed reports tell. A report that cannot
//! be verified is left out, counted and named; it is never evidence.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::Report;
use super::model::PastDrill;
use super::trusted;
use crate::catalog::Reading;
use crate::error::Result;
use crate::exposure::Exposure;
use crate::types::{Redaction, SourceName};

/// Most drills that are told.
pub const LENGTH: usize = 50;
/// Most reports that are fetched for it: junk in the store costs no more.
const LOOKED_AT: usize = 500;
/// Reports that are fetched at the same time.
const PARALLEL: usize = 16;
/// Reports that are named when they are left out; the rest are counted.
const NAMED: usize = 5;

/// Looks at exposure that are kept.
pub const EXPOSURES: usize = 20;

/// What is known of earlier drills.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// At most [`LENGTH`], the newest ones, oldest first.
    pub past: Vec<PastDrill>,
    /// Reports that could not be verified or read.
    pub left_out: usize,
    /// The first of them: its key in the store, and the reason.
    pub named: Vec<(String, String)>,
    /// What the newest [`EXPOSURES`] of them saw of exposure, oldest first.
    pub exposures: Vec<(Timestamp, Redaction, Exposure)>,
    /// When each recipient was last proven to open a backup, by its short id. Every
    /// report carries on what those before it knew.
    pub proven: BTreeMap<String, Timestamp>,
}

impl From<&Report> for PastDrill {
    fn from(r: &Report) -> Self {
        Self {
            run: r.run.clone(),
            backup_id: r.backup_id.clone(),
            kind: r.kind,
            finished_at: r.finished_at,
            verdict: r.verdict,
            proof_level: r.proof_level,
            proven: r.proven,
            rto_s: r.rto_s,
            total_s: r.timings_s.total,
            plain_bytes: r.plain_bytes,
            stored_bytes: r.stored_bytes,
        }
    }
}

/// Reads the newest signed reports of `source`.
///
/// # Errors
/// Those of the store where the reports cannot be listed; one that cannot be
/// fetched is left out.
pub async fn load(reading: &Reading, source: &SourceName) -> Result<History> {
    let places = trusted::places(reading, source).await?;
    let mut history = History::default();
    let mut loaded = stream::iter(places.into_iter().take(LOOKED_AT))
        .map(|place| async move { (place.load(reading).await, place) })
        .buffered(PARALLEL);
    while history.past.len() < LENGTH
        && let Some((trusted, place)) = loaded.next().await
    {
        match trusted {
            Ok(t) => {
                history.past.push(PastDrill::from(&t.report));
                if history.exposures.len() < EXPOSURES {
                    history.exposures.extend(t.report.exposure.map(|e| (t.report.finished_at, t.report.redaction, e)));
                }
                for r in t.report.recipients {
                    let Some(at) = r.last_proven_at else { continue };
                    history.proven.entry(r.recipient).and_modify(|known| *known = at.max(*known)).or_insert(at);
                }
            }
            Err(e) => {
                history.left_out += 1;
                if history.named.len() < NAMED {
                    history.named.push((place.key().to_string(), e.text()));
                }
            }
        }
    }
    history.past.sort_by_key(|p| p.finished_at);
    history.exposures.sort_by_key(|e| e.0);
    Ok(history)
}
