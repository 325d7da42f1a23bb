//! The PROXY protocol (haproxy.org, proxy-protocol.txt, versions 1 and 2): a TCP load balancer sends the client's address
//! before the client's bytes.
//!
//! Reads exactly the header, so that what follows (TLS or HTTP) is untouched.

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What both versions have at least, and the length of version 2's signature.
const FIRST: usize = 12;
const V2_SIGNATURE: &[u8; FIRST] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, and the length of the rest.
const V2_HEAD: usize = 16;
/// The longest line of version 1, by its specification.
const V1_LONGEST: usize = 107;
/// Addresses and the extensions that load balancers add; longer ones are refused.
const V2_LONGEST: usize = 2048;

const SETTINGS: ParseConfig = ParseConfig {
    include_tlvs: false,
    allow_v1: true,
    allow_v2: true,
};

/// Reads the header, which has to be there. `None`: the connection is the load balancer's own, a health check.
pub async fn read_client<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; FIRST];
    stream.read_exact(&mut header).await?;
    if header == V2_SIGNATURE {
        read_v2(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        read_v1(stream, &mut header).await?;
    } else {
        return Err(malformed("a PROXY header was expected"));
    }
    let (parsed, length) =
        ProxyHeader::parse(&header, SETTINGS).map_err(|fault| malformed(&fault.to_string()))?;
    if length != header.len() {
        return Err(malformed("the PROXY header ends before its length"));
    }
    match parsed.proxied_address() {
        None => Ok(None),
        Some(address) if address.protocol == Protocol::Stream => Ok(Some(address.source)),
        Some(_) => Err(malformed("the PROXY header is not about TCP")),
    }
}

/// Once in a connection's life, a line of a hundred bytes: reading it byte by byte leaves the rest untouched.
async fn read_v1<S: AsyncRead + Unpin>(stream: &mut S, header: &mut Vec<u8>) -> io::Result<()> {
    while !header.ends_with(b"\r\n") {
        if header.len() == V1_LONGEST {
            return Err(malformed("the PROXY line is too long"));
        }
        header.push(stream.read_u8().await?);
    }
    Ok(())
}

async fn read_v2<S: AsyncRead + Unpin>(stream: &mut S, header: &mut Vec<u8>) -> io::Result<()> {
    header.resize(V2_HEAD, 0);
    stream.read_exact(&mut header[FIRST..]).await?;
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if V2_HEAD + rest > V2_LONGEST {
        return Err(malformed("the PROXY header is too long"));
    }
    header.resize(V2_HEAD + rest, 0);
    stream.read_exact(&mut header[V2_HEAD..]).await?;
    Ok(())
}

fn malformed(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, usize) {
        let client = read_client(&mut bytes).await;
        (client, bytes.len())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(rest.len()).expect("short").to_be_bytes());
        header.extend(rest);
        header
    }

    const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80];

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_rest() {
        let client: SocketAddr = "192.0.2.7:8080".parse().expect("an address");
        let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\nGET / HTTP/1.1\r\n";
        let (found, left) = read(line).await;
        assert_eq!((found.expect("valid"), left), (Some(client), 16));

        let mut bytes = v2(1, 0x11, &IPV4);
        bytes.extend(b"rest");
        let (found, left) = read(&bytes).await;
        assert_eq!((found.expect("valid"), left), (Some(client), 4));

        let mut with_extension = IPV4.to_vec();
        with_extension.extend([0x04, 0, 3, 1, 2, 3]);
        let (found, left) = read(&v2(1, 0x11, &with_extension)).await;
        assert_eq!((found.expect("valid"), left), (Some(client), 0));
    }

    #[tokio::test]
    async fn the_balancers_own_connections_name_nobody() {
        assert_eq!(read(b"PROXY UNKNOWN\r\n").await.0.expect("valid"), None);
        assert_eq!(read(&v2(0, 0, &[])).await.0.expect("valid"), None);
    }

    #[tokio::test]
    async fn anything_else_is_refused_without_a_panic() {
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let huge = v2(1, 0x11, &[0; 4000]);
        let bad: [&[u8]; 7] = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 nobody 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7",
            &endless,
            &huge,
            &v2(1, 0x11, &[1, 2, 3]),
            &v2(1, 0x12, &IPV4),
        ];
        for bytes in bad {
            assert!(read(bytes).await.0.is_err(), "{}", bytes.escape_ascii());
        }
        for seed in 0..20_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let rest: Vec<u8> = (0..random.usize(..60)).map(|_| random.u8(..)).collect();
            let _ = read(&v2(random.u8(..16), random.u8(..), &rest)).await;
            let _ = read(&[b"PROXY TCP6 ".as_slice(), &rest, b"\r\n"].concat()).await;
        }
    }
}
