//! The program `alto-peer`: a command that runs to its end, or a process whose events a test follows.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use test_support::patience::wait_until;

use super::Server;

/// Running process with `--json`, killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// Standard input, open until the test closes it.
    pub(crate) stdin: Option<ChildStdin>,
    events: Arc<Mutex<Vec<Value>>>,
    errors: Arc<Mutex<Vec<String>>>,
    /// Threads that read what it writes.
    readers: Vec<JoinHandle<()>>,
}

/// Command that runs `alto-peer`, without arguments.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-peer"));
    command.env_remove("ALTO_SERVER").env_remove("ALTO_LOG");
    command
}

/// Runs a command to its end. Returns exit code, standard output and standard error.
pub(crate) fn finished(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Command `alto-peer get` for a file, from this address into this folder.
pub(crate) fn get(server: &Server, wanted: &str, address: &str, folder: &Path) -> Command {
    let mut command = program();
    command.args(["get", wanted, "--json", "--server", &server.directory(), "--address", address]);
    command.args(["--refresh", "1", "--patience", "100", "--output"]).arg(folder);
    command
}

/// Command `alto-peer run` for one peer of a `peers.json`.
pub(crate) fn run(config: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = program();
    command.arg("run").arg("--config").arg(config).args(["--name", name, "--json"]).args(more);
    command
}

/// Writes a `peers.json` with these peers.
pub(crate) fn peers_file(folder: &Path, directory: &str, peers: &[Value]) -> PathBuf {
    let path = folder.join("peers.json");
    let file =
        json!({"server": directory, "defaults": {"port": 0, "refresh": 1, "piece-size": "64KiB"}, "peers": peers});
    std::fs::write(&path, file.to_string()).unwrap();
    path
}

/// Compares a help text with the stored one. `UPDATE_GOLDEN=1 cargo test -p alto-peer` rewrites the file.
#[track_caller]
pub(crate) fn assert_golden_help(name: &str, help: &str) {
    let file = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let help = help.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &help).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), help, "run with UPDATE_GOLDEN=1");
}

/// Peak memory of a process in KiB.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let mut status = String::new();
    std::fs::File::open(format!("/proc/{pid}/status")).unwrap().read_to_string(&mut status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

impl Running {
    /// Starts a command that writes events to standard output.
    pub(crate) fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let errors = Arc::<Mutex<Vec<String>>>::default();
        let (heard, complaints) = (Arc::clone(&events), Arc::clone(&errors));
        let (stdout, stderr) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
        let of_events = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                heard.lock().unwrap().push(event);
            }
        });
        let of_errors = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                complaints.lock().unwrap().push(line);
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, events, errors, readers: vec![of_events, of_errors] }
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// The events of a kind so far.
    pub(crate) fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Waits for a number of events of a kind, and returns the last of them.
    pub(crate) fn wait_for(&self, kind: &str, count: usize) -> Value {
        let happened = || self.of(kind).into_iter().nth(count.max(1) - 1);
        wait_until(&format!("{count} times {kind} from process {}", self.pid()), happened)
    }

    /// Waits for the end of the download, which has to succeed, and returns its event.
    pub(crate) fn done(&self) -> Value {
        let end = |event: &Value| event["event"] == "done" || event["event"] == "failed";
        let last = wait_until("the end of a download", || self.events().into_iter().find(end));
        assert_eq!(last["event"], "done", "{last} after {:#?}", self.of("source"));
        last
    }

    /// Waits for the end of the download, and returns the content of the file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let path = self.done()["path"].as_str().unwrap().to_owned();
        std::fs::read(path).unwrap()
    }

    /// Waits for a line on standard error that contains `text`, and returns it.
    pub(crate) fn wait_for_answer(&self, text: &str) -> String {
        wait_until(text, || self.errors.lock().unwrap().iter().find(|line| line.contains(text)).cloned())
    }

    /// Writes a line to standard input.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Kills the process, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end of the process, and returns its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let code = wait_until("the end of a process", || self.child.try_wait().unwrap()).code();
        // What it wrote last may not have been read yet.
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        code
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
