//! `gateway dev`: everything on one machine, with nothing to set up.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cluster::{self, Cluster};
use super::{CommandError, console_link, keys, open_files, print, signals};
use crate::app::{self, Bound};
use crate::base::scope::Scopes;
use crate::base::seal;
use crate::base::secret::Secret;
use crate::base::stop::Stop;
use crate::config::Config;
use crate::db::{self, Db};
use crate::keys::model::{ApiKey, NewKey};
use crate::keys::token::Token;
use crate::keys::workspace_store;
use crate::telemetry::log;

const FOLDER: &str = ".gateway";
const KEY_FILE: &str = "key";
const SEALING_KEY_FILE: &str = "webhooks.secret_key";
const DEFAULT_WORKSPACE: &str = "default";
/// How long the link to the console can be used.
const CONSOLE_LINK: Duration = Duration::from_secs(3600);

/// Runs the gateway; without a configured database, on a cluster of its own that is stopped with it.
pub(super) async fn dev(mut config: Config, stop: Stop) -> Result<(), CommandError> {
    log::start(&config.telemetry)?;
    app::refuse_unbuilt(&config)?;
    signals::end_surely(&stop, config.server.drain + cluster::STOP_TIMEOUT)?;
    open_files::raise(&mut config);
    // A port that is taken is told before anything is made.
    let bound = Bound::bind(&config)?;
    let (api, operations) = bound.addresses()?;
    tracing::info!(%api, %operations, version = env!("CARGO_PKG_VERSION"), "listening");
    let folder = Path::new(FOLDER);
    std::fs::create_dir_all(folder)?;
    let cluster = match config.database.url {
        Some(_) => None,
        None => {
            let cluster = Cluster::start(folder, &stop).await?;
            config.database.url = Some(Secret::new(cluster.url()));
            Some(cluster)
        }
    };
    let ran = match stop.is_asked() {
        true => Ok(()),
        false => run(config, bound, stop, folder).await,
    };
    if let Some(cluster) = cluster {
        cluster.stop().await?;
    }
    ran
}

async fn run(mut config: Config, bound: Bound, stop: Stop, folder: &Path) -> Result<(), CommandError> {
    if config.webhooks.secret_key.is_none() {
        config.webhooks.secret_key = Some(sealing_key(&folder.join(SEALING_KEY_FILE))?);
    }
    if config.webhooks.allow_cidrs.is_empty() {
        // A receiver on one's own machine is what one tries first.
        let loopback = ["127.0.0.0/8", "::1/128"].map(str::parse);
        config.webhooks.allow_cidrs = loopback.into_iter().flatten().collect();
    }
    let db = app::database(&config)?;
    let preparing = async {
        db::migrate(&db).await?;
        first_key(&db, &folder.join(KEY_FILE)).await
    };
    let key = tokio::select! {
        key = preparing => key?,
        _ = stop.asked() => return Ok(()),
    };
    let (api, operations) = bound.addresses()?;
    let scheme = if config.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let base = match &config.server.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => format!("{scheme}://{api}"),
    };
    let mut link = String::from("switched off: console.enabled is false");
    if config.console.is_enabled {
        let id = crate::keys::store::find_id(&*db.client().await?, &key).await?;
        let gone = || CommandError::Refused("the first key is gone".into());
        let keep = |made: &str| {
            made.clone_into(&mut link);
            Ok(())
        };
        console_link::make(&db, id.ok_or_else(gone)?, &base, CONSOLE_LINK, keep).await?;
    }
    print(&welcome(&format!("{scheme}://{api}"), operations, &key, &link))?;
    app::run(config, bound, stop).await?;
    Ok(())
}

/// The key of earlier runs if it still works, else a new one.
async fn first_key(db: &Db, file: &Path) -> Result<String, CommandError> {
    if let Ok(text) = std::fs::read_to_string(file) {
        let key = text.trim().to_owned();
        if crate::keys::store::is_live(db, &key).await? {
            return Ok(key);
        }
    }
    let client = db.client().await?;
    let workspace = workspace_store::find(&client, DEFAULT_WORKSPACE).await?;
    let missing = || CommandError::Refused("the default workspace is gone".into());
    let new = NewKey {
        name: "first key".into(),
        scopes: Scopes::all(),
        expires_at: None,
        ip_allowlist: None,
        rate_limit_per_second: None,
        rotated_from: None,
    };
    let mut made = String::new();
    let keep = |_: &ApiKey, token: &Token| {
        token.expose().clone_into(&mut made);
        Ok(write_private(file, token.expose())?)
    };
    keys::make(db, workspace.ok_or_else(missing)?, &new, keep).await?;
    Ok(made)
}

fn sealing_key(file: &Path) -> Result<Secret<[u8; 32]>, CommandError> {
    if let Ok(text) = std::fs::read_to_string(file) {
        let bytes = STANDARD
            .decode(text.trim())
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let damaged = || CommandError::Refused(format!("{} is damaged", file.display()));
        return bytes.map(Secret::new).ok_or_else(damaged);
    }
    let bytes = seal::random().map_err(|fault| CommandError::Refused(fault.to_string()))?;
    write_private(file, &STANDARD.encode(bytes))?;
    Ok(Secret::new(bytes))
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut opened = options.open(file)?;
    opened.set_permissions(PermissionsExt::from_mode(0o600))?;
    opened.write_all(text.as_bytes())
}

fn welcome(api: &str, operations: SocketAddr, key: &str, link: &str) -> String {
    format!(
        r#"
  Sentinel Gateway
    API         {api}   (docs: {api}/docs)
    Console     {link}
                (signs in once, within an hour; `gateway console-link` prints another)
    Operations  http://{operations}/readyz  /metrics
    First key   {key}

  Paste these into another terminal, one after the other:

    # 1. A small receiver on port 9000 that prints what it gets
    python3 -u -c '
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(self.headers["X-Sentinel-Event"], self.headers["X-Sentinel-Signature"], body.decode())
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()' &

    # 2. A webhook to it
    export KEY={key}
    curl -s {api}/v1/webhooks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
      -d '{{"name": "first", "url": "http://127.0.0.1:9000/hook", "events": ["deal.won"]}}' | tee {FOLDER}/webhook.json

    # 3. An event
    curl -s {api}/v1/events -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
      -d '{{"type": "deal.won", "data": {{"deal": "Renewal", "amount": 1200.50}}}}'

    # 4. The delivery log
    sleep 1; curl -s -H "Authorization: Bearer $KEY" \
      {api}/v1/webhooks/$(grep -o 'wh_[0-9a-f-]*' {FOLDER}/webhook.json | head -1)/deliveries

  Stop with Ctrl-C. Everything is kept in {FOLDER}/.
"#
    )
}
