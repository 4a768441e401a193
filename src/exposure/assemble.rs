//! Puts together what came of a look: results, waivers, pictures, what changed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::drift::{self, Past, Telling};
use super::outcome::{Exposure, Pictures, ROWS, RULESET, saw_all};
use super::policy::{self, Policy};
use super::{Plane, catalogue, sections};
use crate::checks::CheckResult;
use crate::types::SourceName;

/// What was looked at, and what was seen.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Planes that were looked at.
    pub planes: Vec<Plane>,
    /// When the posture was read.
    pub posture_at: Option<Timestamp>,
    /// What the checks said, in the order of the catalogue.
    pub results: Vec<CheckResult>,
    /// What was found beside findings.
    pub pictures: Pictures,
}

/// Everything that is said of a source. `past` are earlier looks of it, the oldest
/// first.
pub fn assemble(
    looked: Looked,
    policy: &Policy,
    source: &SourceName,
    past: &[Past],
    telling: &Telling<'_>,
    now: Timestamp,
) -> Exposure {
    let Looked { mut planes, posture_at, mut results, mut pictures } = looked;
    planes.sort_unstable();
    planes.dedup();
    policy::waive(&mut results, policy, source, telling, TimeZone::UTC.to_datetime(now).date());
    let drift = drift::compare(&mut results, past, telling);
    for credential in &mut pictures.credentials {
        let seen = past.iter().filter_map(|p| p.credentials.get(&credential.tag)).min();
        credential.first_seen = seen.map_or(credential.first_seen, |at| credential.first_seen.min(*at));
    }
    for finding in results.iter_mut().flat_map(|r| &mut r.findings) {
        finding.content = Some(telling.tag(&finding.message));
    }
    for row in &mut pictures.reach {
        row.tag = Some(telling.tag(&row.object));
    }
    pictures.entry.truncate(ROWS);
    pictures.reach.truncate(ROWS);
    Exposure {
        ruleset: RULESET,
        required_open: required_open(&policy.required, &results, &planes),
        planes,
        posture_at,
        fail_on: policy.fail_on,
        sections: sections(&results),
        checks: results,
        entry: pictures.entry,
        reach: pictures.reach,
        credentials: pictures.credentials,
        drift,
        declarations: policy.declarations,
        key_id: Some(telling.key_id()),
    }
}

/// Required checks that did not see all that they look at. A check counts where it
/// can be decided on one of the planes that were looked at; a whole run on other
/// planes says nothing of it.
fn required_open(required: &[String], results: &[CheckResult], planes: &[Plane]) -> Vec<String> {
    let by_id: BTreeMap<&str, &CheckResult> = results.iter().map(|r| (r.id.as_str(), r)).collect();
    let here = |about: &super::About| about.planes.iter().any(|p| planes.contains(p));
    let open: BTreeSet<&str> = catalogue::all()
        .map(|c| &c.about)
        .filter(|about| required.iter().any(|pattern| policy::names(pattern, about.id)))
        .filter(|about| here(about) && !by_id.get(about.id).is_some_and(|r| saw_all(r)))
        .map(|about| about.id)
        .collect();
    open.into_iter().map(str::to_owned).collect()
}
