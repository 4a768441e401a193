//! EXP-STO-001: strangers get nothing, tried as one.
//! EXP-STO-002: nothing in the bucket's configuration would let them in.

use std::collections::BTreeMap;

use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::s3_probe::Bucket;
use crate::store::s3_probe::public::Stranger;
use crate::store::{Key, StoreError, layout};
use crate::types::ids::random_bytes;
use crate::types::{Known, shown};

/// EXP-STO-001.
pub const STRANGERS: Check = Check {
    about: About {
        id: "EXP-STO-001",
        title: "the store serves nothing to requests without a credential",
        severity: Severity::Critical,
        planes: &[Plane::Trail],
        guide: &[1, 16],
        refs: &["SRG-APP-000033"],
        why: "A bucket that anybody may read is found within days by those who look for them. Sealed parts stay \
              sealed, but names, times, sizes and everything unsealed are public; a bucket that anybody may write can \
              be filled, and its history broken.",
        inspects: "Three requests without any signature, which no configuration can talk away: read the first byte of \
                   an object that is there, list the prefix, store a canary below canary/. Each must be refused with \
                   401 or 403. A canary that was taken is deleted again.",
        remedy: "Block public access for the bucket and the account (S3: put-public-access-block with all four \
                 switches), and take every grant to AllUsers and every Principal \"*\" out of access lists and policy.",
        false_positives: "None.",
        source: "Amazon S3 user guide, \"Blocking public access\".",
    },
    look: Look::Trail(strangers),
};

/// EXP-STO-002.
pub const SETTINGS: Check = Check {
    about: About {
        id: "EXP-STO-002",
        title: "the bucket's configuration leaves no door open to the public",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[1, 16],
        refs: &["SRG-APP-000033"],
        why: "Without the public access block one careless policy or access list, of the bucket or of a single object, \
              makes backups public. That strangers are refused today does not say that they are tomorrow.",
        inspects: "The four switches of the public access block, the policy's status as the server judges it \
                   (IsPublic), and grants of the access list to AllUsers or AuthenticatedUsers. What the server does \
                   not implement is not evaluated.",
        remedy: "aws s3api put-public-access-block --bucket B --public-access-block-configuration \
                 BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true; set \
                 the object ownership to BucketOwnerEnforced.",
        false_positives: "A block that is set for the whole account is not told of the bucket: set it there, too.",
        source: "Amazon S3 user guide, \"Blocking public access\", \"Access control list overview\".",
    },
    look: Look::Trail(settings),
};

fn strangers<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        let mut seen = Seen { present: 3, ..Seen::default() };
        match existing(trail) {
            Some(key) => tell(&mut seen, &format!("reading {key}"), bucket.stranger_reads(&key).await),
            None => seen.open.push("no object is there that a stranger could read".into()),
        }
        tell(&mut seen, "listing", bucket.stranger_lists().await);
        let canary = layout::canary(&format!("audit-{}", hex::encode(random_bytes::<8>()?)), "stranger");
        let wrote = bucket.stranger_writes(&canary).await;
        if wrote != Stranger::Refused {
            // Also where the answer was unclear: it may have been stored.
            clean_up(bucket, &canary, &mut seen).await;
        }
        tell(&mut seen, "writing", wrote);
        Ok(seen)
    })
}

/// An object that is surely there: the head of the history, else any of ours.
fn existing(trail: &Trail<'_>) -> Option<Key> {
    let newest = trail.newest().map(|e| layout::manifest(&e.manifest.source, e.manifest.seq));
    newest.or_else(|| trail.objects.iter().find_map(|o| Key::parse(&o.key).ok()))
}

fn tell(seen: &mut Seen, what: &str, answer: Stranger) {
    match answer {
        Stranger::Refused => seen.examined += 1,
        Stranger::Served => {
            seen.examined += 1;
            let doing = what.split(' ').next().unwrap_or_default();
            let text = format!("{what} without a credential was served");
            seen.add(Found::new(format!("bucket: anonymous {doing}"), text));
        }
        Stranger::Unclear(why) => {
            seen.open.push(format!("{what} without a credential was neither served nor refused: {why}"));
        }
    }
}

async fn clean_up(bucket: &Bucket, canary: &Key, seen: &mut Seen) {
    match bucket.delete_canary(canary, None, false).await {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(e) => seen.note = Some(format!("the canary {canary} may still be there: {e}")),
    }
}

fn settings<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let bucket = match trail.bucket() {
            Ok(bucket) => bucket,
            Err(seen) => return Ok(seen),
        };
        let mut seen = Seen { present: 3, ..Seen::default() };
        match bucket.open_switches().await {
            Known::Yes(open) => {
                seen.examined += 1;
                if !open.is_empty() {
                    let what = format!("{} off", open.join(", "));
                    seen.add(Found::new("bucket: public access block", what));
                }
            }
            Known::No(why) => seen.open.push(why),
        }
        match bucket.policy_is_public().await {
            Known::Yes(public) => {
                seen.examined += 1;
                if public {
                    let what = "the server calls the bucket's policy public";
                    seen.add(Found::new("bucket: policy", what).at(Severity::Critical));
                }
            }
            Known::No(why) => seen.open.push(why),
        }
        match bucket.group_grants().await {
            Known::Yes(grants) => {
                seen.examined += 1;
                let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for (group, permission) in grants.into_iter().filter(|(g, _)| g != "LogDelivery") {
                    groups.entry(group).or_default().push(shown(&permission).into_owned());
                }
                for (group, permissions) in groups {
                    let what = format!("it grants {}", permissions.join(", "));
                    seen.add(Found::new(format!("bucket: access list of {group}"), what).at(Severity::Critical));
                }
            }
            Known::No(why) => seen.open.push(why),
        }
        Ok(seen)
    })
}
