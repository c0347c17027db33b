//! A real server process on a free port, and an HTTP client that shows every byte.
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

/// Long enough for a busy machine; a test that gets here has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server, ended with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Everything it logs.
    log: mpsc::Receiver<String>,
}

/// Where the topologies that ship are.
pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../topo/data").join(name)
}

/// The program, without arguments yet.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-server"));
    command.env_remove("ALTO_ADMIN_TOKEN");
    command
}

/// Runs the program to its end: exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = program().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

impl Server {
    /// Serves a topology that ships.
    pub(crate) fn of(topology: &str) -> Self {
        Self::with(&["--topology", data(topology).to_str().unwrap()])
    }

    /// Serves a topology that ships, with more arguments.
    pub(crate) fn of_with(topology: &str, more: &[&str]) -> Self {
        let path = data(topology);
        let mut arguments = vec!["--topology", path.to_str().unwrap()];
        arguments.extend(more);
        Self::with(&arguments)
    }

    /// Serves with these arguments on a free port of 127.0.0.1.
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
        // Reads on to the end, so that the server never waits for us.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        // From here on dropping ends the process, whatever happens.
        let mut server = Self { address: ([0, 0, 0, 0], 0).into(), child, log };
        let line = server.wait_for_log("listening on http");
        server.address = line.split("://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        server
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Waits for a line of the log that contains `text`.
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

    /// The next line of the log; nothing once the process is over.
    pub(crate) fn next_log_line(&self) -> Option<String> {
        self.log.recv_timeout(PATIENCE).ok()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process; its exit code, if it was not killed.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(self.address)
    }

    /// Asks an ALTO resource.
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
