//! One keep-alive connection: write a request, read its reply, two system calls in the best case.

use super::response::{Response, parse};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Replies are a few hundred bytes; the room grows for the rare longer one, up to the cap.
const ROOM_BYTES: usize = 8 * 1024;
const LONGEST_REPLY_BYTES: usize = 4 * 1024 * 1024;

pub struct Connection {
    stream: TcpStream,
    room: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            room: vec![0; ROOM_BYTES],
        })
    }

    /// An error leaves the connection unusable.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            if filled == self.room.len() {
                if filled >= LONGEST_REPLY_BYTES {
                    bail!("a reply longer than {LONGEST_REPLY_BYTES} bytes");
                }
                self.room.resize(filled * 2, 0);
            }
            match self.stream.read(&mut self.room[filled..]).await? {
                0 => bail!("closed before its reply was whole"),
                read => filled += read,
            }
            if let Some(response) = parse(&self.room[..filled])? {
                // One request is out at a time, so more bytes than the reply answer nothing.
                if response.length < filled {
                    bail!("more bytes than one reply");
                }
                return Ok(response);
            }
        }
    }
}
