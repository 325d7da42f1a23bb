//! Certificates made on the spot, by an authority of the tests' own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::warden;

/// An authority that vouches for whom it is told to.
pub struct Authority {
    folder: PathBuf,
}

/// The files of a certificate and its key.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    let output = command.output().expect("openssl is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
}

impl Authority {
    /// A new authority; `name` tells its files from those of others.
    pub fn new(name: &str) -> Self {
        let folder = warden::folder().join(format!("authority {name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        let more = "-keyout ca.key -out ca.crt -addext keyUsage=critical,keyCertSign";
        openssl(&folder, &format!("{request} {more} -subj /CN={name}"));
        Self { folder }
    }

    /// The file that says whom to trust.
    pub fn root(&self) -> String {
        self.folder.join("ca.crt").to_str().expect("UTF-8").to_owned()
    }

    /// The same for times gone by.
    pub fn certify_for_the_past(&self, name: &str, alternatives: &str) -> Certificate {
        let made = self.certify(name, alternatives);
        let settings = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=past.srl\n\
                        default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n";
        for (file, text) in [("past.cnf", settings), ("index", ""), ("past.srl", "01\n")] {
            std::fs::write(self.folder.join(file), text).expect("written");
        }
        let sign = "ca -batch -notext -config past.cnf -cert ca.crt -keyfile ca.key -extfile names";
        let dates = "-startdate 20200101000000Z -enddate 20210101000000Z";
        openssl(
            &self.folder,
            &format!("{sign} {dates} -in {name}.csr -out {name}.crt"),
        );
        made
    }

    /// A certificate that vouches for itself, as tools make them: it may be an authority's, too.
    pub fn self_signed(name: &str, alternatives: &str) -> Certificate {
        let folder = warden::folder().join(format!("self {name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        let more = format!("-addext subjectAltName={alternatives} -addext basicConstraints=critical,CA:TRUE");
        openssl(
            &folder,
            &format!("{request} -keyout self.key -out self.crt -subj /CN={name} {more}"),
        );
        Certificate {
            chain: folder.join("self.crt"),
            key: folder.join("self.key"),
        }
    }

    /// A certificate for these names, such as `DNS:localhost,IP:127.0.0.1`.
    pub fn certify(&self, name: &str, alternatives: &str) -> Certificate {
        let folder = &self.folder;
        let request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(
            folder,
            &format!("{request} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
        );
        std::fs::write(folder.join("names"), format!("subjectAltName={alternatives}")).expect("written");
        let sign = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names";
        openssl(folder, &format!("{sign} -in {name}.csr -out {name}.crt"));
        Certificate {
            chain: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        }
    }
}

impl Certificate {
    /// What a server shows that has this certificate and offers these protocols.
    pub fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_file_iter(&self.chain).expect("a file");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they fit");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
