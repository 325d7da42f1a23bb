//! The sockets, bound before anything else happens.

use std::net::SocketAddr;

use super::StartError;
use crate::config::Config;
use crate::http::transport::listener::Listener;
use crate::http::transport::timed_io::Waits;
use crate::http::transport::tls::Certificate;

/// All listeners. A taken port is reported at once.
pub struct Bound {
    pub(super) api: Listener,
    /// Serves requests to sources alone.
    pub(super) sources: Option<Listener>,
    pub(super) operations: Listener,
    pub(super) certificate: Option<Certificate>,
}

impl Bound {
    /// Binds all listeners.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let certificate = config.server.tls.as_ref().map(Certificate::load).transpose()?;
        let waits = Waits {
            head: config.server.head_timeout,
            idle: config.server.idle_timeout,
            write: config.server.body_timeout,
        };
        let bind = |what, setting, address, certificate| {
            Listener::bind(address, waits, config.server.max_connections, certificate).map_err(|source| {
                StartError::Bind {
                    what,
                    address,
                    setting,
                    source,
                }
            })
        };
        let listen = config.server.listen;
        let mut api = bind("the API", "GATEWAY_SERVER__LISTEN", listen, certificate.clone())?;
        if config.server.proxy_protocol {
            api = api.behind(config.server.trusted_proxies.clone());
        }
        let mut sources = None;
        if let Some(listen) = config.sources.listen {
            let bound = bind("sources", "GATEWAY_SOURCES__LISTEN", listen, certificate.clone())?;
            sources = Some(match config.server.proxy_protocol {
                true => bound.behind(config.server.trusted_proxies.clone()),
                false => bound,
            });
        }
        let listen = config.operations.listen;
        let operations = bind("operations", "GATEWAY_OPERATIONS__LISTEN", listen, None)?;
        Ok(Self {
            api,
            sources,
            operations,
            certificate,
        })
    }

    /// The addresses of the API and of operations.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.api.address()?, self.operations.address()?))
    }
}
