//! Ports for servers that cannot tell which one they took.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what the system gives out by itself, to clients and to servers that ask for any port: nobody takes one of
/// these by chance between the look and the server's start.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

/// A port that nothing listens at, and that this process gives out once.
pub fn unused_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at the same time begin at different places.
    let offset = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let spread = (u32::from(offset) * 101 + u32::from(step)) % u32::from(COUNT);
        let port = FIRST + spread as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} on is unused");
}
