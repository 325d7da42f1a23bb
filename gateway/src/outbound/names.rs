//! Names to addresses: the hosts file first, then DNS with one query for each family (RFC 8305).
//!
//! A name with a dot is absolute, so that no search domain is appended to it; a single label is looked up as the
//! system's search list has it. `/etc/resolv.conf` and `/etc/hosts` are read again when they change.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::hosts::Hosts;
use super::stamp::Stamp;

/// How long addresses of IPv4 wait for those of IPv6 (RFC 8305, 3).
const WAIT_FOR_V6: Duration = Duration::from_millis(50);
/// How long addresses of IPv6 wait for those of IPv4, without which an instance that has no way out over IPv6 could
/// reach nothing.
const WAIT_FOR_V4: Duration = Duration::from_millis(250);
/// A name that was missing is asked for again after this, whatever its zone says: the first retry finds it.
const MISSING: Duration = Duration::from_secs(2);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameFault {
    #[error("{0} is not a name that can be looked up")]
    Malformed(String),
    #[error("there is no such name as {0}")]
    Missing(String),
    #[error("{0} has no address")]
    NoAddress(String),
    #[error("the name server answered {code} for {name}")]
    Refused { name: String, code: ResponseCode },
    #[error("the name server did not answer for {0}")]
    Silent(String),
    #[error("{name} cannot be looked up: {fault}")]
    Other { name: String, fault: NetError },
}

/// Why names cannot be looked up at all.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Settings(#[from] NetError),
}

/// Where the system says how names are looked up.
#[derive(Debug)]
struct Files {
    resolv_conf: PathBuf,
    hosts: PathBuf,
}

struct Source {
    hosts: Hosts,
    resolver: TokioResolver,
}

struct Watch {
    looked: Instant,
    stamps: [Option<Stamp>; 2],
}

/// Looks names up.
pub(super) struct Names {
    files: Files,
    /// The name server that is asked instead of the system's.
    server: Option<SocketAddr>,
    source: ArcSwap<Source>,
    watch: Mutex<Watch>,
}

impl Names {
    /// As the system's files say, or with `server` in place of the system's name servers.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, NamesError> {
        Self::of(
            server,
            Files {
                resolv_conf: "/etc/resolv.conf".into(),
                hosts: "/etc/hosts".into(),
            },
        )
    }

    fn of(server: Option<SocketAddr>, files: Files) -> Result<Self, NamesError> {
        // The stamps first: a change while the files are read is seen at the next look.
        let stamps = files.stamps();
        let source = files.read(server)?;
        Ok(Self {
            files,
            server,
            source: ArcSwap::from_pointee(source),
            watch: Mutex::new(Watch {
                looked: Instant::now(),
                stamps,
            }),
        })
    }

    /// All addresses of a name, the families in turn, IPv6 first.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NameFault> {
        self.read_again_if_changed();
        let source = self.source.load_full();
        let listed = source.hosts.addresses(name);
        if !listed.is_empty() {
            let (v6, v4) = listed.iter().partition(|address| address.is_ipv6());
            return Ok(interleaved(v6, v4));
        }
        let asked = asked(name).ok_or_else(|| NameFault::Malformed(name.to_owned()))?;
        let v6 = ask(&source.resolver, asked.clone(), RecordType::AAAA);
        let v4 = ask(&source.resolver, asked, RecordType::A);
        let (v6, v4) = both(v6, v4).await;
        match (v6, v4) {
            (Err(_), Err(fault)) => Err(fault_of(name, fault)),
            (v6, v4) => match interleaved(v6.unwrap_or_default(), v4.unwrap_or_default()) {
                none if none.is_empty() => Err(NameFault::NoAddress(name.to_owned())),
                addresses => Ok(addresses),
            },
        }
    }

    fn read_again_if_changed(&self) {
        let Some(mut watch) = self.watch.try_lock() else {
            return;
        };
        if watch.looked.elapsed() < LOOK {
            return;
        }
        watch.looked = Instant::now();
        let stamps = self.files.stamps();
        if stamps == watch.stamps {
            return;
        }
        watch.stamps = stamps;
        match self.files.read(self.server) {
            Ok(source) => self.source.store(Arc::new(source)),
            // What was read before is better than nothing, and the next change is read again.
            Err(fault) => tracing::warn!(%fault, "the resolver's changed settings cannot be used"),
        }
    }
}

impl Files {
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.resolv_conf, &self.hosts].map(|path| Stamp::of(path))
    }

    fn read(&self, server: Option<SocketAddr>) -> Result<Source, NamesError> {
        let (config, mut options) = match server {
            Some(server) => (asking(server), ResolverOpts::default()),
            None => {
                let text = std::fs::read(&self.resolv_conf).map_err(|source| NamesError::Unreadable {
                    path: self.resolv_conf.clone(),
                    source,
                })?;
                parse_resolv_conf(text)?
            }
        };
        options.negative_max_ttl = Some(MISSING);
        // The hosts file is read here: the resolver's own reading knows no name with an underscore.
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Source {
            // A system without the file has no hosts.
            hosts: Hosts::parse(&std::fs::read(&self.hosts).unwrap_or_default()),
            resolver: builder.build()?,
        })
    }
}

