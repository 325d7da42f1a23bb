//! HTTP itself, as hostile and as sloppy clients speak it, over raw sockets.

mod framing;
mod heads;
mod protocols;
mod slow;
mod tls;
mod torn;
