//! EXP-KEY-003: a recovery key is there, and somebody tried it lately.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-003",
        title: "backups have a second recipient, and each was proven within half a year",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[16, 20, 23],
        refs: &[],
        why: "Who loses the only identity loses every backup. And the key in the safe that nobody tried is often the \
              wrong one, unreadable, or gone: the worst day is a bad day to find out.",
        inspects: "The recipients of the newest backup: at least two, and each proven by a signed drill report within \
                   180 days to open a backup. A recipient that is younger than 30 days has time.",
        remedy: "Add a recovery recipient whose identity lies offline. Bring the identities to the drill host once: \
                 `pgseal drill SOURCE --all-recipients`.",
        false_positives: "A second recipient whose identity is split or kept by a notary: prove it at the yearly \
                          opening, and waive until then.",
        source: "NIST SP 800-57 part 1, \"Key recovery\".",
    },
    look: Look::Trail(look),
};

/// How long a recipient may go unproven.
const TOO_LONG: SignedDuration = SignedDuration::from_hours(180 * 24);
/// How long a new one may.
const NEW: SignedDuration = SignedDuration::from_hours(30 * 24);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let Some(newest) = trail.newest() else {
        return Seen::not_applicable("the source has no backup with a good signature");
    };
    let recipients = &newest.manifest.encryption.recipients;
    let mut seen = Seen::all_of(recipients.len());
    if recipients.len() < 2 {
        let what = "backups are sealed for one recipient alone: without its identity they are lost";
        seen.add(Found::new(format!("source {}", trail.source), what));
    }
    let proven = match trail.proven.get() {
        Ok(proven) => proven,
        Err(why) => {
            seen.open.push(format!("when each was last proven is not known: {why}"));
            return seen;
        }
    };
    let since = sealed_since(trail);
    for id in recipients {
        let known = since.get(id.as_str()).copied().unwrap_or(trail.now);
        let (at, patience) = match proven.get(id) {
            Some(at) => (*at, TOO_LONG),
            None => (known, NEW),
        };
        if trail.now.duration_since(at) <= patience {
            continue;
        }
        let what = match proven.get(id) {
            Some(at) => format!("last proven to open a backup at {at}"),
            None => format!("backups are sealed for it since {known}, and nothing has proven it"),
        };
        seen.add(Found::new(format!("recipient {id}"), what));
    }
    seen
}

/// Since when backups in the store are sealed for each recipient, by the store's clock.
pub(super) fn sealed_since<'t>(trail: &'t Trail<'_>) -> BTreeMap<&'t str, Timestamp> {
    let mut since: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for e in &trail.catalog.entries {
        for id in &e.manifest.encryption.recipients {
            let at = since.entry(id).or_insert(e.stored_at);
            *at = e.stored_at.min(*at);
        }
    }
    since
}
