//! EXP-STO-009: the server encrypts what it stores, and keeps a record of who asked.

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::types::{Known, shown};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-009",
        title: "the server encrypts by default and logs requests",
        severity: Severity::Low,
        planes: &[Plane::Trail],
        guide: &[17, 18, 19],
        refs: &["SRG-APP-000503"],
        why: "pgseal's own sealing does not lean on the server's encryption, but manifests and sizes are readable \
              without it on a disk that is thrown away. And without a log nobody can say afterwards which backups \
              were fetched with a leaked credential.",
        inspects: "The bucket's default encryption and its server access logging. Other audit trails (CloudTrail data \
                   events, the gateway's own log) cannot be seen from here.",
        remedy: "aws s3api put-bucket-encryption, and put-bucket-logging to a bucket that this account cannot empty; \
                 or CloudTrail data events for the bucket, and a waiver here that says so.",
        false_positives: "Requests that are logged elsewhere. Servers that encrypt all disks below.",
        source: "Amazon S3 user guide, \"Logging requests with server access logging\".",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        let mut seen = Seen { present: 2, ..Seen::default() };
        match bucket.encryption().await {
            Known::Yes(Some(how)) => {
                seen.examined += 1;
                seen.note = Some(format!("encrypted by the server with {}", shown(&how)));
            }
            Known::Yes(None) => {
                seen.examined += 1;
                seen.add(Found::new("bucket: default encryption", "the server stores what it gets as it is"));
            }
            Known::No(why) => seen.open.push(why),
        }
        match bucket.logging().await {
            Known::Yes(on) => {
                seen.examined += 1;
                if !on {
                    seen.add(Found::new(
                        "bucket: access logging",
                        "requests leave no record in the bucket's access log",
                    ));
                }
            }
            Known::No(why) => seen.open.push(why),
        }
        Ok(seen)
    })
}
