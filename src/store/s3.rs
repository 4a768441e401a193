//! S3, and what speaks its protocol.
//!
//! Every put carries `If-None-Match: *` and its SHA-256. The SDK's own retries
//! are off: [`super::retry`] is the one place. Requests never leave over plain
//! http unless they stay on this machine or the operator allowed it; the check
//! sits on the outgoing request, so that an endpoint from the environment or
//! an AWS profile does not get round it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{EncodingType, ObjectLockMode};
use aws_smithy_types::base64;
use bytes::Bytes;
use jiff::Timestamp;

use super::s3_error::{self, PlainHttp, bounded, class};
use super::{Key, ObjectMeta, Page, Store, StoreError};
use crate::config::schema::{Checksums, ObjectLock, S3};
use crate::error::{Error, Result};
use crate::types::Digest;

const CONNECT: Duration = Duration::from_secs(10);
/// A request without a large body may take this long.
const CALL: Duration = Duration::from_secs(60);
/// And one second more for each of these bytes: what a slow line still manages
/// when it carries several parts at once.
const SLOWEST: u64 = 128 * 1024;
/// A body that does not move for this long is given up.
const STALL: Duration = Duration::from_secs(20);
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
    aws: bool,
}

impl S3Store {
    /// Opens `prefix` (without slashes at its ends; may be empty) in `bucket`
    /// with the credential that the AWS SDK's default chain finds. No request
    /// is made. [`crate::Code::Usage`] for an endpoint that is refused.
    pub async fn open(bucket: &str, prefix: &str, settings: &S3) -> Result<Self> {
        Self::build(bucket, prefix, settings, None).await
    }

    /// The same with a given credential.
    pub async fn open_with(
        bucket: &str,
        prefix: &str,
        settings: &S3,
        credentials: SharedCredentialsProvider,
    ) -> Result<Self> {
        Self::build(bucket, prefix, settings, Some(credentials)).await
    }

    async fn build(
        bucket: &str,
        prefix: &str,
        settings: &S3,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Result<Self> {
        if let Some(endpoint) = &settings.endpoint {
            check_endpoint(endpoint, settings.allow_plain_http)?;
        }
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = credentials {
            loader = loader.credentials_provider(credentials);
        }
        let loaded = loader.region(region(settings)).load().await;

        let (request, response) = match settings.checksums {
            Checksums::Auto => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
            Checksums::WhenRequired => {
                (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
            }
        };
        let config = aws_sdk_s3::config::Builder::from(&loaded)
            .force_path_style(settings.path_style)
            .request_checksum_calculation(request)
            .response_checksum_validation(response)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(0))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build())
            .interceptor(NoPlainHttp { allow: settings.allow_plain_http })
            .build();
        // An endpoint may also come from the environment or a profile.
        let aws = settings.endpoint.is_none()
            && loaded.endpoint_url().is_none()
            && std::env::var_os("AWS_ENDPOINT_URL_S3").is_none();
        Ok(Self {
            client: Client::from_conf(config),
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            object_lock: settings.object_lock,
            // S3 demands a checksum of what is to be locked.
            send_checksum: settings.checksums == Checksums::Auto || settings.object_lock.is_some(),
            aws,
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
        self.aws && self.send_checksum
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
            .content_length(size as i64)
            .body(ByteStream::from(body));
        if self.send_checksum {
            put = put.checksum_sha256(base64::encode(digest.bytes()));
        }
        if let Some(lock) = self.object_lock {
            let mode = if lock.compliance { ObjectLockMode::Compliance } else { ObjectLockMode::Governance };
            put =
                put.object_lock_mode(mode).object_lock_retain_until_date(DateTime::from(SystemTime::now() + lock.keep));
        }
        put.customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(timeouts(size)))
            .send()
            .await
            .map_err(|e| class(&e))?;
        Ok(())
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
                let chunk =
                    chunk.map_err(|e| StoreError::Transient(format!("the body broke off: {}", s3_error::chain(&e))))?;
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
        let result = tokio::time::timeout(allowed(promised), read)
            .await
            .unwrap_or_else(|_| Err(StoreError::Transient("the body did not arrive in time".into())));
        if result.is_err() {
            into.clear();
        }
        result
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

/// Region: configured, else environment, else profile, else for servers of
/// one's own the customary one. The metadata service of a cloud host is asked
/// only for AWS itself.
fn region(settings: &S3) -> RegionProviderChain {
    let first = RegionProviderChain::first_try(settings.region.clone().map(Region::new));
    if settings.endpoint.is_none() {
        return first.or_default_provider().or_else("us-east-1");
    }
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    first.or_else(EnvironmentVariableRegionProvider::new()).or_else(profile.build()).or_else("us-east-1")
}

fn allowed(bytes: u64) -> Duration {
    CALL + Duration::from_secs(bytes / SLOWEST)
}

fn timeouts(bytes: u64) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(allowed(bytes)).build()
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

/// Refuses an endpoint that is no http(s) URL, holds a credential, or would
/// carry requests unencrypted to another host.
fn check_endpoint(endpoint: &str, allow_plain_http: bool) -> Result<()> {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Error::usage("the endpoint holds a credential")
            .on("repository.s3.endpoint")
            .hint("Give the credential in the environment or in a profile of the AWS configuration files."));
    }
    let plain = match scheme.to_ascii_lowercase().as_str() {
        "https" => false,
        "http" => true,
        _ => {
            return Err(Error::usage(format!("not an http or https URL: {}", bounded(endpoint)))
                .on("repository.s3.endpoint")
                .hint("Write it like https://s3.example.net."));
        }
    };
    if host(authority).is_empty() {
        return Err(Error::usage(format!("the URL names no host: {}", bounded(endpoint))).on("repository.s3.endpoint"));
    }
    if plain && !allow_plain_http && !is_loopback(authority) {
        return Err(Error::usage(PlainHttp.to_string()).on("repository.s3.endpoint").hint(
            "Names, sizes and times of all backups would be readable on the way, and objects could be exchanged there.",
        ));
    }
    Ok(())
}

/// `host:port` without the port.
fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = host(authority);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Stops requests that would leave this machine unencrypted, wherever their endpoint came from.
#[derive(Debug)]
struct NoPlainHttp {
    allow: bool,
}

impl Intercept for NoPlainHttp {
    fn name(&self) -> &'static str {
        "NoPlainHttp"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let uri = context.request().uri();
        let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("https") || self.allow || is_loopback_bucket(authority) {
            Ok(())
        } else {
            Err(PlainHttp.into())
        }
    }
}

