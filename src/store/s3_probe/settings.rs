//! The bucket's configuration, as the server tells it. Whether it is true is
//! another matter ([`super::public`], [`super::canary`]).

// The SDK's names of types are longer than the calls.
#![allow(clippy::redundant_closure_for_method_calls)]

use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus, ObjectLockRetentionMode, ReplicationRuleStatus};
use jiff::Timestamp;

use super::{Bucket, time, told};
use crate::store::Key;
use crate::types::Known;

/// Whether versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Never were.
    Off,
    /// No longer are.
    Suspended,
    /// They are.
    On,
}

/// A lock, of a bucket's default or of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Nobody can lift it; else who has the right to can.
    pub compliance: bool,
    /// How many days, of a default.
    pub days: Option<u32>,
    /// Until when, of an object.
    pub until: Option<Timestamp>,
}

/// One enabled lifecycle rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Its name, or its number.
    pub name: String,
    /// Keys it is for, from the bucket's root; empty for all.
    pub prefix: String,
    /// Whether it is only for some objects of the prefix (tags, sizes).
    pub narrowed: bool,
    /// Objects end after this many days.
    pub expire_days: Option<u32>,
    /// Objects end at a date.
    pub expire_date: bool,
    /// Versions that were replaced or deleted end after this many days.
    pub old_versions_days: Option<u32>,
    /// Unfinished uploads end after this many days.
    pub unfinished_days: Option<u32>,
}

fn map<T, U>(known: Known<Option<T>>, f: impl FnOnce(Option<T>) -> U) -> Known<U> {
    match known {
        Known::Yes(value) => Known::Yes(f(value)),
        Known::No(why) => Known::No(why),
    }
}

