//! EXP-STO-008: the bucket's lifecycle rules end what should end, and nothing else.

use jiff::SignedDuration;

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::s3_probe::settings::{LifecycleRule, Versioning};
use crate::types::Known;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-008",
        title: "lifecycle rules end old versions and unfinished uploads, and no backup that is needed",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[16, 25],
        refs: &[],
        why: "A rule that expires objects deletes parts of backups that other rules still need, and breaks the signed \
              history. No rule at all keeps every deleted backup for ever as an old version: data that had to be \
              gone is still there, and is paid for.",
        inspects: "Enabled rules that cover the prefix: one that expires current objects is a finding (high where it \
                   is sooner than keep_within). Where versions are kept, a rule that ends old versions is missed. \
                   Uploads that were begun more than 7 days ago and never finished.",
        remedy: "Let pgseal prune, and no rule expire current objects. Add rules for old versions \
                 (NoncurrentVersionExpiration) and for unfinished uploads (AbortIncompleteMultipartUpload, 7 days). A rule \
                 that expires canary/ is welcome.",
        false_positives: "A rule for other tags or sizes than pgseal's objects have. A rule that is much longer than \
                          every retention: raise keep_within or waive it.",
        source: "Amazon S3 user guide, \"Managing the lifecycle of objects\".",
    },
    look: Look::Trail(look),
};

/// How long an upload may take.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        let mut seen = Seen { present: 2, ..Seen::default() };
        match (bucket.lifecycle().await, bucket.versioning().await) {
            (Known::Yes(rules), Known::Yes(versioning)) => {
                seen.examined += 1;
                let canaries = format!("{}canary/", bucket.prefix());
                let covering = |r: &&LifecycleRule| {
                    let ours = bucket.prefix().starts_with(&r.prefix) || r.prefix.starts_with(bucket.prefix());
                    ours && !r.prefix.starts_with(&canaries)
                };
                let rules: Vec<&LifecycleRule> = rules.iter().filter(covering).collect();
                expiring(trail, &rules, &mut seen);
                if versioning != Versioning::Off && !rules.iter().any(|r| r.old_versions_days.is_some()) {
                    let what = "no rule ends old versions: what is deleted stays for ever";
                    seen.add(Found::new("bucket: old versions", what));
                }
            }
            (Known::No(why), _) | (_, Known::No(why)) => seen.open.push(why),
        }
        match bucket.unfinished_uploads().await {
            Known::Yes(uploads) => {
                seen.examined += 1;
                let stale = uploads.iter().filter(|(_, at)| trail.now.duration_since(*at) > STALE).count();
                if stale > 0 {
                    let what = format!("{stale} uploads were begun more than 7 days ago and never finished");
                    seen.add(Found::new("bucket: unfinished uploads", what).at(Severity::Low));
                }
            }
            Known::No(why) => seen.open.push(why),
        }
        Ok(seen)
    })
}

fn expiring(trail: &Trail<'_>, rules: &[&LifecycleRule], seen: &mut Seen) {
    let needed = trail.retention.and_then(|r| r.keep_within).map_or(0, |d| d.as_secs() / 86_400);
    for r in rules.iter().filter(|r| r.expire_days.is_some() || r.expire_date) {
        let object = format!("lifecycle rule {}", r.name);
        let narrowed = if r.narrowed { ", if it fits the rule's other conditions" } else { "" };
        let found = match r.expire_days {
            Some(days) if u64::from(days) < needed => Found::new(
                object,
                format!("it deletes every object after {days} days{narrowed}; keep_within is {needed} days"),
            )
            .at(Severity::High),
            Some(days) => {
                Found::new(object, format!("it deletes every object after {days} days{narrowed}, needed or not"))
            }
            None => Found::new(object, format!("it deletes every object at a date{narrowed}")).at(Severity::High),
        };
        seen.add(found);
    }
}
