//! A server process on a free port, a raw HTTP client, and peers of the registry.
#![allow(clippy::format_push_string, reason = "not worth an import")]

pub(crate) mod http;
pub(crate) mod swarm;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) use http::{Answer, Request};

/// Time limit of every wait, generous enough for a busy machine. A test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Running server process, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Lines of the log that were not read yet.
    log: mpsc::Receiver<String>,
}

/// Path of a file in `topo/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../topo/data").join(name)
}

/// Command that runs `alto-server`, without arguments.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-server"));
    command.env_remove("ALTO_ADMIN_TOKEN");
    command
}

/// Runs the program until it exits. Returns exit code, standard output and standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = program().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

impl Server {
    /// Serves a topology of `topo/data`.
    pub(crate) fn of(topology: &str) -> Self {
        Self::with(&["--topology", data(topology).to_str().unwrap()])
    }

    /// Serves a topology of `topo/data`, with additional arguments.
    pub(crate) fn of_with(topology: &str, more: &[&str]) -> Self {
        let path = data(topology);
        let mut arguments = vec!["--topology", path.to_str().unwrap()];
        arguments.extend(more);
        Self::with(&arguments)
    }

    /// Serves on a free port of 127.0.0.1, with the given arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        Self::start(&mut command)
    }

    /// Starts a prepared command and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = mpsc::channel();
        // Drains the log to its end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        // From here on, a panic drops the server and so kills the process.
        let mut server = Self { address: ([0, 0, 0, 0], 0).into(), child, log };
        let line = server.wait_for_log("listening on http");
        server.address = line.split("://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        server
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Waits for a log line that contains `text`, and returns it.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
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
    pub(crate) fn next_log_line(&self) -> Option<String> {
        self.log.recv_timeout(PATIENCE).ok()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the process exits. Returns its exit code, or `None` if a signal killed it.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(self.address)
    }

    /// Posts a body of the given media type.
    pub(crate) fn post(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Request::new("POST", path).field("Content-Type", media_type).body(body).send(self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
