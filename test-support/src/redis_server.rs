//! The program `redis-server`, started on a Unix socket or on a free port of loopback.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::certificate::{CERTIFICATE, KEY};
use crate::patience::wait_until;
use crate::ports::free_port;

/// Running Redis, killed when dropped, with a folder of its own.
pub struct RedisServer {
    child: Child,
    folder: PathBuf,
    arguments: Vec<String>,
    /// Port on loopback; 0 where it listens on a socket only.
    pub port: u16,
}

/// Whether there is a Redis to test with. Fails where continuous integration demands one.
pub fn is_installed() -> bool {
    let found = Command::new("redis-server").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("REQUIRE_REDIS").is_none(), "redis-server is missing");
    if !found {
        eprintln!("skipped: redis-server is not installed");
    }
    found
}

impl RedisServer {
    /// Starts on a Unix socket, and keeps nothing on disk.
    pub fn on_socket(more: &[&str]) -> Self {
        let server = Self::spawn(&[], more);
        wait_until("Redis listens", || UnixStream::connect(server.socket()).is_ok().then_some(()));
        server
    }

    /// Starts on a free port, and keeps nothing on disk unless arguments say so.
    pub fn on_port(more: &[&str]) -> Self {
        Self::on_free_port("--port", more)
    }

    /// The same with TLS. The folder has the certificate and its key.
    pub fn on_tls_port(certificates: &Path, more: &[&str]) -> Self {
        let path = |name| certificates.join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (path(CERTIFICATE), path(KEY));
        let tls = ["--tls-auth-clients", "no", "--tls-cert-file", &certificate, "--tls-key-file", &key];
        Self::on_free_port("--tls-port", &[&tls, more].concat())
    }

    /// Starts a Sentinel on a free port, with these lines in its file, which it writes anew itself.
    pub fn sentinel(lines: &[&str]) -> Self {
        for _ in 0..20 {
            let (folder, port) = (new_folder(), free_port());
            let file = folder.join("sentinel.conf");
            let own = [format!("port {port}"), "bind 127.0.0.1".to_owned(), format!("dir {}", folder.display())];
            let lines: Vec<&str> = own.iter().map(String::as_str).chain(lines.iter().copied()).collect();
            std::fs::write(&file, lines.join("\n") + "\n").unwrap();
            let arguments = [file.to_str().unwrap().to_owned(), "--sentinel".to_owned()].to_vec();
            let mut server = Self { child: run(&arguments), folder, arguments, port };
            let is_up = wait_until("the Sentinel listens", || {
                let ended = server.child.try_wait().unwrap().is_some();
                (ended || TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(!ended)
            });
            if is_up {
                return server;
            }
        }
        panic!("no port is free");
    }

    fn on_free_port(kind: &str, more: &[&str]) -> Self {
        // Somebody else may take a free port before Redis does.
        for _ in 0..20 {
            let port = free_port();
            let mut server = Self::spawn(&[kind, &port.to_string()], more);
            server.port = port;
            let path = server.socket();
            let is_up = wait_until("Redis listens", || {
                let ended = server.child.try_wait().unwrap().is_some();
                (ended || UnixStream::connect(&path).is_ok()).then_some(!ended)
            });
            if is_up {
                return server;
            }
        }
        panic!("no port is free");
    }

    fn spawn(port: &[&str], more: &[&str]) -> Self {
        let folder = new_folder();
        let mut arguments: Vec<String> =
            ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--databases", "10000", "--port", "0"]
                .map(str::to_owned)
                .into();
        arguments.extend(port.iter().map(|argument| (*argument).to_owned()));
        arguments.extend(["--unixsocket", folder.join("s").to_str().unwrap()].map(str::to_owned));
        arguments.extend(["--dir", folder.to_str().unwrap()].map(str::to_owned));
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        Self { child: run(&arguments), folder, arguments, port: 0 }
    }

    /// Path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("s")
    }

    /// Folder with its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Address on the socket, for a database of one's own.
    pub fn url(&self, database: u32) -> String {
        format!("redis+unix://{}?database={database}", self.socket().display())
    }

    /// Runs a command with `redis-cli`, and returns what it prints.
    pub fn call(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Process of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Kills the process, as a crash would.
    pub fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        let _already_gone = std::fs::remove_file(self.socket());
    }

    /// Starts again after a kill, with the same arguments and files.
    pub fn restart(&mut self) {
        self.child = run(&self.arguments);
        wait_until("Redis listens again", || UnixStream::connect(self.socket()).is_ok().then_some(()));
    }
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("alto-redis-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(arguments: &[String]) -> Child {
    Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        let _already_gone = std::fs::remove_dir_all(&self.folder);
    }
}
