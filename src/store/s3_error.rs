//! Sorts what S3 servers answer into [`StoreError`]'s classes.
//!
//! Codes are those of the "Error responses" page of the Amazon S3 API
//! reference, and what Ceph RGW, MinIO and others say instead. Text from the
//! server is hostile: it is cut and escaped before it goes anywhere.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use jiff::{SignedDuration, Timestamp, Unit};

use super::StoreError;
use super::s3_wire::MAX_ANSWER;
use crate::types::shown;

/// Characters of a server's text that are kept.
const SHOWN: usize = 200;

/// What an answer says about why a call failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// S3's error code.
    pub code: Option<&'a str>,
    /// S3's text.
    pub message: Option<&'a str>,
    /// This host's clock minus the server's, from its `Date` header.
    pub skew: Option<SignedDuration>,
}

/// The class of an answer that is not a success.
pub fn class_of(answer: Answer<'_>) -> StoreError {
    let code = answer.code.unwrap_or("");
    let text = describe(answer);
    match code {
        "RequestTimeTooSkewed" => StoreError::Denied(match answer.skew {
            Some(skew) => format!(
                "this host's clock is {:#} {} the store's; synchronise it ({text})",
                skew.abs().round(Unit::Second).unwrap_or(skew.abs()),
                if skew.is_negative() { "behind" } else { "ahead of" }
            ),
            None => format!("this host's clock and the store's differ too much; synchronise it ({text})"),
        }),
        "AccessDenied"
        | "AccountProblem"
        | "AllAccessDisabled"
        | "ExpiredToken"
        | "InvalidAccessKeyId"
        | "InvalidPayer"
        | "InvalidSecurity"
        | "InvalidToken"
        | "NotSignedUp"
        | "SignatureDoesNotMatch"
        | "TokenRefreshRequired"
        | "UnauthorizedAccess" => StoreError::Denied(text),
        "NoSuchBucket" => StoreError::NoRepository(text),
        "NoSuchKey" | "NoSuchVersion" | "NotFound" => StoreError::NotFound,
        "PreconditionFailed" => StoreError::Exists,
        "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
            StoreError::Mangled(text)
        }
        "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "InsufficientCapacity" => {
            StoreError::NoSpace(text)
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            StoreError::Other(format!("wrong region or endpoint for this bucket: {text}"))
        }
        // 409: somebody else writes the same key right now; the next try knows who won.
        "ConditionalRequestConflict"
        | "OperationAborted"
        | "IncompleteBody"
        | "InternalError"
        | "RequestTimeout"
        | "ServiceUnavailable"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded" => StoreError::Transient(text),
        // Says 501 for ever: waiting does not help.
        "NotImplemented" | "InvalidObjectState" => StoreError::Other(text),
        _ => match answer.status {
            401 | 403 => StoreError::Denied(text),
            404 => StoreError::NotFound,
            412 => StoreError::Exists,
            507 => StoreError::NoSpace(text),
            408 | 409 | 425 | 429 | 500 | 502..=506 | 508..=599 => StoreError::Transient(text),
            _ => StoreError::Other(text),
        },
    }
}

fn describe(answer: Answer<'_>) -> String {
    let mut text = format!("HTTP {}", answer.status);
    for part in [answer.code, answer.message].into_iter().flatten() {
        text.push(' ');
        text.push_str(&bounded(part));
    }
    text
}

/// At most [`SHOWN`] characters, escaped.
pub fn bounded(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    shown(&cut).into_owned()
}

/// The class of an error of the SDK.
pub fn class<E>(error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(e) => {
            let answer = Answer {
                status: e.raw().status().as_u16(),
                code: e.err().code(),
                message: e.err().message(),
                skew: server_time(e.raw()).map(|t| Timestamp::now().duration_since(t)),
            };
            class_of(answer)
        }
        SdkError::TimeoutError(_) => StoreError::Transient("the store did not answer in time".into()),
        SdkError::ResponseError(_) if find::<http_body_util::LengthLimitError>(error).is_some() => {
            StoreError::TooMuch { limit: MAX_ANSWER as u64, what: "bytes of one answer" }
        }
        SdkError::ResponseError(e) => match e.raw().status().as_u16() {
            200..=299 => StoreError::Transient(format!("unreadable answer: {}", chain(error))),
            status => class_of(Answer { status, ..Answer::default() }),
        },
        SdkError::DispatchFailure(_) => unsent(error, true),
        SdkError::ConstructionFailure(_) => unsent(error, false),
        _ => StoreError::Other(chain(error)),
    }
}

