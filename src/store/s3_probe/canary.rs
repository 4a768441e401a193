//! What our credential may do to canaries of its own.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};

use super::Bucket;
use crate::store::s3_error::class;
use crate::store::{Key, StoreError};

/// What every canary holds.
const BODY: &[u8] = b"pgseal audit: a canary, may be deleted\n";

/// How a canary is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Whatever lies there.
    Over,
    /// Only where nothing does, as a backup stores its objects.
    New,
    /// The same, with a governance lock of this length.
    Locked(Duration),
}

impl Bucket {
    /// Stores a canary. Gives the version it became, where the bucket keeps versions.
    pub async fn put_canary(&self, key: &Key, how: Put) -> Result<Option<String>, StoreError> {
        let mut put =
            self.client.put_object().bucket(&self.name).key(self.full(key)).body(ByteStream::from_static(BODY));
        if how != Put::Over {
            put = put.if_none_match("*");
        }
        if let Put::Locked(keep) = how {
            let until = DateTime::from(SystemTime::now() + keep);
            put = put.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(until);
        }
        let out = put.send().await.map_err(|e| class(&e))?;
        Ok(out.version_id().filter(|v| !v.is_empty() && *v != "null").map(str::to_owned))
    }

    /// Deletes a canary, or one version of it; `bypass` claims the right to
    /// override a governance lock.
    pub async fn delete_canary(&self, key: &Key, version: Option<&str>, bypass: bool) -> Result<(), StoreError> {
        let mut delete = self.client.delete_object().bucket(&self.name).key(self.full(key));
        delete = delete.set_version_id(version.map(str::to_owned));
        if bypass {
            delete = delete.bypass_governance_retention(true);
        }
        delete.send().await.map(drop).map_err(|e| class(&e))
    }

    /// Lets the lock of a canary end half a minute from now.
    pub async fn shorten_canary(&self, key: &Key, version: Option<&str>) -> Result<(), StoreError> {
        let until = DateTime::from(SystemTime::now() + Duration::from_secs(30));
        let lock =
            ObjectLockRetention::builder().mode(ObjectLockRetentionMode::Governance).retain_until_date(until).build();
        self.client
            .put_object_retention()
            .bucket(&self.name)
            .key(self.full(key))
            .set_version_id(version.map(str::to_owned))
            .retention(lock)
            .bypass_governance_retention(true)
            .send()
            .await
            .map(drop)
            .map_err(|e| class(&e))
    }

    /// Lists the bucket from its root, above our prefix.
    pub async fn lists_all(&self) -> Result<(), StoreError> {
        self.client.list_objects_v2().bucket(&self.name).max_keys(1).send().await.map(drop).map_err(|e| class(&e))
    }
}
