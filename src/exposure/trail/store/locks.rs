//! EXP-STO-005: what is deleted or replaced can be brought back.
//! EXP-STO-006: what is stored cannot be deleted before its time.

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Entry;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{NEWEST, Trail};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::s3_probe::Bucket;
use crate::store::s3_probe::settings::{Lock, Versioning};
use crate::store::{Key, layout};
use crate::types::Known;

/// EXP-STO-005.
pub const VERSIONS: Check = Check {
    about: About {
        id: "EXP-STO-005",
        title: "the bucket keeps versions, so that what is deleted can be brought back",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[16, 25],
        refs: &["SRG-APP-000267"],
        why: "Ransomware deletes backups first. In a bucket without versions one delete, by whoever holds a key to \
              it, is final.",
        inspects: "Whether the bucket keeps versions now (suspended counts as off). A bucket with object lock always \
                   does.",
        remedy: "aws s3api put-bucket-versioning --bucket B --versioning-configuration Status=Enabled; then a \
                 lifecycle rule that ends old versions after the retention (EXP-STO-008).",
        false_positives: "A store that is itself the second copy of one that keeps versions.",
        source: "Amazon S3 user guide, \"Using versioning in S3 buckets\".",
    },
    look: Look::Trail(versions),
};

/// EXP-STO-006.
pub const LOCKS: Check = Check {
    about: About {
        id: "EXP-STO-006",
        title: "backups are locked against deletion for as long as they are needed",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[16, 25],
        refs: &["SRG-APP-000267"],
        why: "Versions protect against mistakes, a lock against an administrator whose account was taken over. A lock \
              that ends before the attack is noticed protects nothing.",
        inspects: "The object lock of the bucket, and the lock of the newest backup's objects (manifest, facts, first \
                   and last part of each stream): that there is one, that it lasts as long as \
                   repository.s3.object_lock says from when the store received it (at least 7 days where that is not \
                   set), and its mode. A governance lock yields to who has the right: low.",
        remedy: "Make the bucket with object lock, and set repository.s3.object_lock = \"compliance:35d\": as long as \
                 you need to notice, and to restore.",
        false_positives: "A store that cannot lock: keep a second copy in one that can, and waive it here.",
        source: "Amazon S3 user guide, \"Locking objects with Object Lock\".",
    },
    look: Look::Trail(locks),
};

/// How long a lock must last where nothing is configured.
const LEAST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// By how much a lock may fall short: the time an upload takes.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

fn versions<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        Ok(match bucket.versioning().await {
            Known::Yes(Versioning::On) => Seen::all_of(1),
            Known::Yes(Versioning::Off) => found("deleted and replaced objects are gone for good"),
            Known::Yes(Versioning::Suspended) => found("versions are suspended: what is deleted now is gone for good"),
            Known::No(why) => Seen::not_evaluated(why),
        })
    })
}

fn found(what: &str) -> Seen {
    Seen::one(Some(Found::new("bucket: versioning", what)))
}

fn locks<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        match bucket.lock().await {
            Known::Yes(Some(_)) => {}
            Known::Yes(None) => {
                let what = "objects cannot be locked: whoever may delete can delete every backup at once";
                return Ok(Seen::one(Some(Found::new("bucket: object lock", what))));
            }
            Known::No(why) => return Ok(Seen::not_evaluated(why)),
        }
        let Some(newest) = trail.newest() else {
            return Ok(Seen { present: 1, ..Seen::not_evaluated("there is no backup whose lock could be asked for") });
        };
        Ok(of_newest(trail, bucket, newest).await)
    })
}

async fn of_newest(trail: &Trail<'_>, bucket: &Bucket, newest: &Entry) -> Seen {
    let needed = match trail.repository.s3.object_lock {
        Some(lock) => SignedDuration::try_from(lock.keep).unwrap_or(SignedDuration::MAX),
        None => LEAST,
    };
    let until = newest.stored_at.saturating_add(needed).unwrap_or(Timestamp::MAX);
    let until = until.saturating_sub(SLACK).unwrap_or(until);
    let mut seen = Seen::default();
    let (mut open, mut early, mut governed) = (0u64, None::<Timestamp>, 0u64);
    for key in keys(newest) {
        seen.present += 1;
        match bucket.lock_of(&key).await {
            Known::Yes(lock) => {
                seen.examined += 1;
                match lock {
                    None => open += 1,
                    Some(Lock { until: Some(at), .. }) if at < until => {
                        early = Some(early.map_or(at, |e| e.min(at)));
                    }
                    Some(Lock { compliance, .. }) => governed += u64::from(!compliance),
                }
            }
            Known::No(why) => seen.open.push(format!("{key}: {why}")),
        }
    }
    if open > 0 {
        seen.add(Found::new(NEWEST, format!("{open} of {} objects that were asked for have no lock", seen.present)));
    }
    if let Some(at) = early {
        seen.add(Found::new(format!("{NEWEST}: end"), format!("its lock ends at {at}, it is needed until {until}")));
    }
    if governed > 0 {
        let what = "its lock is a governance lock: it yields to whoever has s3:BypassGovernanceRetention";
        seen.add(Found::new(format!("{NEWEST}: mode"), what).at(Severity::Low));
    }
    seen
}

/// The manifest, the facts, and both ends of each stream: what was stored first,
/// last and in between.
fn keys(entry: &Entry) -> Vec<Key> {
    let m = &entry.manifest;
    let mut keys = vec![layout::manifest(&m.source, m.seq), layout::facts(&m.source, &m.backup_id)];
    for s in m.streams.iter().filter(|s| s.parts > 0) {
        keys.push(layout::part(&m.source, &m.backup_id, &s.reference, 1));
        if s.parts > 1 {
            keys.push(layout::part(&m.source, &m.backup_id, &s.reference, s.parts as usize));
        }
    }
    keys
}
