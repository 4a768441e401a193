//! S3, and what speaks its protocol.
//!
//! Every put carries `If-None-Match: *` and its SHA-256. The SDK's own retries
//! are off: [`super::retry`] is the one place. Requests never leave over plain
//! http unless they stay on this machine or the operator allowed it; the check
//! sits on the outgoing request, so that an endpoint from the environment or
//! an AWS profile does not get round it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{EncodingType, ObjectLockMode};
use aws_smithy_types::base64;
use bytes::Bytes;
use jiff::Timestamp;

use super::s3_client::{Access, connect};
use super::s3_error::{self, bounded, class};
use super::s3_wire::DateHeader;
use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::config::schema::{Checksums, ObjectLock, S3};
use crate::error::Result;
use crate::types::Digest;

pub use super::s3_client::{Options, Patience};

/// Pages without an object that are read before a listing counts as broken.
const EMPTY_PAGES: u32 = 100;

/// A bucket, or a prefix in one.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Empty, or ends with `/`.
    prefix: String,
    object_lock: Option<ObjectLock>,
    send_checksum: bool,
    /// Whether requests go to another server than AWS's.
    elsewhere: Arc<AtomicBool>,
    patience: Patience,
}

impl S3Store {
    /// Opens `prefix` (without slashes at its ends; may be empty) in `bucket`
    /// with the credential that the AWS SDK's default chain finds. No request
    /// is made. [`crate::Code::Usage`] for an endpoint that is refused.
    pub async fn open(bucket: &str, prefix: &str, settings: &S3) -> Result<Self> {
        Self::open_with(bucket, prefix, settings, Options::default()).await
    }

    /// The same with a given credential or other timeouts.
    pub async fn open_with(bucket: &str, prefix: &str, settings: &S3, options: Options) -> Result<Self> {
        let patience = options.patience;
        let (client, elsewhere) = connect(settings, Access::Credential(options.credentials), patience).await?;
        Ok(Self {
            client,
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            object_lock: settings.object_lock,
            // S3 demands a checksum of what is to be locked.
            send_checksum: settings.checksums == Checksums::Auto || settings.object_lock.is_some(),
            elsewhere,
            patience,
        })
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn page(&self, prefix: &str, token: Option<String>) -> std::result::Result<Page, StoreError> {
        let full = format!("{}{prefix}", self.prefix);
        // Keys may hold characters that XML cannot; url encoding carries them.
        let out = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(&full)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|e| class(&e))?;
        let encoded = out.encoding_type() == Some(&EncodingType::Url);
        let mut objects: Vec<ObjectMeta> = Vec::with_capacity(out.contents().len());
        let mut last: Vec<u8> = Vec::new();
        for object in out.contents() {
            let raw = decode(object.key().unwrap_or_default(), encoded);
            if !raw.starts_with(full.as_bytes()) {
                return Err(StoreError::Other("the listing holds keys that were not asked for".into()));
            }
            if raw <= last {
                return Err(StoreError::Other("the listing is not sorted by key".into()));
            }
            objects.push(ObjectMeta {
                key: String::from_utf8_lossy(&raw[self.prefix.len()..]).into_owned(),
                size: size(object.size())?,
                modified: time(object.last_modified())?,
            });
            last = raw;
        }
        let next = if out.is_truncated() == Some(true) {
            let token = out.next_continuation_token().filter(|t| !t.is_empty());
            Some(token.ok_or_else(|| StoreError::Other("the listing breaks off without a token".into()))?.to_owned())
        } else {
            None
        };
        Ok(Page { objects, next })
    }
}

