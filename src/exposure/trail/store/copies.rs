//! EXP-BKP-006: where the store's objects are copied to is known.

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::Known;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-006",
        title: "every place that the store is copied to is audited like the store itself",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[16, 22],
        refs: &[],
        why: "A copy is as open as its weakest setting. A replica without lock and public access block undoes those of \
              the original, and is where nobody looks.",
        inspects: "The enabled replication rules of the bucket: each destination is a finding until somebody says that \
                   it is looked after. Copies that other programs make (a synchronisation job, a snapshot of the \
                   file system) cannot be seen from the store.",
        remedy: "Audit the copy with a configuration whose repository.url is the destination, then waive this finding \
                 with the date of that audit.",
        false_positives: "A destination that has its own audit: that is what the waiver is for.",
        source: "Amazon S3 user guide, \"Replicating objects\".",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        Ok(match bucket.replicas().await {
            Known::Yes(all) => {
                let mut seen = Seen::all_of(1 + all.len());
                for to in all {
                    let what = "objects are copied there; nothing is known of its lock, its policy and its versions";
                    seen.add(Found::new(format!("replica {to}"), what));
                }
                seen
            }
            Known::No(why) => Seen::not_evaluated(why),
        })
    })
}