/// Loopback, also with the bucket before it (`bucket.localhost`, RFC 6761, section 6.3).
fn is_loopback_bucket(authority: &str) -> bool {
    is_loopback(authority) || host(authority).to_ascii_lowercase().ends_with(".localhost")
}

/// Takes the `Date` of an answer, be it good or bad.
#[derive(Debug, Clone, Default)]
struct DateHeader(Arc<Mutex<Option<Timestamp>>>);

impl DateHeader {
    fn take(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for DateHeader {
    fn name(&self) -> &'static str {
        "DateHeader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = s3_error::server_time(context.response());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn plain_http_only_stays_on_this_machine() {
        for good in ["https://s3.example.net", "http://127.0.0.1:9000", "http://localhost:1/x", "http://[::1]:9000"] {
            check_endpoint(good, false).unwrap();
        }
        for bad in ["http://s3.example.net", "http://127.0.0.1.example.net", "http://localhost.example.net", "HTTP://a"]
        {
            let e = check_endpoint(bad, false).unwrap_err();
            assert_eq!(e.code(), Code::Usage, "{bad}");
            assert!(e.text().contains("plain http"), "{e}");
            check_endpoint(bad, true).unwrap();
        }
        for bad in ["", "s3.example.net", "ftp://a", "https://", "https:///x"] {
            assert_eq!(check_endpoint(bad, true).unwrap_err().code(), Code::Usage, "{bad}");
        }
    }

    #[test]
    fn a_credential_in_the_endpoint_is_refused_and_not_repeated() {
        let e = check_endpoint("https://AKIA:geheim@s3.example.net", true).unwrap_err();
        assert!(!format!("{e:?}").contains("geheim"), "{e:?}");
    }

    #[test]
    fn keys_are_decoded_as_servers_encode_them() {
        assert_eq!(decode("a%0Ab+c%2Bd", true), b"a\nb c+d");
        assert_eq!(decode("a%0Ab+c", false), b"a%0Ab+c");
    }

    #[test]
    fn timeouts_grow_with_the_body() {
        assert_eq!(allowed(0), Duration::from_secs(60));
        assert_eq!(allowed(16 << 20), Duration::from_secs(188));
    }
}
