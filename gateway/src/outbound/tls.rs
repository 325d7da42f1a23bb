//! TLS to receivers: the trusted authorities, and readable reasons for failed handshakes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use crate::http::transport::tls::provider;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
    #[error("TLS cannot be set up: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    #[error("webhooks.extra_ca_file: {path}: {source}")]
    Unreadable {
        path: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("webhooks.extra_ca_file: {0} holds no certificate that can be trusted")]
    NoRoots(PathBuf),
}

/// Begins TLS.
#[derive(Clone)]
pub(super) struct Connectors {
    /// Offers HTTP/2 and HTTP/1.1.
    pub both: TlsConnector,
    /// Offers HTTP/1.1 alone.
    pub http1: TlsConnector,
}

impl Connectors {
    /// Trusts the public authorities and those in `extra`.
    pub fn new(extra: Option<&Path>) -> Result<Self, TlsError> {
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(extra)?))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = TlsConnector::from(Arc::new(tls.clone()));
        tls.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            both: TlsConnector::from(Arc::new(tls)),
            http1,
        })
    }
}

/// The usual verification, except that a certificate which the operator has listed may stand for its server even if it
/// is an authority's: tools make self-signed ones with `CA:TRUE`, which a chain must not end in otherwise.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(extra: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let mut listed = Vec::new();
        if let Some(path) = extra {
            listed = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|source| TlsError::Unreadable {
                    path: path.to_owned(),
                    source,
                })?;
            let (taken_count, _) = roots.add_parsable_certificates(listed.iter().cloned());
            if taken_count == 0 {
                return Err(TlsError::NoRoots(path.to_owned()));
            }
        }
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
        Ok(Self { usual, listed })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let usual = self
            .usual
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match usual {
            // Its dates were found good before this was found.
            Err(fault) if is_authority(&fault) && self.listed.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a server's certificate was refused for being an authority's.
fn is_authority(fault: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = fault else {
        return false;
    };
    let cause = other.0.downcast_ref::<webpki::Error>();
    matches!(cause, Some(webpki::Error::CaUsedAsEndEntity))
}

/// Why a handshake failed, for the owner of the endpoint.
pub(super) fn reason(fault: &io::Error) -> String {
    let cause = fault
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(cause)) => certificate_reason(cause),
        Some(rustls::Error::AlertReceived(
            alert @ (AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure),
        )) => format!("protocol: the receiver has no TLS version or cipher suite in common ({alert:?})"),
        Some(rustls::Error::PeerIncompatible(cause)) => {
            format!("protocol: the receiver has no TLS version or cipher suite in common ({cause:?})")
        }
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
            "protocol: the receiver does not speak TLS on this port".to_owned()
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("protocol: the receiver ended the handshake ({alert:?})")
        }
        Some(cause) => format!("protocol: {cause}"),
        None if fault.kind() == io::ErrorKind::UnexpectedEof => {
            "protocol: the receiver closed the connection during the handshake".to_owned()
        }
        None => format!(
            "protocol: the connection broke during the handshake: {}",
            fault.kind()
        ),
    }
}

fn certificate_reason(cause: &CertificateError) -> String {
    use CertificateError as Cause;
    match cause {
        Cause::Expired | Cause::ExpiredContext { .. } => "expired: the certificate's dates are over".to_owned(),
        Cause::NotValidYet | Cause::NotValidYetContext { .. } => {
            "not valid yet: the certificate's dates have not begun".to_owned()
        }
        Cause::UnknownIssuer => {
            "unknown issuer: no trusted authority has issued the certificate, or an intermediate one is missing".to_owned()
        }
        Cause::NotValidForName | Cause::NotValidForNameContext { .. } => {
            "name mismatch: the certificate is for another host name".to_owned()
        }
        cause if is_authority(&rustls::Error::InvalidCertificate(cause.clone())) => {
            "unknown issuer: the certificate is self-signed or an authority's own".to_owned()
        }
        cause => format!("the certificate is refused: {cause}"),
    }
}
