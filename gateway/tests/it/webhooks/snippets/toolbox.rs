//! Compiles and runs a snippet with the tools of its language, where they are installed.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stage::warden;

/// What a program said of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    Invalid,
    /// It could not judge, and said so.
    Unusable,
}

/// The tools of one language.
pub struct Tools {
    language: &'static str,
    path: PathBuf,
}

/// A snippet that can be run.
pub struct Program {
    pub name: String,
    command: Vec<OsString>,
}

/// The tools of a language; `None` if they are not installed.
pub fn find(language: &str) -> Option<Tools> {
    let (language, names): (_, &[&str]) = match language {
        "shell" => ("shell", &["bash", "openssl"]),
        "python" => ("python", &["python3"]),
        "node" => ("node", &["node"]),
        "go" => ("go", &["go"]),
        "rust" => ("rust", &["rustc"]),
        "java" => ("java", &["javac", "java"]),
        other => panic!("no tools for {other}"),
    };
    let found: Option<Vec<PathBuf>> = names.iter().map(|name| installed(name)).collect();
    let path = found?.swap_remove(0);
    Some(Tools { language, path })
}

fn installed(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    // Where Go's own installer puts it, which is seldom in the path.
    folders.push("/usr/local/go/bin".into());
    let mut files = folders.into_iter().map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// Writes past the capture of a test that succeeds.
pub fn say_loudly(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n*** {text} ***\n");
}

impl Tools {
    /// Writes a snippet down and compiles it where that is needed.
    pub fn prepare(&self, filename: &str, code: &str) -> Program {
        let folder = warden::folder().join(format!("snippet {filename}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(filename);
        std::fs::write(&file, code).expect("written");
        let built = folder.join("built");
        let command: Vec<OsString> = match self.language {
            "go" => {
                let mut go = Command::new(&self.path);
                go.arg("build").arg("-o").args([&built, &file]);
                // Kept between runs: compiling Go's own library is what takes long.
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
                go.env("GOCACHE", kept.join("go"));
                go.env("GOPATH", kept.join("gopath")).env("GO111MODULE", "off");
                succeed(go);
                vec![built.into()]
            }
            "rust" => {
                self.compile_rust(&file, &built);
                vec![built.into()]
            }
            "java" => {
                let mut javac = Command::new(&self.path);
                javac.arg("-d").arg(&folder).arg(&file);
                succeed(javac);
                let class = file.file_stem().expect("a name").to_owned();
                let java = installed("java").expect("found before");
                let quick = ["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp"].map(OsString::from);
                let mut command = vec![java.into()];
                command.extend(quick);
                command.extend([folder.into(), class]);
                command
            }
            _ => vec![self.path.clone().into(), file.into()],
        };
        Program {
            name: filename.to_owned(),
            command,
        }
    }

    /// Against the crates that this test itself was built with: nothing is fetched.
    fn compile_rust(&self, file: &Path, built: &Path) {
        let test = std::env::current_exe().expect("this program");
        let deps = test.parent().expect("a folder");
        let mut faults = String::new();
        for ring in libraries(deps, "libring-") {
            for base64 in libraries(deps, "libbase64-") {
                let mut rustc = Command::new(&self.path);
                rustc.args(["--edition", "2021", "-D", "warnings", "-o"]);
                rustc.args([built, file]);
                let mut from = OsString::from("dependency=");
                from.push(deps);
                rustc.arg("-L").arg(from);
                for (name, library) in [("ring", &ring), ("base64", &base64)] {
                    let mut crate_at = OsString::from(format!("{name}="));
                    crate_at.push(library);
                    rustc.arg("--extern").arg(crate_at);
                }
                let output = rustc.output().expect("rustc runs");
                if output.status.success() {
                    return;
                }
                faults = String::from_utf8_lossy(&output.stderr).into_owned();
            }
        }
        panic!("{}: {faults}", file.display());
    }
}

/// The newest first: builds of older versions may lie beside them.
fn libraries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rlib"))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix)
        })
        .collect();
    let changed = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    found.sort_by_key(|path| std::cmp::Reverse(changed(path)));
    assert!(!found.is_empty(), "{prefix}*.rlib in {}", folder.display());
    found
}

fn succeed(mut command: Command) {
    let output = command.output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

impl Program {
    /// Gives it a message: the headers as arguments, the secret in its environment, the body on its input.
    pub fn run(&self, arguments: &[String], secret: &str, body: &[u8]) -> Verdict {
        let (program, first) = self.command.split_first().expect("a program");
        let mut child = Command::new(program)
            .args(first)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("WEBHOOK_SECRET", secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        // One that refuses its arguments reads nothing.
        let _ = child.stdin.take().expect("piped").write_all(body);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        match (output.status.code(), said.as_str()) {
            (Some(0), "valid") => Verdict::Valid,
            (Some(1), "invalid") => Verdict::Invalid,
            (Some(_), "") if !errors.contains("panicked") => Verdict::Unusable,
            (code, _) => panic!("{}: {code:?} {said:?} {errors}", self.name),
        }
    }
}