/// Faults on this side of the wire.
fn unsent(error: &(dyn StdError + 'static), connecting: bool) -> StoreError {
    let text = chain(error);
    if find::<CredentialsError>(error).is_some() {
        return StoreError::Denied(format!("no usable credential: {text}"));
    }
    if find::<PlainHttp>(error).is_some() {
        return StoreError::Denied(PlainHttp.to_string());
    }
    if let Some(tls) = find::<rustls::Error>(error)
        && matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    {
        return StoreError::Other(format!("the store's TLS certificate is not trusted: {text}"));
    }
    if connecting { StoreError::Transient(format!("cannot reach the store: {text}")) } else { StoreError::Other(text) }
}

/// A request was about to leave unencrypted.
#[derive(Debug, thiserror::Error)]
#[error("plain http to another host is refused; use https, or set repository.s3.allow_plain_http")]
pub struct PlainHttp;

/// The server's clock.
pub fn server_time(response: &HttpResponse) -> Option<Timestamp> {
    // RFC 9110, section 5.6.7; IMF-fixdate is the one form that may be sent.
    let date = response.headers().get("date").filter(|d| d.len() <= 40)?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

/// All causes on one line, bounded and escaped.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(e) = next {
        let said = e.to_string();
        if !said.is_empty() && !text.ends_with(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = e.source();
    }
    bounded(&text)
}

/// The first cause of type `T`, also inside an `io::Error`, which hides what it wraps.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => e.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str) -> StoreError {
        class_of(Answer { status, code: Some(code), message: Some("said"), skew: None })
    }

    #[test]
    fn codes_go_to_their_classes() {
        for code in ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "Whatever"] {
            assert!(matches!(of(403, code), StoreError::Denied(t) if t.contains(code)), "{code}");
        }
        assert!(matches!(of(400, "ExpiredToken"), StoreError::Denied(_)));
        assert!(matches!(of(404, "NoSuchBucket"), StoreError::NoRepository(_)));
        assert!(matches!(of(404, "NoSuchKey"), StoreError::NotFound));
        assert!(matches!(of(412, "PreconditionFailed"), StoreError::Exists));
        assert!(matches!(of(409, "ConditionalRequestConflict"), StoreError::Transient(_)));
        for code in ["BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"] {
            assert!(matches!(of(400, code), StoreError::Mangled(_)), "{code}");
        }
        assert!(matches!(of(503, "SlowDown"), StoreError::Transient(_)));
        assert!(matches!(of(400, "RequestTimeout"), StoreError::Transient(_)));
        assert!(matches!(of(403, "QuotaExceeded"), StoreError::NoSpace(_)));
        assert!(matches!(of(501, "NotImplemented"), StoreError::Other(_)));
        assert!(matches!(of(400, "InvalidRequest"), StoreError::Other(_)));
        assert!(matches!(of(301, "PermanentRedirect"), StoreError::Other(t) if t.contains("region")));
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let bare = |status| class_of(Answer { status, ..Answer::default() });
        assert!(matches!(bare(404), StoreError::NotFound));
        assert!(matches!(bare(403), StoreError::Denied(_)));
        assert!(matches!(bare(412), StoreError::Exists));
        assert!(matches!(bare(507), StoreError::NoSpace(_)));
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(bare(status), StoreError::Transient(_)), "{status}");
        }
        assert!(matches!(bare(400), StoreError::Other(_)));
    }

    #[test]
    fn the_skew_is_named() {
        let answer = |seconds| Answer {
            status: 403,
            code: Some("RequestTimeTooSkewed"),
            message: None,
            skew: Some(SignedDuration::from_secs(seconds)),
        };
        assert!(matches!(class_of(answer(1200)), StoreError::Denied(t) if t.contains("20m ahead")));
        assert!(matches!(class_of(answer(-3661)), StoreError::Denied(t) if t.contains("1h 1m 1s behind")));
    }

    #[test]
    fn hostile_text_is_cut_and_escaped() {
        let message = format!("\u{1b}[2J\n{}", "x".repeat(10_000));
        let e = class_of(Answer { status: 500, code: Some("a\nb"), message: Some(&message), skew: None }).to_string();
        assert!(e.len() < 300, "{}", e.len());
        assert!(!e.contains('\n') && !e.contains('\u{1b}'), "{e}");
        assert!(e.contains("a\\nb"), "{e}");
    }
}
