//! A raw connection, for what no well-behaved client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(60);

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

impl Answer {
    /// The JSON body of an answer that must have this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).expect("JSON")
    }
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

    /// Writes a piece of a body whose length was not announced; an empty one is its end.
    pub async fn write_chunk(&mut self, piece: impl AsRef<[u8]>) {
        let piece = piece.as_ref();
        let head = format!("{:x}\r\n", piece.len());
        self.write([head.as_bytes(), piece, b"\r\n"].concat()).await;
    }

    /// Reads on until this was among what arrived, all of which stays to be read.
    pub async fn wait_for(&mut self, text: &str) {
        let arriving = async {
            while !String::from_utf8_lossy(&self.buffer).contains(text) {
                let count = self.stream.read_buf(&mut self.buffer).await.expect("more");
                assert_ne!(count, 0, "it ended without {text}");
            }
        };
        tokio::time::timeout(LIMIT, arriving).await.expect(text);
    }

    /// What arrived and was not read off yet.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
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