fn days(n: Option<i32>) -> Option<u32> {
    n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

impl Bucket {
    /// The four switches of the public access block that are off, by name; all
    /// four where there is no block.
    pub async fn open_switches(&self) -> Known<Vec<&'static str>> {
        let sent = self.client.get_public_access_block().bucket(&self.name).send().await;
        map(told("the public access block", &["NoSuchPublicAccessBlockConfiguration"], sent), |out| {
            let block = out.as_ref().and_then(|o| o.public_access_block_configuration());
            let on = |f: fn(&aws_sdk_s3::types::PublicAccessBlockConfiguration) -> Option<bool>| {
                block.and_then(f).unwrap_or(false)
            };
            [
                ("BlockPublicAcls", on(|b| b.block_public_acls())),
                ("IgnorePublicAcls", on(|b| b.ignore_public_acls())),
                ("BlockPublicPolicy", on(|b| b.block_public_policy())),
                ("RestrictPublicBuckets", on(|b| b.restrict_public_buckets())),
            ]
            .into_iter()
            .filter_map(|(name, on)| (!on).then_some(name))
            .collect()
        })
    }

    /// Whether the server itself calls the bucket's policy public.
    pub async fn policy_is_public(&self) -> Known<bool> {
        let sent = self.client.get_bucket_policy_status().bucket(&self.name).send().await;
        map(told("the status of the bucket's policy", &["NoSuchBucketPolicy"], sent), |out| {
            out.and_then(|o| o.policy_status().and_then(aws_sdk_s3::types::PolicyStatus::is_public)).unwrap_or(false)
        })
    }

    /// The bucket's policy as JSON; `None` where it has none.
    pub async fn policy(&self) -> Known<Option<String>> {
        let sent = self.client.get_bucket_policy().bucket(&self.name).send().await;
        map(told("the bucket's policy", &["NoSuchBucketPolicy"], sent), |out| {
            out.and_then(|o| o.policy).filter(|p| !p.is_empty())
        })
    }

    /// What the access list grants to groups: group and permission.
    pub async fn group_grants(&self) -> Known<Vec<(String, String)>> {
        let sent = self.client.get_bucket_acl().bucket(&self.name).send().await;
        map(told("the bucket's access list", &["AccessControlListNotSupported"], sent), |out| {
            let grants = out.as_ref().map(|o| o.grants()).unwrap_or_default();
            grants
                .iter()
                .filter_map(|g| {
                    let group = g.grantee()?.uri()?.rsplit('/').next()?.to_owned();
                    Some((group, g.permission()?.as_str().to_owned()))
                })
                .collect()
        })
    }

    /// Whether versions are kept.
    pub async fn versioning(&self) -> Known<Versioning> {
        let sent = self.client.get_bucket_versioning().bucket(&self.name).send().await;
        map(told("whether versions are kept", &[], sent), |out| match out.and_then(|o| o.status) {
            Some(BucketVersioningStatus::Enabled) => Versioning::On,
            Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
            _ => Versioning::Off,
        })
    }

    /// Whether objects can be locked: `None` where they cannot, else the lock
    /// that objects get by default, if any.
    pub async fn lock(&self) -> Known<Option<Option<Lock>>> {
        let sent = self.client.get_object_lock_configuration().bucket(&self.name).send().await;
        let nothing = ["ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"];
        map(told("the object lock configuration", &nothing, sent), |out| {
            let config = out.and_then(|o| o.object_lock_configuration)?;
            config.object_lock_enabled()?;
            let default = config.rule().and_then(|r| r.default_retention());
            Some(default.and_then(|d| {
                let days = days(d.days()).or_else(|| days(d.years()).map(|y| y.saturating_mul(365)));
                let compliance = d.mode() == Some(&ObjectLockRetentionMode::Compliance);
                days.map(|n| Lock { compliance, days: Some(n), until: None })
            }))
        })
    }

    /// The lock of one object.
    pub async fn lock_of(&self, key: &Key) -> Known<Option<Lock>> {
        let sent = self.client.get_object_retention().bucket(&self.name).key(self.full(key)).send().await;
        let nothing = ["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest"];
        map(told("the lock of an object", &nothing, sent), |out| {
            let lock = out.and_then(|o| o.retention)?;
            let until = time(lock.retain_until_date())?;
            let compliance = lock.mode() == Some(&ObjectLockRetentionMode::Compliance);
            Some(Lock { compliance, days: None, until: Some(until) })
        })
    }

    /// The lifecycle rules that are enabled.
    pub async fn lifecycle(&self) -> Known<Vec<LifecycleRule>> {
        let sent = self.client.get_bucket_lifecycle_configuration().bucket(&self.name).send().await;
        map(told("the lifecycle rules", &["NoSuchLifecycleConfiguration"], sent), |out| {
            let rules = out.as_ref().map(|o| o.rules()).unwrap_or_default();
            let enabled = rules.iter().enumerate().filter(|(_, r)| r.status() == &ExpirationStatus::Enabled);
            enabled.map(|(n, r)| rule(n, r)).collect()
        })
    }

    /// Uploads below our prefix that were begun and not finished: key and time,
    /// at most a thousand.
    pub async fn unfinished_uploads(&self) -> Known<Vec<(String, Timestamp)>> {
        let sent = self.client.list_multipart_uploads().bucket(&self.name).prefix(&self.prefix).send().await;
        map(told("unfinished uploads", &["NoSuchUpload"], sent), |out| {
            let uploads = out.as_ref().map(|o| o.uploads()).unwrap_or_default();
            uploads.iter().filter_map(|u| Some((u.key()?.to_owned(), time(u.initiated())?))).collect()
        })
    }

    /// How the server encrypts by default (`AES256`, `aws:kms`); `None` where it does not.
    pub async fn encryption(&self) -> Known<Option<String>> {
        let sent = self.client.get_bucket_encryption().bucket(&self.name).send().await;
        map(told("the default encryption", &["ServerSideEncryptionConfigurationNotFoundError"], sent), |out| {
            let config = out.and_then(|o| o.server_side_encryption_configuration)?;
            let rule = config.rules().iter().find_map(|r| r.apply_server_side_encryption_by_default())?;
            Some(rule.sse_algorithm().as_str().to_owned())
        })
    }

    /// Whether requests are logged.
    pub async fn logging(&self) -> Known<bool> {
        let sent = self.client.get_bucket_logging().bucket(&self.name).send().await;
        map(told("whether requests are logged", &["NoSuchBucketLoggingConfiguration"], sent), |out| {
            out.is_some_and(|o| o.logging_enabled().is_some())
        })
    }

    /// Where objects are copied to: buckets of the enabled rules.
    pub async fn replicas(&self) -> Known<Vec<String>> {
        let sent = self.client.get_bucket_replication().bucket(&self.name).send().await;
        map(told("where objects are copied to", &["ReplicationConfigurationNotFoundError"], sent), |out| {
            let config = out.and_then(|o| o.replication_configuration);
            let rules = config.as_ref().map(|c| c.rules()).unwrap_or_default();
            let enabled = rules.iter().filter(|r| r.status() == &ReplicationRuleStatus::Enabled);
            enabled.filter_map(|r| r.destination()).map(|d| d.bucket().to_owned()).collect()
        })
    }
}

#[allow(deprecated)] // Older servers and tools still write the prefix beside the filter.
fn rule(n: usize, r: &aws_sdk_s3::types::LifecycleRule) -> LifecycleRule {
    let filter = r.filter();
    let and = filter.and_then(|f| f.and());
    let prefix = filter.and_then(|f| f.prefix()).or_else(|| and.and_then(|a| a.prefix())).or_else(|| r.prefix());
    let sized = filter.is_some_and(|f| {
        f.tag().is_some() || f.object_size_greater_than().is_some() || f.object_size_less_than().is_some()
    });
    LifecycleRule {
        name: r.id().map_or_else(|| format!("number {}", n + 1), str::to_owned),
        prefix: prefix.unwrap_or_default().to_owned(),
        narrowed: sized || and.is_some(),
        expire_days: r.expiration().and_then(|e| days(e.days())),
        expire_date: r.expiration().is_some_and(|e| e.date().is_some()),
        old_versions_days: r.noncurrent_version_expiration().and_then(|e| days(e.noncurrent_days())),
        unfinished_days: r.abort_incomplete_multipart_upload().and_then(|a| days(a.days_after_initiation())),
    }
}
