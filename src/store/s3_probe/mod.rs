//! What an S3 server says of a bucket, whom it lets in, and what our credential
//! may do there: questions that no backup needs, and an audit asks.
//!
//! Nothing here touches an object of a backup but to read its first byte. What is
//! written lies under `canary/`.
//!
//! | file | asks |
//! |---|---|
//! | [`public`] | as nobody |
//! | [`settings`] | for the bucket's configuration |
//! | [`canary`] | what our credential may do to objects of its own |

pub mod canary;
pub mod public;
pub mod settings;

use std::error::Error as StdError;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;

use super::open::{Place, parse};
use super::s3_client::{Access, Options, connect};
use super::s3_error::{chain, class};
use super::{Key, StoreError};
use crate::config::schema::Repository;
use crate::error::Result;
use crate::types::Known;

/// A bucket that can be asked.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    /// The same without any credential.
    nobody: Client,
    name: String,
    /// Empty, or ends with `/`.
    prefix: String,
}

impl Bucket {
    /// The configured repository's bucket; `None` where it is none.
    ///
    /// # Errors
    /// [`crate::Code::Usage`] for a URL or an endpoint that is refused.
    pub async fn open(repository: &Repository, options: Options) -> Result<Option<Self>> {
        let Place::Bucket { bucket, prefix } = parse(&repository.url)? else { return Ok(None) };
        let Options { credentials, patience } = options;
        let (client, _) = connect(&repository.s3, Access::Credential(credentials), patience).await?;
        let (nobody, _) = connect(&repository.s3, Access::Anonymous, patience).await?;
        let prefix = if prefix.is_empty() { prefix } else { format!("{prefix}/") };
        Ok(Some(Self { client, nobody, name: bucket, prefix }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The prefix that is ours: empty, or ends with `/`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The first bytes of an object below our prefix, whatever its name.
    ///
    /// # Errors
    /// As [`super::Store::peek`].
    pub async fn peek(&self, name: &str, most: u64) -> std::result::Result<Vec<u8>, StoreError> {
        let range = format!("bytes=0-{}", most.saturating_sub(1));
        let key = format!("{}{name}", self.prefix);
        let sent = self.client.get_object().bucket(&self.name).key(key).range(range).send().await;
        let mut body = sent.map_err(|e| class(&e))?.body;
        let mut bytes = Vec::new();
        while bytes.len() < most as usize {
            let Some(chunk) = body.next().await else { break };
            let chunk = chunk.map_err(|e| StoreError::Transient(format!("the body broke off: {}", chain(&e))))?;
            bytes.extend_from_slice(&chunk[..chunk.len().min(most as usize - bytes.len())]);
        }
        Ok(bytes)
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// What the server told; `Yes(None)` where it says that there is nothing of the
/// kind, which it does with one of the codes in `nothing`.
fn told<T, E>(what: &str, nothing: &[&str], sent: std::result::Result<T, SdkError<E, HttpResponse>>) -> Known<Option<T>>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let e = match sent {
        Ok(out) => return Known::Yes(Some(out)),
        Err(e) => e,
    };
    let (status, code) = match &e {
        SdkError::ServiceError(s) => (s.raw().status().as_u16(), s.err().code().unwrap_or_default().to_owned()),
        _ => (0, String::new()),
    };
    if nothing.contains(&code.as_str()) {
        return Known::Yes(None);
    }
    Known::no(match class(&e) {
        _ if matches!(status, 405 | 501) || code == "NotImplemented" || code == "MethodNotAllowed" => {
            format!("the server does not tell {what}: it does not implement the call")
        }
        StoreError::Denied(_) => format!("the credential may not ask for {what}"),
        e => format!("the server does not tell {what}: {e}"),
    })
}

fn time(at: Option<&aws_sdk_s3::primitives::DateTime>) -> Option<Timestamp> {
    at.and_then(|t| Timestamp::from_second(t.secs()).ok())
}
