//! A DNS server that says what it is told to, and lets nobody keep it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// What it says of every name.
#[derive(Debug, Clone)]
pub enum Says {
    /// These addresses, for no longer than this moment.
    Addresses(Vec<Ipv4Addr>),
    /// There is no such name.
    Nothing,
    /// No answer at all.
    Silence,
}

/// A DNS server over UDP; dropped, it is gone.
pub struct NameServer {
    pub address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked_count: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// Starts one that says this.
    pub async fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let says = Arc::new(Mutex::new(says));
        let asked_count = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(socket, says.clone(), asked_count.clone()));
        Self {
            address,
            says,
            asked_count,
            _tasks: tasks,
        }
    }

    /// Has it say something else from now on.
    pub fn say(&self, says: Says) {
        *self.says.lock().expect("unpoisoned") = says;
    }

    /// How many questions came so far.
    pub fn asked_count(&self) -> usize {
        self.asked_count.load(Ordering::SeqCst)
    }
}

async fn serve(socket: UdpSocket, says: Arc<Mutex<Says>>, asked_count: Arc<AtomicUsize>) {
    let mut buffer = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        asked_count.fetch_add(1, Ordering::SeqCst);
        let says = says.lock().expect("unpoisoned").clone();
        if let Some(reply) = reply(&buffer[..length], &says) {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// The reply to one question (RFC 1035, 4.1).
fn reply(query: &[u8], says: &Says) -> Option<Vec<u8>> {
    let mut end = 12;
    while *query.get(end)? != 0 {
        end += usize::from(query[end]) + 1;
    }
    let question = query.get(12..end + 5)?;
    let is_address = question[question.len() - 4..question.len() - 2] == [0, 1];
    let (code, addresses): (u8, &[Ipv4Addr]) = match says {
        Says::Silence => return None,
        Says::Nothing => (3, &[]),
        Says::Addresses(addresses) if is_address => (0, addresses),
        Says::Addresses(_) => (0, &[]),
    };
    let mut reply = query[..2].to_vec();
    // An authoritative reply to one question, with so many answers and nothing else.
    reply.extend([
        0x85,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(addresses.len()).ok()?,
        0,
        0,
        0,
        0,
    ]);
    reply.extend(question);
    for address in addresses {
        // The name of the question, an address, of the Internet, for 0 s, of 4 bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
