//! Running `alto-peer share` and `alto-peer run` processes, and what they tell.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alto_client::Client;
use alto_peer::registration::RegistryClient;
use serde_json::{Value, json};

/// Long enough for a busy machine; a test that gets here has failed.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A process with `--json`, killed with the test.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    events: Arc<Mutex<Vec<Value>>>,
    errors: Arc<Mutex<Vec<String>>>,
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-peer"));
    command.env_remove("ALTO_SERVER").env_remove("ALTO_LOG");
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub fn finished(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The registry as an outsider sees it.
pub fn registry(directory: &str) -> RegistryClient {
    let address = [127, 9, 9, 9].into();
    RegistryClient::new(Client::builder(directory).source(address).build().unwrap())
}

/// What the registry lists: name, complete, partial.
pub fn listed(registry: &RegistryClient) -> Vec<(String, usize, usize)> {
    let files = registry.files(None, None).unwrap().files;
    files.into_iter().map(|file| (file.name, file.complete, file.partial)).collect()
}

/// Bytes in which no two blocks are equal.
pub fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend((state >> 16).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Writes a `peers.json` with these peers.
pub fn peers_file(folder: &Path, directory: &str, peers: &[Value]) -> PathBuf {
    let path = folder.join("peers.json");
    let file =
        json!({"server": directory, "defaults": {"port": 0, "refresh": 1, "piece-size": "64KiB"}, "peers": peers});
    std::fs::write(&path, file.to_string()).unwrap();
    path
}

/// `alto-peer run` of one of them.
pub fn run(config: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = program();
    command.arg("run").arg("--config").arg(config).args(["--name", name, "--json"]).args(more);
    command
}

impl Running {
    /// Standard input stays open until the test closes it.
    pub fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let errors = Arc::<Mutex<Vec<String>>>::default();
        let (heard, complaints) = (Arc::clone(&events), Arc::clone(&errors));
        let (stdout, stderr) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                heard.lock().unwrap().push(event);
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                complaints.lock().unwrap().push(line);
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, events, errors }
    }

    pub fn of(&self, kind: &str) -> Vec<Value> {
        self.events.lock().unwrap().iter().filter(|event| event["event"] == kind).cloned().collect()
    }

    /// Waits until so many events of a kind were told; the last of them.
    pub fn wait_for(&self, kind: &str, count: usize) -> Value {
        let start = Instant::now();
        loop {
            if let Some(event) = self.of(kind).into_iter().nth(count - 1) {
                return event;
            }
            let (events, errors) = (self.events.lock().unwrap(), self.errors.lock().unwrap());
            assert!(start.elapsed() < PATIENCE, "no {count} times {kind}: {events:#?} {errors:#?}");
            drop((events, errors));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for a line on standard error.
    pub fn wait_for_answer(&self, text: &str) -> String {
        wait_until(text, || self.errors.lock().unwrap().iter().find(|line| line.contains(text)).cloned())
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; the exit code.
    pub fn end(&mut self) -> Option<i32> {
        wait_until("the end of a process", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
