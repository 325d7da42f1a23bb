//! TLS to the server: rustls with ring, and libpq's values of `sslmode`.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Roots, TlsMode};
use crate::http::transport::tls::provider;

/// Why the database cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("database.url: expected {0}")]
    Address(String),
    #[error("{path}: {source}")]
    Roots {
        path: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("{0} holds no certificate that can be trusted")]
    NoRoots(PathBuf),
    #[error(
        "database.url: sslrootcert=system, but the operating system has no authorities (ca-certificates)"
    )]
    NoSystemRoots,
    #[error("TLS to the database: {0}")]
    Tls(String),
    #[error("the pool: {0}")]
    Pool(String),
}

/// What makes the handshake where `mode` asks for one. `roots` are trusted instead of the public authorities.
pub(super) fn connector(mode: TlsMode, roots: &Roots) -> Result<MakeRustlsConnect, SetupError> {
    let provider = provider();
    let trust = match (mode, roots) {
        (TlsMode::VerifyFull | TlsMode::VerifyCa, roots) => Some(verifier(&provider, roots)?),
        // As in libpq: who names a root wants it heeded.
        (TlsMode::Require, Roots::File(_)) => Some(verifier(&provider, roots)?),
        (TlsMode::Require, _) | (TlsMode::Disable | TlsMode::Prefer, _) => None,
    };
    let is_strict = mode == TlsMode::VerifyFull;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Some(trust) if is_strict => trust,
        trust => Arc::new(Lenient {
            trust,
            provider: provider.clone(),
        }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| SetupError::Tls(fault.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    provider: &Arc<CryptoProvider>,
    trusted: &Roots,
) -> Result<Arc<WebPkiServerVerifier>, SetupError> {
    let mut roots = RootCertStore::empty();
    match trusted {
        Roots::Unsaid => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                return Err(SetupError::NoSystemRoots);
            }
        }
        Roots::File(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|source| SetupError::Roots {
                    path: path.to_owned(),
                    source,
                })?;
            let (taken, _) = roots.add_parsable_certificates(certificates);
            if taken == 0 {
                return Err(SetupError::NoRoots(path.to_owned()));
            }
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|fault| SetupError::Tls(fault.to_string()))
}

/// Overlooks the name, and without roots everything but that the server holds the key of what it shows.
#[derive(Debug)]
struct Lenient {
    trust: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        match trust.verify_server_cert(certificate, chain, name, stapled, now) {
            // The name is looked at last, so the chain is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
