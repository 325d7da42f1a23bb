//! The command line, run as an operator would.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::warden;

const ANY_PORTS: &[(&str, &str)] = &[
    ("GATEWAY_SERVER__LISTEN", "127.0.0.1:0"),
    ("GATEWAY_OPERATIONS__LISTEN", "127.0.0.1:0"),
];
/// Migrations may wait a minute for a lock.
const LIMIT: Duration = Duration::from_secs(120);

/// The gateway's binary, which Cargo names to the integration tests of its package.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("CARGO_BIN_EXE_gateway");
    path.expect("CARGO_BIN_EXE_gateway is set, as cargo test does")
        .into()
}

/// The binary with nothing of this process's environment but the path.
pub fn command(url: Option<&str>, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(warden::folder())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    if let Some(url) = url {
        command.env("GATEWAY_DATABASE__URL", url);
    }
    command.envs(environment.iter().copied());
    command
}

/// `gateway dev` in a folder of its own, on any ports; without the address of a database on a server of its own.
pub fn dev_command(url: Option<&str>) -> Command {
    let folder = warden::folder().join(format!("dev-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("a folder");
    // PostgreSQL runs as another user where this process is root.
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o711)).expect("passable");
    let file = folder.join("gateway.toml");
    std::fs::write(&file, "").expect("an empty configuration");
    let path = file.to_str().expect("UTF-8");
    let mut command = command(url, &["dev", "--config", path], ANY_PORTS);
    command.current_dir(folder);
    command
}

/// Runs a command to its end. One that does not end, such as a `serve` that should be refused, is killed, and the test fails.
pub fn run(url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command(Some(url), arguments, environment);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the gateway runs");
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(LIMIT) {
        Ok(output) => output.expect("the gateway ran"),
        Err(_) => {
            warden::signal(pid, "KILL");
            let written = receiver.recv().map(|output| output.expect("the gateway ran"));
            panic!("{arguments:?} did not end within {LIMIT:?}: {written:?}");
        }
    }
}

/// Runs a command that must succeed; what it printed.
pub fn succeed(url: &str, arguments: &[&str]) -> String {
    let output = run(url, arguments, &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// Runs a command, or a `serve`, that must be refused: it exits with 1 and prints nothing. What it says instead.
pub fn refused(url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let settings: Vec<_> = ANY_PORTS.iter().chain(environment).copied().collect();
    let output = run(url, arguments, &settings);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    errors
}

/// Makes a key that holds `scopes`.
pub fn make_key(url: &str, workspace: &str, scopes: &str) -> String {
    let mut arguments = vec!["keys", "create", "--workspace", workspace];
    arguments.extend(["--name", "test", "--scopes", scopes]);
    let key = succeed(url, &arguments);
    assert!(
        key.starts_with("sk_") && key.len() == 67,
        "the key alone is printed"
    );
    key
}
