//! The program `alto-server`, built from the current sources and started on a free port.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::SystemTime;

use crate::http::{Answer, Request};
use crate::patience::PATIENCE;

/// Environment variable with the administrator's token, which must not leak from the developer's shell into a test.
const ADMIN_TOKEN: &str = "ALTO_ADMIN_TOKEN";

/// Running server process, killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    scheme: String,
    /// Lines of the log that were not read yet.
    log: mpsc::Receiver<String>,
}

/// Path of a file in `topo/data`.
pub fn data(name: &str) -> PathBuf {
    workspace().join("topo/data").join(name)
}

/// Command that runs `alto-server`, without arguments.
pub fn program() -> Command {
    let mut command = Command::new(path());
    command.env_remove(ADMIN_TOKEN);
    command
}

/// Path of the program, which is built first if it is older than its sources, because cargo does not build the programs
/// of other packages for a test.
pub fn path() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // Set in the server's own tests, for which cargo has built it.
        if let Some(built) = std::env::var_os("CARGO_BIN_EXE_alto-server") {
            return built.into();
        }
        // The test is TARGET/PROFILE/deps/NAME-HASH.
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().unwrap().parent().unwrap();
        let program = profile.join("alto-server");
        let built = program.metadata().and_then(|metadata| metadata.modified());
        if built.is_ok_and(|built| built >= newest_source()) {
            return program;
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace()).args(["build", "--quiet", "--package", "alto-server", "--features", "redis"]);
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "alto-server does not build");
        program
    })
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Time of the last change to the sources that the server is built from.
fn newest_source() -> SystemTime {
    let mut folders: Vec<PathBuf> =
        ["alto-history", "alto-registry", "alto-selection", "alto-server", "alto-types", "command-line", "topo"]
            .map(|name| workspace().join(name))
            .into();
    let mut newest = workspace().join("Cargo.lock").metadata().unwrap().modified().unwrap();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            if metadata.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| ["rs", "toml", "lua"].iter().any(|known| extension == *known))
            {
                newest = newest.max(metadata.modified().unwrap());
            }
        }
    }
    newest
}

impl Server {
    /// Serves a topology of `topo/data`.
    pub fn of(topology: &str) -> Self {
        Self::of_with(topology, &[])
    }

    /// Serves a topology of `topo/data`, with additional arguments.
    pub fn of_with(topology: &str, more: &[&str]) -> Self {
        let path = data(topology);
        Self::with(&[&["--topology", path.to_str().unwrap()], more].concat())
    }

    /// Serves on a free port of 127.0.0.1, with the given arguments.
    pub fn with(arguments: &[&str]) -> Self {
        Self::start(program().args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts a prepared command and waits until it listens.
    pub fn start(command: &mut Command) -> Self {
        if !command.get_envs().any(|(name, value)| name == ADMIN_TOKEN && value.is_some()) {
            command.env_remove(ADMIN_TOKEN);
        }
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        // Drains the log to its end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        // From here on, a panic drops the server and so kills the process.
        let mut server = Self { address: ([0, 0, 0, 0], 0).into(), scheme: String::new(), child, log };
        let line = server.wait_for_log("listening on http");
        let (before, after) = line.split_once("://").unwrap();
        server.scheme.push_str(before.rsplit(' ').next().unwrap());
        server.address = after.split('/').next().unwrap().parse().unwrap();
        server
    }

    /// URI of the directory.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.origin())
    }

    /// Origin of all URIs: scheme, address and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Waits for a log line that contains `text`, and returns it.
    pub fn wait_for_log(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let Some(line) = self.next_log_line() else {
                panic!("{text:?} was never logged:\n{}", seen.join("\n"));
            };
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
    }

    /// Next line of the log, or `None` once the process has exited.
    pub fn next_log_line(&self) -> Option<String> {
        self.log.recv_timeout(PATIENCE).ok()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the process exits. Returns its exit code, or `None` if a signal killed it.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(self.address)
    }

    /// Posts a body of the given media type.
    pub fn post(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Request::new("POST", path).field("Content-Type", media_type).body(body).send(self.address)
    }

    /// Kills the process, as a crash would.
    pub fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
