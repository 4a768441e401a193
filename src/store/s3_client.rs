//! The client that speaks to an S3 server, and how long it waits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};

use super::s3_wire::{Incoming, Outgoing, check_endpoint};
use crate::config::schema::{Checksums, S3};
use crate::error::Result;

/// How long to wait for a server. What takes longer is [`StoreError::Transient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection. 10 s.
    pub connect: Duration,
    /// For a request without a large body. 60 s.
    pub call: Duration,
    /// One second more is given for each of these bytes: what a slow line
    /// still manages when it carries several parts at once. 128 KiB.
    pub bytes_per_second: u64,
    /// For a body that does not move. 20 s.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_mins(1),
            bytes_per_second: 128 * 1024,
            stall: Duration::from_secs(20),
        }
    }
}

impl Patience {
    pub(super) fn allowed(self, bytes: u64) -> Duration {
        self.call + Duration::from_secs(bytes / self.bytes_per_second.max(1))
    }

    pub(super) fn timeouts(self, bytes: u64) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(self.connect).operation_attempt_timeout(self.allowed(bytes)).build()
    }
}

/// What [`super::s3::S3Store::open_with`] takes besides the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Default: what the AWS SDK's chain finds (environment, profile, web identity, container, instance).
    pub credentials: Option<SharedCredentialsProvider>,
    /// Timeouts.
    pub patience: Patience,
}

const FALLBACK_REGION: &str = "us-east-1";

/// As whom requests are made.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// With this credential, or what the AWS SDK's chain finds.
    Credential(Option<SharedCredentialsProvider>),
    /// As nobody: requests are not signed.
    Anonymous,
}

/// A client, and whether its requests go to another server than AWS's (which the
/// first request may still tell). No request is made.
///
/// # Errors
/// [`crate::Code::Usage`] for an endpoint that is refused.
pub(super) async fn connect(settings: &S3, access: Access, patience: Patience) -> Result<(Client, Arc<AtomicBool>)> {
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
    loader = match access {
        Access::Credential(Some(credentials)) => loader.credentials_provider(credentials),
        Access::Credential(None) => loader,
        Access::Anonymous => loader.no_credentials(),
    };
    if settings.region.is_some() || settings.endpoint.is_some() {
        loader = loader.region(region(settings));
    }
    let found = loader.load().await;

    let (request, response) = match settings.checksums {
        Checksums::Auto => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
        Checksums::WhenRequired => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    // An endpoint may also come from the environment or a profile; the first request tells.
    let elsewhere = settings.endpoint.is_some()
        || found.endpoint_url().is_some()
        || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let elsewhere = Arc::new(AtomicBool::new(elsewhere));
    let config = aws_sdk_s3::config::Builder::from(&found)
        .region(found.region().cloned().unwrap_or(Region::from_static(FALLBACK_REGION)))
        .force_path_style(settings.path_style)
        .request_checksum_calculation(request)
        .response_checksum_validation(response)
        .retry_config(RetryConfig::disabled())
        .timeout_config(patience.timeouts(0))
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(patience.stall).build())
        .interceptor(Outgoing { allow_plain: settings.allow_plain_http, elsewhere: Arc::clone(&elsewhere) })
        .interceptor(Incoming)
        .build();
    Ok((Client::from_conf(config), elsewhere))
}

/// Region: configured, else environment, else profile, else the customary one.
/// For servers of one's own; for AWS the SDK's chain also asks a cloud host's
/// metadata service.
fn region(settings: &S3) -> RegionProviderChain {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(FALLBACK_REGION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_grow_with_the_body() {
        let patience = Patience::default();
        assert_eq!(patience.allowed(0), Duration::from_mins(1));
        assert_eq!(patience.allowed(16 << 20), Duration::from_secs(188));
    }
}
