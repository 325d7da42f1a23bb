//! A raw connection, for what no well-behaved client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(20);

/// A connection to write bytes to.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply taken off the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Wire {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Writes; a server that has closed already may refuse.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says that no more will come.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.expect("half closed");
    }

    /// Reads one reply; `None` if the connection ends without.
    pub async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(LIMIT, self.read_answer())
            .await
            .expect("an answer or the end")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(self.buffer[..head_end].to_vec())
            .ok()?
            .to_lowercase();
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Some(0), |length| length.trim().parse().ok())?;
        while self.buffer.len() < head_end + length {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
        let body = self.buffer[head_end..head_end + length].to_vec();
        self.buffer.drain(..head_end + length);
        Some(Answer { status, head, body })
    }

    /// Waits until the server closes; what it sent before.
    pub async fn rest(&mut self) -> Vec<u8> {
        let ending = async {
            while self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .is_ok_and(|count| count > 0)
            {}
        };
        tokio::time::timeout(LIMIT, ending)
            .await
            .expect("the server closes");
        std::mem::take(&mut self.buffer)
    }
}
