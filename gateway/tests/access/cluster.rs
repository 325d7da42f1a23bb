//! A PostgreSQL cluster in a temporary folder, removed with the value.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Cluster {
    pub port: u16,
    pub folder: PathBuf,
    programs: PathBuf,
    postmaster: Child,
}

impl Cluster {
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// `prepare` may write into the data folder and gives settings.
    pub fn start_with(prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("gateway-access-{}", unique()));
        std::fs::create_dir_all(&folder).unwrap();
        let data = folder.join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres:postgres").arg(&folder));
        }
        run(unprivileged()
            .arg(programs.join("initdb"))
            .args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"])
            .arg(&data));
        let settings = prepare(&data);
        let port = free_port();
        let mut command = unprivileged();
        command
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-k"])
            .arg(&data)
            .args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("postgres.log")).unwrap());
        for setting in settings {
            command.args(["-c", &setting]);
        }
        let postmaster = command.spawn().unwrap();
        let cluster = Self {
            port,
            folder,
            programs,
            postmaster,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while cluster.try_sql("select 1").is_none() {
            assert!(Instant::now() < deadline, "postgres did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The result of a statement, one row a line, columns separated by `|`.
    pub fn sql(&self, statement: &str) -> String {
        self.try_sql(statement)
            .unwrap_or_else(|| panic!("refused: {statement}"))
    }

    /// A session that waits for more statements on its input.
    pub fn session(&self) -> Child {
        self.psql()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn try_sql(&self, statement: &str) -> Option<String> {
        let output = self
            .psql()
            .args(["-c", statement])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        output.status.success().then_some(text)
    }

    fn psql(&self) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        // Over the socket, which needs no TLS.
        command
            .args([
                "-XAtq",
                "-U",
                "postgres",
                "-d",
                "postgres",
                "-p",
                &self.port.to_string(),
                "-h",
            ])
            .arg(self.folder.join("data"));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = unprivileged()
            .arg(self.programs.join("pg_ctl"))
            .args(["stop", "-s", "-w", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"))
            .status();
        let _ = self.postmaster.kill();
        let _ = self.postmaster.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A number that no other test of this or another run has.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// PostgreSQL refuses to run as root.
pub fn unprivileged() -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.current_dir("/");
    command
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("postgresql is installed");
    let folders = versions.map(|entry| entry.unwrap().path().join("bin"));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
        .expect("a server is installed")
}
