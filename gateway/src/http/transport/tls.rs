//! TLS for the listener: rustls with ring, ALPN for HTTP/2 and HTTP/1.1, certificates read again on SIGHUP.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;

/// The certificate in use; connections made after a reload see the new one.
#[derive(Clone)]
pub struct Certificate {
    files: Tls,
    current: Arc<ArcSwap<ServerConfig>>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{path}: {source}")]
    File {
        path: String,
        source: rustls_pki_types::pem::Error,
    },
    #[error("{0} holds no certificate")]
    Empty(String),
    #[error("certificate and key do not fit: {0}")]
    Unfit(#[from] rustls::Error),
}

impl Certificate {
    /// Reads chain and key.
    pub fn load(files: &Tls) -> Result<Self, CertificateError> {
        let current = ArcSwap::from_pointee(read(files)?);
        Ok(Self {
            files: files.clone(),
            current: Arc::new(current),
        })
    }

    /// Reads the files again; on an error the certificate in use stays.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Makes the handshake on an accepted connection.
    pub async fn accept<S>(&self, stream: S) -> io::Result<tokio_rustls::server::TlsStream<S>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        tokio_rustls::TlsAcceptor::from(self.current.load_full())
            .accept(stream)
            .await
    }
}

fn read(files: &Tls) -> Result<ServerConfig, CertificateError> {
    let in_file = |path: &Path| {
        let path = path.display().to_string();
        move |source| CertificateError::File { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(in_file(&files.certificate_file))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty(
            files.certificate_file.display().to_string(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(in_file(&files.key_file))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The one cryptography provider of the process.
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
