//! Signed reports as witnesses: a drill restored this very manifest, so it was
//! there. They speak on hosts that have no memory of their own.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::load::Reading;
use super::proof::{self, Proof};
use crate::error::{Code, Result};
use crate::manifest::chain::Seen;
use crate::manifest::{Fault, Problem};
use crate::store::{StoreError, layout, list_all};
use crate::types::{Digest, Known, SourceName};

/// Most reports about backups that are not in the chain which are read.
const MAX_READ: usize = 1000;

/// The manifests that reports speak of, and that are not in `chain`. Only reports
/// about numbers without a good manifest are fetched; for all see [`of`].
///
/// `Known::No` where this host may not read reports, as one that only writes.
pub(super) async fn absent(reading: &Reading, source: &SourceName, chain: &[Seen]) -> Result<Known<Vec<Problem>>> {
    let prefix = layout::report_prefix(source);
    let listed = list_all(reading.store.as_ref(), &prefix, proof::MAX_REPORTS).await;
    let objects = match listed {
        Ok(objects) => objects,
        Err(StoreError::Denied(why)) => return Ok(Known::no(format!("the reports cannot be listed: {why}"))),
        Err(e) => return Err(e.about(&prefix)),
    };
    let there: BTreeSet<u64> = chain.iter().map(|s| s.seq).collect();
    let mut about: Vec<_> = objects
        .into_iter()
        .filter_map(|o| layout::read_report_key(source, &o.key).map(|(seq, run)| (seq, run, o.modified)))
        .filter(|(seq, _, _)| !there.contains(seq))
        .collect();
    let more = about.len().saturating_sub(MAX_READ);
    about.truncate(MAX_READ);
    let seq = about.first().map_or(1, |a| a.0);
    let read = stream::iter(about)
        .map(|(seq, run, at)| proof::read_one(reading, source, seq, run, at))
        .buffered(proof::PARALLEL)
        .try_collect::<Vec<Option<Proof>>>()
        .await;
    let proofs = match read {
        Ok(read) => read.into_iter().flatten().collect::<Vec<_>>(),
        Err(e) if e.code() == Code::StoreDenied => return Ok(Known::no(format!("the reports cannot be read: {e}"))),
        Err(e) => return Err(e),
    };
    let mut problems = of(&proofs, chain);
    if more > 0 {
        let text = format!("{more} more reports about backups that are not there were not read");
        problems.push(Problem::new(seq, Fault::Limit, text));
    }
    Ok(Known::Yes(problems))
}

/// What signed reports say was there, and is not in `chain`: one problem a number.
pub fn of(proofs: &[Proof], chain: &[Seen]) -> Vec<Problem> {
    let there: HashMap<u64, Digest> = chain.iter().map(|s| (s.seq, s.digest)).collect();
    let mut missing: BTreeSet<u64> = BTreeSet::new();
    for p in proofs {
        // The signed number counts, not the one in the key: a copy under another name
        // must not raise an alarm.
        missing.extend(p.seq.filter(|seq| there.get(seq) != Some(&p.manifest_sha256)));
    }
    let text = "a signed report speaks of a backup here that is not in the history: it was removed or replaced";
    missing.into_iter().map(|seq| Problem::new(seq, Fault::Reported, text)).collect()
}
