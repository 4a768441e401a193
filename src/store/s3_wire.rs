//! What may leave for an S3 server, and what its answers say beside the answer.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use http_body_util::Limited;
use jiff::Timestamp;

use super::s3_error::{self, PlainHttp, bounded};
use crate::error::Error;

/// Refuses an endpoint that is no http(s) URL, holds a credential, or would
/// carry requests unencrypted to another host.
pub fn check_endpoint(endpoint: &str, allow_plain_http: bool) -> crate::Result<()> {
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

/// Looks at every request before it leaves: none goes unencrypted to another
/// host, and whether AWS itself is asked is seen here, wherever the endpoint came from.
#[derive(Debug)]
pub struct Outgoing {
    /// `repository.s3.allow_plain_http`.
    pub allow_plain: bool,
    /// Set when a request goes to another server than AWS's.
    pub elsewhere: Arc<AtomicBool>,
}

impl Intercept for Outgoing {
    fn name(&self) -> &'static str {
        "Outgoing"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !is_aws(authority) {
            self.elsewhere.store(true, Ordering::Relaxed);
        }
        if scheme.eq_ignore_ascii_case("https") || self.allow_plain || is_loopback_bucket(authority) {
            Ok(())
        } else {
            Err(PlainHttp.into())
        }
    }
}

/// The domains of AWS's partitions that anyone may have an account in.
fn is_aws(authority: &str) -> bool {
    let host = host(authority).to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"].iter().any(|domain| host.ends_with(domain))
}

/// Loopback, also with the bucket before it (`bucket.localhost`, RFC 6761, section 6.3).
fn is_loopback_bucket(authority: &str) -> bool {
    is_loopback(authority) || host(authority).to_ascii_lowercase().ends_with(".localhost")
}

/// Most bytes of an answer that is read as a whole: a page of a thousand names of a thousand
/// bytes, all of them encoded, is smaller.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Limits every answer but the body of an object, which its reader limits: the SDK reads
/// listings and errors into memory, however long they are.
#[derive(Debug)]
pub struct Incoming;

/// The request was one for an object.
#[derive(Debug)]
struct ForObject;

impl Storable for ForObject {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Incoming {
    fn name(&self) -> &'static str {
        "Incoming"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The SDK names the operation in each such request, whatever the server is.
        if context.request().uri().contains("x-id=GetObject") {
            config.interceptor_state().store_put(ForObject);
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let object = config.load::<ForObject>().is_some() && context.response().status().is_success();
        if !object {
            let body = context.response_mut().body_mut();
            let whole = std::mem::replace(body, SdkBody::taken());
            *body = SdkBody::from_body_1_x(Limited::new(whole, MAX_ANSWER));
        }
        Ok(())
    }
}

/// Takes the `Date` of an answer, be it good or bad.
#[derive(Debug, Clone, Default)]
pub struct DateHeader(Arc<Mutex<Option<Timestamp>>>);

impl DateHeader {
    /// The time, once.
    pub fn take(&self) -> Option<Timestamp> {
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
    ) -> Result<(), BoxError> {
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
    fn aws_is_told_by_its_domains() {
        for aws in ["bucket.s3.eu-central-1.amazonaws.com", "s3.amazonaws.com:443", "b.s3.cn-north-1.amazonaws.com.cn"]
        {
            assert!(is_aws(aws), "{aws}");
        }
        for other in ["amazonaws.com.example.net", "xamazonaws.com", "127.0.0.1:9000", "s3.example.net"] {
            assert!(!is_aws(other), "{other}");
        }
    }
}