#[async_trait]
impl Store for S3Store {
    fn describe(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix.trim_end_matches('/'))
    }

    fn checks_bodies(&self) -> bool {
        self.send_checksum && !self.elsewhere.load(Ordering::Relaxed)
    }

    async fn put_new(&self, key: &Key, body: Bytes, digest: &Digest) -> std::result::Result<(), StoreError> {
        let size = body.len() as u64;
        let mut put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.full(key))
            .if_none_match("*")
            .content_type("application/octet-stream")
            .content_length(size.cast_signed())
            .body(ByteStream::from(body));
        let checksum = base64::encode(digest.bytes());
        if self.send_checksum {
            put = put.checksum_sha256(&checksum);
        }
        if let Some(lock) = self.object_lock {
            let mode = if lock.compliance { ObjectLockMode::Compliance } else { ObjectLockMode::Governance };
            put =
                put.object_lock_mode(mode).object_lock_retain_until_date(DateTime::from(SystemTime::now() + lock.keep));
        }
        let out = put
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(self.patience.timeouts(size)))
            .send()
            .await
            .map_err(|e| class(&e))?;
        // Where the store says what it got, that must be what was sent.
        match out.checksum_sha256() {
            Some(theirs) if theirs != checksum => {
                Err(StoreError::Mangled(format!("it names another SHA-256: {}", bounded(theirs))))
            }
            _ => Ok(()),
        }
    }

    async fn get(&self, key: &Key, limit: u64, into: &mut Vec<u8>) -> std::result::Result<(), StoreError> {
        into.clear();
        let out =
            self.client.get_object().bucket(&self.bucket).key(self.full(key)).send().await.map_err(|e| class(&e))?;
        let promised = size(out.content_length())?;
        if promised > limit {
            return Err(StoreError::TooLarge { limit });
        }
        into.reserve(promised as usize);
        let mut body = out.body;
        let read = async {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|e| broke_off(&e))?;
                if (into.len() + chunk.len()) as u64 > limit {
                    return Err(StoreError::TooLarge { limit });
                }
                into.extend_from_slice(&chunk);
            }
            if into.len() as u64 == promised {
                Ok(())
            } else {
                Err(StoreError::Transient(format!("{} of {promised} bytes arrived", into.len())))
            }
        };
        // The stall protection lets a byte per second pass; this does not.
        let result = tokio::time::timeout(self.patience.allowed(promised), read)
            .await
            .unwrap_or_else(|_| Err(StoreError::Transient("the body did not arrive in time".into())));
        if result.is_err() {
            into.clear();
        }
        result
    }

    async fn peek(&self, key: &Key, most: u64, into: &mut Vec<u8>) -> std::result::Result<(), StoreError> {
        into.clear();
        let range = format!("bytes=0-{}", most.saturating_sub(1));
        let sent = self.client.get_object().bucket(&self.bucket).key(self.full(key)).range(range).send().await;
        let mut body = match sent {
            Ok(out) => out.body,
            // There is no first byte of nothing (RFC 9110, section 15.5.17).
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 416 => return Ok(()),
            Err(e) => return Err(class(&e)),
        };
        let wanted = most as usize;
        let read = async {
            // Who does not know ranges sends all of it: the rest is not waited for.
            while into.len() < wanted {
                let Some(chunk) = body.next().await else { break };
                let chunk = chunk.map_err(|e| broke_off(&e))?;
                into.extend_from_slice(&chunk[..chunk.len().min(wanted - into.len())]);
            }
            Ok(())
        };
        tokio::time::timeout(self.patience.allowed(most), read)
            .await
            .unwrap_or_else(|_| Err(StoreError::Transient("the body did not arrive in time".into())))
    }

    async fn head(&self, key: &Key) -> std::result::Result<ObjectMeta, StoreError> {
        let out =
            self.client.head_object().bucket(&self.bucket).key(self.full(key)).send().await.map_err(|e| class(&e))?;
        Ok(ObjectMeta {
            key: key.as_str().to_owned(),
            size: size(out.content_length())?,
            modified: time(out.last_modified())?,
        })
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> std::result::Result<Page, StoreError> {
        let mut token = after.map(str::to_owned);
        for _ in 0..EMPTY_PAGES {
            let page = self.page(prefix, token.clone()).await?;
            if page.next.is_some() && page.next == token {
                break;
            }
            // Some servers send empty pages over long runs of deleted objects.
            if !page.objects.is_empty() || page.next.is_none() {
                return Ok(page);
            }
            token = page.next;
        }
        Err(StoreError::Other("the listing does not advance".into()))
    }

    async fn delete(&self, key: &Key) -> std::result::Result<(), StoreError> {
        let sent = self.client.delete_object().bucket(&self.bucket).key(self.full(key)).send().await;
        match sent.map_err(|e| class(&e)) {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(e) => Err(e),
        }
    }

    async fn now(&self) -> std::result::Result<Timestamp, StoreError> {
        let date = DateHeader::default();
        let sent = self.client.head_bucket().bucket(&self.bucket).customize().interceptor(date.clone()).send().await;
        // A put-only credential is denied here, and gets the time with the denial.
        match sent.map_err(|e| class(&e)) {
            Ok(_) | Err(StoreError::Denied(_)) => {}
            Err(StoreError::NotFound) => return Err(StoreError::NoRepository(self.bucket.clone())),
            Err(e) => return Err(e),
        }
        date.take().ok_or_else(|| StoreError::Other("the store's answers carry no usable Date header".into()))
    }
}

fn broke_off(e: &(dyn std::error::Error + 'static)) -> StoreError {
    StoreError::Transient(format!("the body broke off: {}", s3_error::chain(e)))
}

fn size(bytes: Option<i64>) -> std::result::Result<u64, StoreError> {
    bytes
        .and_then(|b| u64::try_from(b).ok())
        .ok_or_else(|| StoreError::Other("the store's answer names no size".into()))
}

fn time(at: Option<&DateTime>) -> std::result::Result<Timestamp, StoreError> {
    at.and_then(|t| Timestamp::new(t.secs(), i32::try_from(t.subsec_nanos()).ok()?).ok())
        .ok_or_else(|| StoreError::Other("the store's answer names no time".into()))
}

fn decode(key: &str, encoded: bool) -> Vec<u8> {
    if encoded {
        // Servers write a space as "+" or "%20", and a plus as "%2B".
        percent_encoding::percent_decode_str(&key.replace('+', " ")).collect()
    } else {
        key.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_servers_encode_them() {
        assert_eq!(decode("a%0Ab+c%2Bd", true), b"a\nb c+d");
        assert_eq!(decode("a%0Ab+c", false), b"a%0Ab+c");
    }
}
