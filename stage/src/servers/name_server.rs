//! A DNS server that says what it is told to, and lets nobody keep it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// What it says of every name.
#[derive(Debug, Clone)]
pub enum Says {
    /// These addresses, for no longer than this moment.
    Addresses(Vec<Ipv4Addr>),
    /// Addresses of both families.
    Both(Vec<Ipv4Addr>, Vec<Ipv6Addr>),
    /// These addresses, and no answer at all to who asks for those of IPv6.
    V4Alone(Vec<Ipv4Addr>),
    /// There is no such name.
    Nothing,
    /// There is no such name, and so many seconds nobody need ask again.
    NothingFor(u32),
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

/// The kinds of record that are told apart.
const A: u8 = 1;
const AAAA: u8 = 28;

/// The reply to one question (RFC 1035, 4.1).
fn reply(query: &[u8], says: &Says) -> Option<Vec<u8>> {
    let mut end = 12;
    while *query.get(end)? != 0 {
        end += usize::from(query[end]) + 1;
    }
    let question = query.get(12..end + 5)?;
    let kind = question[question.len() - 3];
    let v4 = |addresses: &[Ipv4Addr]| {
        addresses
            .iter()
            .map(|address| address.octets().to_vec())
            .collect()
    };
    let v6 = |addresses: &[Ipv6Addr]| {
        addresses
            .iter()
            .map(|address| address.octets().to_vec())
            .collect()
    };
    let addresses: Vec<Vec<u8>> = match (says, kind) {
        (Says::Silence, _) | (Says::V4Alone(_), AAAA) => return None,
        (Says::Addresses(all) | Says::Both(all, _) | Says::V4Alone(all), A) => v4(all),
        (Says::Both(_, all), AAAA) => v6(all),
        _ => Vec::new(),
    };
    let code = match says {
        Says::Nothing | Says::NothingFor(_) => 3,
        _ => 0,
    };
    let authorities = u8::from(matches!(says, Says::NothingFor(_)));
    let mut reply = query[..2].to_vec();
    // An authoritative reply to one question, with so many answers and authorities.
    let count = u8::try_from(addresses.len()).ok()?;
    reply.extend([0x85, 0x80 | code, 0, 1, 0, count, 0, authorities, 0, 0]);
    reply.extend(question);
    for address in addresses {
        // The name of the question, this kind of address, of the Internet, for 0 s.
        reply.extend([
            0xc0,
            12,
            0,
            kind,
            0,
            1,
            0,
            0,
            0,
            0,
            0,
            u8::try_from(address.len()).ok()?,
        ]);
        reply.extend(address);
    }
    if let Says::NothingFor(seconds) = says {
        // The zone of the question's name (SOA): its last number says how long a name stays missing (RFC 2308).
        reply.extend([0xc0, 12, 0, 6, 0, 1]);
        reply.extend(seconds.to_be_bytes());
        reply.extend([0, 24, 0xc0, 12, 0xc0, 12]);
        for number in [1, 3600, 3600, 3600, *seconds] {
            reply.extend(number.to_be_bytes());
        }
    }
    Some(reply)
}
