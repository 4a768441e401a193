//! TLS with libpq's meaning of `sslmode`.
//!
//! Two rules of libpq that rustls does not have by itself: a chain may be
//! checked without the host name (`verify-ca`), and a self-signed server
//! certificate is good when it is itself in `sslrootcert`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conn::{ConnParams, SslMode};
use crate::error::{Error, Result, Stage};
use crate::keys;

/// Largest file of certificates or of a key in bytes: the bundle of all public authorities has a tenth of it.
const LIMIT: u64 = 4 * 1024 * 1024;

/// Builds the connector for these parameters.
///
/// # Errors
/// Usage (2): certificate files that are missing or malformed, a key that others may read.
pub(super) fn connector(params: &ConnParams) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(params, provider.clone())?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal("TLS cannot be set up").because(e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match (&params.sslcert, &params.sslkey) {
        (Some(cert), Some(key)) if cert.exists() => {
            let chain = certificates(cert)?;
            let pem = keys::read_tls_key(key, LIMIT).map_err(|e| e.at(Stage::Source))?;
            let key = PrivateKeyDer::from_pem_slice(&pem)
                .map_err(|e| Error::usage("cannot read the client key").on(key.display().to_string()).because(e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| {
                Error::usage("the client certificate cannot be used").on(cert.display().to_string()).because(e)
            })?
        }
        (Some(cert), _) => {
            return Err(Error::usage("the client certificate or its key does not exist").on(cert.display().to_string()));
        }
        (None, _) => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let fault = |what: &str| Error::usage(what).on(path.display().to_string());
    let pem = keys::read_public(path, LIMIT).map_err(|e| e.at(Stage::Source))?;
    let list: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<std::result::Result<_, _>>()
        .map_err(|e| fault("cannot read certificates").because(e))?;
    if list.is_empty() { Err(fault("there is no certificate in the file")) } else { Ok(list) }
}

#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` where the certificate is not checked at all.
    trusted: Option<Trusted>,
    check_name: bool,
}

#[derive(Debug)]
struct Trusted {
    anchors: RootCertStore,
    exact: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(params: &ConnParams, provider: Arc<CryptoProvider>) -> Result<Self> {
        let check_name = params.sslmode == SslMode::VerifyFull;
        let trusted = match (params.sslmode, params.sslrootcert.as_deref()) {
            (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => None,
            (_, Some(path)) if path == Path::new("system") => {
                let found = rustls_native_certs::load_native_certs();
                Some(Trusted::new(found.certs, "system")?)
            }
            // "require" checks like verify-ca where a root certificate is there.
            (_, Some(path)) => Some(Trusted::new(certificates(path)?, &path.display().to_string())?),
            (SslMode::VerifyCa | SslMode::VerifyFull, None) => {
                return Err(Error::usage("there is no root certificate to check the server against")
                    .on(format!("sslmode={}", params.sslmode.name()))
                    .hint("Set sslrootcert to a file, or to \"system\"."));
            }
        };
        Ok(Self { provider, trusted, check_name })
    }
}

impl Trusted {
    fn new(exact: Vec<CertificateDer<'static>>, from: &str) -> Result<Self> {
        let mut anchors = RootCertStore::empty();
        let (good, _) = anchors.add_parsable_certificates(exact.iter().cloned());
        if good == 0 {
            return Err(Error::usage("holds no usable root certificate").on(from));
        }
        Ok(Self { anchors, exact })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let chain =
            verify_server_cert_signed_by_trust_anchor(&parsed, &trusted.anchors, intermediates, now, algorithms);
        // Out of its time is out of its time, even where it is trusted itself.
        if let Err(e) = chain
            && (is_about_time(&e) || !trusted.exact.iter().any(|c| c == end_entity))
        {
            return Err(e);
        }
        if self.check_name {
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_about_time(e: &rustls::Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        e,
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
    )
}
