//! TLS at the listener: what it offers, and a certificate that is changed while it serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use stage::certificate::{Authority, Certificate};
use stage::wire::Wire;
use stage::{Cluster, Database, Gateway, SOON, cli, eventually};

/// A gateway that shows what lies in these files, and a key.
struct Scene {
    gateway: Gateway,
    _database: Database,
    authority: Authority,
    shown: Certificate,
    key: String,
}

async fn scene(name: &str) -> Scene {
    let authority = Authority::new(name);
    let shown = authority.certify("first", "DNS:gateway.example");
    let (chain, key_file) = (shown.chain.display().to_string(), shown.key.display().to_string());
    let database = Cluster::shared().database().await;
    let settings = [
        ("GATEWAY_SERVER__TLS_CERTIFICATE_FILE", chain.as_str()),
        ("GATEWAY_SERVER__TLS_KEY_FILE", key_file.as_str()),
        ("GATEWAY_SERVER__HEAD_TIMEOUT_SECONDS", "2"),
    ];
    let gateway = Gateway::start(&database.url(), &settings).await;
    let key = cli::make_key(&database.url(), "default", "*");
    let scene = Scene {
        gateway,
        _database: database,
        authority,
        shown,
        key,
    };
    // A key that was made at the command line takes a moment.
    eventually("the key works", SOON, || async {
        let mut sender = scene.http1(&[]).await;
        scene.ask(&mut sender).await.0 == StatusCode::OK
    })
    .await;
    scene
}

impl Scene {
    /// A handshake that offers these protocols and trusts the authority alone.
    async fn connect(&self, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_file(self.authority.root()).expect("a certificate");
        roots.add(root).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.gateway.api).await.expect("a connection");
        let name = ServerName::try_from("gateway.example").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    fn whoami(&self, uri: &str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri.parse().expect("a URI");
        let headers = request.headers_mut();
        headers.insert("host", "gateway.example".parse().expect("a host"));
        headers.insert(
            "authorization",
            format!("Bearer {}", self.key).parse().expect("a key"),
        );
        request
    }

    /// What `whoami` says over HTTP/1.1.
    async fn ask(&self, sender: &mut http1::SendRequest<Full<Bytes>>) -> (StatusCode, Version) {
        let answer = sender
            .send_request(self.whoami("/v1/whoami"))
            .await
            .expect("an answer");
        let (head, body) = answer.into_parts();
        body.collect().await.expect("a body");
        (head.status, head.version)
    }

    async fn http1(&self, protocols: &[&str]) -> http1::SendRequest<Full<Bytes>> {
        let stream = self.connect(protocols).await.expect("a handshake");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        sender
    }

    /// The certificate that a new connection is shown.
    async fn shown_now(&self) -> CertificateDer<'static> {
        let stream = self.connect(&["h2"]).await.expect("a handshake");
        let chain = stream.get_ref().1.peer_certificates().expect("a chain");
        chain[0].clone().into_owned()
    }
}

fn certificate_in(files: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.chain).expect("a certificate")
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let scene = scene("alpn").await;
    let stream = scene.connect(&["h2", "http/1.1"]).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let mut request = scene.whoami("https://gateway.example/v1/whoami");
    request.headers_mut().remove("host");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(
        (answer.status(), answer.version()),
        (StatusCode::OK, Version::HTTP_2)
    );
    for protocols in [&["http/1.1"][..], &[]] {
        let mut sender = scene.http1(protocols).await;
        let told = scene.ask(&mut sender).await;
        assert_eq!(told, (StatusCode::OK, Version::HTTP_11));
    }
    assert!(scene.connect(&["h3"]).await.is_err(), "nothing in common");
}

#[tokio::test]
async fn bytes_that_are_no_handshake_close_the_connection() {
    let scene = scene("plain").await;
    let mut wire = Wire::open(scene.gateway.api).await;
    wire.write("GET /v1/whoami HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let rest = wire.rest().await;
    assert!(!rest.starts_with(b"HTTP/"), "{rest:?}");
    // Who says nothing is cut when a head would be.
    let mut silent = TcpStream::connect(scene.gateway.api).await.expect("a connection");
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(SOON, silent.read(&mut buffer)).await;
    let read = read.expect("the server closes");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    let mut sender = scene.http1(&[]).await;
    assert_eq!(
        scene.ask(&mut sender).await.0,
        StatusCode::OK,
        "others are served"
    );
}

#[tokio::test]
async fn a_hangup_has_the_certificate_read_again() {
    let scene = scene("hangup").await;
    let first = certificate_in(&scene.shown);
    assert_eq!(scene.shown_now().await, first);
    let mut old = scene.http1(&[]).await;
    assert_eq!(scene.ask(&mut old).await.0, StatusCode::OK);

    let next = scene.authority.certify("second", "DNS:gateway.example");
    let second = certificate_in(&next);
    std::fs::copy(&next.chain, &scene.shown.chain).expect("copied");
    std::fs::copy(&next.key, &scene.shown.key).expect("copied");
    assert_eq!(scene.shown_now().await, first, "not before it is told to");
    scene.gateway.signal("HUP");
    eventually("the new certificate is shown", SOON, || async {
        scene.shown_now().await == second
    })
    .await;
    let told = scene.ask(&mut old).await;
    assert_eq!(told.0, StatusCode::OK, "open connections go on");

    // What cannot be used is told, and the one in use stays.
    std::fs::write(&scene.shown.key, "no key").expect("written");
    scene.gateway.signal("HUP");
    eventually("it is told", SOON, || async {
        scene.gateway.log().contains("the certificate in use stays")
    })
    .await;
    assert_eq!(scene.shown_now().await, second);
    assert_eq!(scene.ask(&mut old).await.0, StatusCode::OK);
    assert!(scene.gateway.is_running());
}

#[tokio::test]
async fn it_does_not_start_with_files_that_do_not_fit() {
    let authority = Authority::new("unfit");
    let (one, other) = (
        authority.certify("one", "DNS:x"),
        authority.certify("other", "DNS:x"),
    );
    let database = Cluster::shared().database().await;
    let path = |file: &std::path::Path| file.display().to_string();
    for (chain, key, word) in [
        (path(&one.chain), path(&other.key), "do not fit"),
        (path(&one.key), path(&one.key), "holds no certificate"),
        (path(&one.chain), "/nowhere/key.pem".into(), "/nowhere/key.pem"),
    ] {
        let settings = [
            ("GATEWAY_SERVER__TLS_CERTIFICATE_FILE", chain.as_str()),
            ("GATEWAY_SERVER__TLS_KEY_FILE", key.as_str()),
        ];
        let errors = cli::refused(&database.url(), &["serve"], &settings);
        assert!(errors.contains(word), "{errors}");
    }
}

#[tokio::test]
async fn a_drain_ends_its_connections() {
    let scene = scene("drain").await;
    let mut idle = scene.http1(&[]).await;
    assert_eq!(scene.ask(&mut idle).await.0, StatusCode::OK);
    let address: SocketAddr = scene.gateway.api;
    let started = std::time::Instant::now();
    let status = scene.gateway.terminate().await;
    assert!(status.success());
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "not held up by who is idle"
    );
    assert!(TcpStream::connect(address).await.is_err());
}
