//! EXP-KEY-004: recipients are exchanged in time, and what is sealed for a former
//! one does not stay for ever.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::proven::sealed_since;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-004",
        title: "recipients are exchanged within a year, and former ones open nothing any more",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[11, 16],
        refs: &["SRG-APP-000231"],
        why: "age cannot revoke: who ever held an identity opens everything that was sealed for it, for as long as it \
              is there. A yearly exchange bounds what one lost key costs, once the old backups are gone.",
        inspects: "Recipients in the signed manifests: one in use for more than 365 days; and backups sealed for a \
                   recipient that the newest backup no longer has (with the recipients configured here, where there \
                   are any, as those that count).",
        remedy: "`pgseal keygen identity`, put the new recipient into keys.recipients beside the old, drill with it, \
                 then take the old one out. Let older backups expire, or delete them if the old key leaked.",
        false_positives: "Directly after an exchange the older backups carry the former recipient until they expire. A \
                          store whose oldest backup is young shows less than the key's true age.",
        source: "NIST SP 800-57 part 1, \"Cryptoperiods\".",
    },
    look: Look::Trail(look),
};

/// How long a recipient may be in use.
const A_YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let Some(newest) = trail.newest() else {
        return Seen::not_applicable("the source has no backup with a good signature");
    };
    let current = if trail.recipients.is_empty() { &newest.manifest.encryption.recipients } else { &trail.recipients };
    let since = sealed_since(trail);
    let mut seen = Seen::all_of(since.len());
    let mut former: BTreeMap<&str, u64> = BTreeMap::new();
    for e in &trail.catalog.entries {
        for id in e.manifest.encryption.recipients.iter().filter(|r| !current.contains(r)) {
            *former.entry(id).or_default() += 1;
        }
    }
    for (id, at) in &since {
        let object = format!("recipient {id}");
        if let Some(backups) = former.get(id) {
            seen.add(Found::new(object, format!("no longer in use, and {backups} backups are still open to it")));
        } else if trail.now.duration_since(*at) > A_YEAR {
            seen.add(Found::new(object, format!("in use since {at} at least")));
        }
    }
    seen
}