fn asking(server: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    ResolverConfig::from_name_servers(vec![server])
}

/// The name as it is asked for: no search domain is appended to one with a dot.
fn asked(name: &str) -> Option<Name> {
    // The reading for host names refuses an underscore.
    let mut asked = Name::from_ascii(name).ok()?;
    if name.contains('.') {
        asked.set_fqdn(true);
    }
    Some(asked)
}

async fn ask(resolver: &TokioResolver, name: Name, kind: RecordType) -> Result<Vec<IpAddr>, NetError> {
    let found = resolver.lookup(name, kind).await?;
    let records = found.answers().iter();
    Ok(records.filter_map(|record| record.data.ip_addr()).collect())
}

type Found = Result<Vec<IpAddr>, NetError>;

/// Waits for both, and once one has addresses not much longer for the other.
async fn both(v6: impl Future<Output = Found>, v4: impl Future<Output = Found>) -> (Found, Found) {
    let (mut v6, mut v4) = (std::pin::pin!(v6), std::pin::pin!(v4));
    let is_some = |found: &Found| found.as_ref().is_ok_and(|found| !found.is_empty());
    tokio::select! {
        first = v6.as_mut() => {
            let second = match is_some(&first) {
                true => timeout(WAIT_FOR_V4, v4).await.unwrap_or(Err(NetError::Timeout)),
                false => v4.await,
            };
            (first, second)
        }
        first = v4.as_mut() => {
            let second = match is_some(&first) {
                true => timeout(WAIT_FOR_V6, v6).await.unwrap_or(Err(NetError::Timeout)),
                false => v6.await,
            };
            (second, first)
        }
    }
}

/// One of each family in turn (RFC 8305, 4).
fn interleaved(v6: Vec<IpAddr>, v4: Vec<IpAddr>) -> Vec<IpAddr> {
    let count = v6.len().max(v4.len());
    let at = |index: usize| [v6.get(index), v4.get(index)].into_iter().flatten().copied();
    (0..count).flat_map(at).collect()
}

fn fault_of(name: &str, fault: NetError) -> NameFault {
    let name = name.to_owned();
    match fault {
        NetError::Timeout | NetError::NoConnections => NameFault::Silent(name),
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            NameFault::Missing(name)
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError => {
            NameFault::NoAddress(name)
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => NameFault::Refused {
            name,
            code: none.response_code,
        },
        NetError::Dns(DnsError::ResponseCode(code)) => NameFault::Refused { name, code },
        fault => NameFault::Other { name, fault },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("names-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Files {
            resolv_conf: folder.join("resolv.conf"),
            hosts: folder.join("hosts"),
        }
    }

    /// Looks again and again, for the files are looked at once a second.
    async fn soon(is_so: impl AsyncFn() -> bool) {
        for _ in 0..100 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it is not so after 10 s");
    }

    #[tokio::test]
    async fn files_that_change_are_read_again() {
        let files = files();
        std::fs::write(&files.resolv_conf, "nameserver 127.0.0.1\n").expect("written");
        let (resolv_conf, hosts) = (files.resolv_conf.clone(), files.hosts.clone());
        let names = Names::of(None, files).expect("valid");
        let ndots = || names.source.load().resolver.options().ndots;
        assert_eq!(ndots(), 1);
        std::fs::write(&hosts, "127.0.0.7 my_receiver.example\n").expect("written");
        soon(async || names.addresses("my_receiver.example.").await.is_ok()).await;
        // A file that cannot be used leaves what was read before.
        std::fs::write(&resolv_conf, "").expect("written");
        soon(async || {
            names.read_again_if_changed();
            names.watch.lock().stamps == names.files.stamps()
        })
        .await;
        assert_eq!(ndots(), 1);
        std::fs::write(&resolv_conf, "nameserver 127.0.0.1\noptions ndots:7\n").expect("written");
        soon(async || {
            let found = names.addresses("my_receiver.example").await;
            assert_eq!(
                found.expect("listed"),
                ["127.0.0.7".parse::<IpAddr>().expect("valid")]
            );
            ndots() == 7
        })
        .await;
        std::fs::remove_dir_all(hosts.parent().expect("a folder")).expect("removed");
    }

    #[test]
    fn a_name_with_a_dot_is_absolute() {
        let is_absolute = |name: &str| asked(name).expect(name).is_fqdn();
        assert!(is_absolute("hooks.example") && is_absolute("hooks.example.") && is_absolute("hooks."));
        assert!(is_absolute("the_hooks.exam_ple"));
        assert!(!is_absolute("hooks"), "the search list completes it");
    }

    #[test]
    fn families_take_turns() {
        let of = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().expect("valid"))
                .collect::<Vec<IpAddr>>()
        };
        let all = interleaved(of(&["::1", "::2", "::3"]), of(&["127.0.0.1"]));
        assert_eq!(all, of(&["::1", "127.0.0.1", "::2", "::3"]));
        assert_eq!(interleaved(of(&[]), of(&["127.0.0.1"])), of(&["127.0.0.1"]));
    }
}
