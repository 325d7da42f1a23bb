//! A PostgreSQL cluster of its own and the gateway's own binary upon it, for as long as a test runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    pub port: u16,
    postmaster: Option<Child>,
}

impl Cluster {
    pub fn start() -> Self {
        let folder =
            std::env::temp_dir().join(format!("gateway-imports-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(&folder).expect("a folder");
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(&folder));
        }
        let programs = programs();
        run(unprivileged(&programs.join("initdb"))
            .args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"])
            .arg(folder.join("data")));
        let mut cluster = Self {
            folder,
            programs,
            port: free_port(),
            postmaster: None,
        };
        cluster.start_server();
        cluster
    }

    pub fn start_server(&mut self) {
        let data = self.folder.join("data");
        let child = unprivileged(&self.programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-k",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres");
        self.postmaster = Some(child);
        wait_for("postgres", || {
            let status = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            status.is_ok_and(|status| status.success())
        });
    }

    /// As a power cut would, for all that the server can tell.
    pub fn kill_server(&mut self) {
        let stopped = unprivileged(&self.programs.join("pg_ctl"))
            .args(["stop", "-s", "-w", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"))
            .status();
        assert!(stopped.is_ok_and(|status| status.success()));
        if let Some(mut child) = self.postmaster.take() {
            let _ = child.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What a query gives, one line a row.
    pub fn ask(&self, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["-XAtq", "-c", sql, &self.url()])
            .output()
            .expect("psql");
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.postmaster.is_some() {
            self.kill_server();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub struct Gateway {
    child: Child,
    pub api: SocketAddr,
    pub key: String,
    environment: Vec<(String, String)>,
}

impl Gateway {
    pub fn start(cluster: &Cluster, settings: &[(&str, &str)]) -> Self {
        let (api, operations) = (free_port(), free_port());
        let mut environment = vec![
            ("GATEWAY_SERVER__LISTEN".to_owned(), format!("127.0.0.1:{api}")),
            (
                "GATEWAY_OPERATIONS__LISTEN".to_owned(),
                format!("127.0.0.1:{operations}"),
            ),
            ("GATEWAY_DATABASE__URL".to_owned(), cluster.url()),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let mut gateway = Self {
            child: spawn(&environment),
            api: SocketAddr::from(([127, 0, 0, 1], api)),
            key: String::new(),
            environment,
        };
        gateway.wait_until_ready();
        gateway.key = gateway.command(&[
            "keys",
            "create",
            "--workspace",
            "default",
            "--name",
            "t",
            "--scopes",
            "*",
        ]);
        // A key that the command line made is known within a second.
        wait_for("the key", || gateway.get("/v1/whoami").status == 200);
        gateway
    }

    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .current_dir("/")
            .output()
            .expect("gateway");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn wait_until_ready(&self) {
        wait_for("the gateway", || TcpStream::connect(self.api).is_ok());
    }

    /// kill -9, and a new one in its place.
    pub fn kill_and_restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.environment);
        self.wait_until_ready();
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, json: &str) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            json.as_bytes(),
        )
    }

    pub fn patch(&self, path: &str, json: &str) -> Answer {
        self.send(
            "PATCH",
            path,
            &[("content-type", "application/json")],
            json.as_bytes(),
        )
    }

    pub fn import(&self, query: &str, body: &[u8]) -> Answer {
        self.send(
            "POST",
            &format!("/v1/imports?{query}"),
            &[("content-type", "text/csv")],
            body,
        )
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.open(
            method,
            path,
            headers,
            &format!("content-length: {}\r\n", body.len()),
        );
        // One who is refused early may find the connection closed.
        let _ = stream.write_all(body);
        Answer::read(stream)
    }

    /// Sends a head, and leaves the body to the caller.
    pub fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], framing: &str) -> TcpStream {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {}\r\n{framing}",
            self.key
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.api).expect("the gateway listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(head.as_bytes()).expect("the head is taken");
        stream
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(environment: &[(String, String)]) -> Child {
    let log = match std::env::var_os("GATEWAY_TEST_LOG") {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    };
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .arg("serve")
        .envs(environment.iter().cloned())
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("gateway")
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the reply leaves what was read.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head")
            + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let body = match head.contains("transfer-encoding: chunked") {
            true => unchunk(&bytes[end..]),
            false => bytes[end..].to_vec(),
        };
        Self { status, body }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = bytes
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a chunk's size");
        let size = std::str::from_utf8(&bytes[..line])
            .ok()
            .and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let size = size.expect("a size");
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}

pub fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("a command");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let mut found: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
    found.retain(|programs| programs.join("initdb").is_file());
    found.sort();
    found.pop().expect("a PostgreSQL server")
}
