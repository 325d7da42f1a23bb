//! Ends what this process started, also when it panics, aborts or is killed.
//!
//! A shell waits for the end of its standard input, which is this process's end. Everything that was started carries
//! the stage's folder in its command line, so the shell finds it there, ends it, and removes the folder.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The folder's name comes by standard input, so that the shell's own command line does not hold it.
const SCRIPT: &str = r#"
read -r folder
cat > /dev/null
for process in /proc/[0-9]*; do
    if tr '\0' ' ' < "$process/cmdline" 2> /dev/null | grep -qF "$folder"; then
        kill -9 "${process#/proc/}" 2> /dev/null
    fi
done
sleep 0.2
rm -rf "$folder"
"#;

struct Warden {
    folder: PathBuf,
    /// Its standard input is held open as long as this process lives.
    _shell: Child,
}

/// The folder of everything that this process starts.
pub fn folder() -> &'static Path {
    static WARDEN: OnceLock<Warden> = OnceLock::new();
    &WARDEN.get_or_init(start).folder
}

fn start() -> Warden {
    let name = format!("gateway-stage-{}", uuid::Uuid::now_v7().simple());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).expect("a folder for the stage");
    // PostgreSQL runs as another user where this process is root.
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o711)).expect("passable");
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C at the terminal is not for the warden.
        .process_group(0)
        .spawn()
        .expect("a shell");
    let input = shell.stdin.as_mut().expect("piped");
    writeln!(input, "{}", folder.display()).expect("the warden listens");
    Warden {
        folder,
        _shell: shell,
    }
}

/// Sends a signal, by its name, to a process that this one started.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .expect("kill");
    assert!(sent.success(), "{name} to {pid}");
}
