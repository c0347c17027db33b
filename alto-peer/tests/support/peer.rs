//! Real peers: processes that fetch, and holders that the registry knows.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use alto_client::Client;
use alto_peer::content::Library;
use alto_peer::events::Events;
use alto_peer::registration::{RegistryClient, Renewal, RenewalSettings};
use alto_peer::serving::{Patience, Serving, ServingSettings};
use alto_types::swarm::{FileEntry, Holder, Registration};
use serde_json::Value;

use super::download::{Original, PIECE};
use super::{PATIENCE, Server};

/// A running `alto-peer get --json`, ended with the test.
pub struct Getting {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    pub folder: PathBuf,
}

/// A peer in this process that has the whole file.
pub struct Seed {
    registration: Option<Renewal>,
    serving: Option<Serving>,
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-peer"));
    command.env_remove("ALTO_SERVER").env_remove("ALTO_LOG");
    command
}

/// `alto-peer get` of this file at this address into this folder; the test may add to it.
pub fn get(server: &Server, wanted: &str, address: &str, folder: &Path) -> Command {
    let mut command = program();
    command.args(["get", wanted, "--json", "--server", &server.directory(), "--address", address]);
    command.args(["--refresh", "1", "--stall", "2", "--patience", "25", "--output"]).arg(folder);
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

impl Getting {
    pub fn start(command: &mut Command, folder: &Path) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let heard = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                heard.lock().unwrap().push(event);
            }
        });
        Self { child, events, folder: folder.to_owned() }
    }

    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    pub fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Waits until so many events of a kind have been told.
    pub fn wait_for(&self, kind: &str, count: usize) -> Value {
        wait_until(&format!("{count} of {kind}"), || self.of(kind).into_iter().nth(count.max(1) - 1))
    }

    /// Waits for its end, good or bad; then its `done`.
    pub fn done(&self) -> Value {
        let end = |event: &Value| event["event"] == "done" || event["event"] == "failed";
        let last = wait_until("the end of a download", || self.events().into_iter().find(end));
        assert_eq!(last["event"], "done", "{last} after {:#?}", self.of("source"));
        last
    }

    pub fn file(&self) -> Vec<u8> {
        let path = self.done()["path"].as_str().unwrap().to_owned();
        std::fs::read(path).unwrap()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

impl Drop for Getting {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Seed {
    /// Shares the original as a peer at this address, at so many bytes per second.
    pub fn start(server: &Server, original: &Original, address: &str, rate: Option<u64>) -> Self {
        Self::cut(server, original, address, rate, PIECE)
    }

    /// The same, cut into other pieces.
    pub fn cut(server: &Server, original: &Original, address: &str, rate: Option<u64>, piece_size: u32) -> Self {
        let address = address.parse().unwrap();
        let client = Client::builder(&server.directory()).source(address).build().unwrap();
        let (registry, library) = (Arc::new(RegistryClient::new(client)), Arc::new(Library::new()));
        library.add_file(&original.folder.path().join("movie.bin"), piece_size, |_, _, _| ()).unwrap();
        let settings = ServingSettings {
            address: (address, 0).into(),
            upload_rate: rate,
            uploads: 8,
            patience: Patience::default(),
        };
        let serving = Serving::start(&settings, Arc::clone(&library)).unwrap();
        let port = serving.address().port();
        let settings = RenewalSettings { name: "seed".to_owned(), port, saved: None, seed: None, register: true };
        let events = Events::new(Arc::new(SystemTime::now), alto_peer::events::Silence);
        let registration = Renewal::start(settings, registry, library, events).unwrap();
        wait_until("registration", || registration.status().peer);
        Self { registration: Some(registration), serving: Some(serving) }
    }

    /// Bytes it has sent.
    pub fn sent(&self) -> u64 {
        self.serving.as_ref().unwrap().load().sent
    }

    /// Stops serving; the registry is not told.
    pub fn vanish(&mut self) {
        self.serving = None;
        std::mem::forget(self.registration.take());
    }
}

/// Has the registry list a holder that the test made up.
pub fn register(server: &Server, original: &Original, holder: &Holder) {
    let client = Client::builder(&server.directory()).source(holder.address).build().unwrap();
    let entry = FileEntry {
        id: original.manifest.id,
        name: "movie.bin".to_owned(),
        size: original.manifest.size,
        manifest: holder.manifest,
        complete: holder.complete,
    };
    let registration = Registration { name: holder.name.clone(), port: holder.port, files: vec![entry], renew: None };
    RegistryClient::new(client).register(&registration).unwrap();
}

pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The largest memory a process has used, in KiB.
pub fn peak_memory(pid: u32) -> u64 {
    let mut status = String::new();
    std::fs::File::open(format!("/proc/{pid}/status")).unwrap().read_to_string(&mut status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

impl Getting {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}
