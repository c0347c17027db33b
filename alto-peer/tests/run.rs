//! `alto-peer run`: whole peers of a `peers.json`, commands from a pipe and from a terminal, crashes and signals.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::Server;
use crate::support::content::content;
use crate::support::process::{Running, assert_golden_help, finished, peers_file, program, run};
use crate::support::registry::{listed, registry};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;
use test_support::patience::wait_until;

#[test]
fn a_peer_fetches_what_it_is_to_get_and_shares_it_then() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    let movie = content(2_000_000);
    std::fs::write(folder.path().join("movie.bin"), &movie).unwrap();
    let peers = [
        json!({"name": "seed", "address": "127.1.1.1", "share": ["movie.bin"]}),
        json!({"name": "p2", "address": "127.1.1.2", "get": ["movie.bin"], "folder": "p2"}),
    ];
    let config = peers_file(folder.path(), &server.directory(), &peers);
    // It waits for somebody to have it.
    let mut p2 = Running::start(&mut run(&config, "p2", &["--headless"]));
    let before = p2.wait_for("registered", 1);
    // The end of standard input does not end it.
    p2.stdin = None;
    let mut seed = Running::start(&mut run(&config, "seed", &["--headless"]));
    let done = p2.wait_for("done", 1);
    assert!(std::fs::read(folder.path().join("p2/movie.bin")).unwrap() == movie);
    assert_eq!(done["bytes"], 2_000_000);
    let joined = p2.wait_for("joined", 1);
    assert_eq!(
        (&joined["pieces"], &joined["piece-size"], &joined["policy"]),
        (&json!(31), &json!(65536), &json!("alto"))
    );
    let registry = registry(&server.directory());
    wait_until("both have it", || (listed(&registry) == [("movie.bin".to_owned(), 2, 0)]).then_some(()));
    assert!(p2.is_running());
    for peer in [&mut p2, &mut seed] {
        peer.signal("TERM");
        assert_eq!(peer.end(), Some(0));
        peer.wait_for("unregistered", 1);
    }
    assert_eq!(p2.of("unregistered")[0]["peer"], before["peer"]);
    assert!(listed(&registry).is_empty());
}

#[test]
fn a_peer_that_was_killed_goes_on_where_it_was() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    let movie = content(4_000_000);
    std::fs::write(folder.path().join("movie.bin"), &movie).unwrap();
    // Both runs need the same port; no other test uses the address.
    let port = TcpListener::bind(("127.1.1.42", 0)).unwrap().local_addr().unwrap().port();
    let peers = [
        json!({"name": "seed", "address": "127.1.1.1", "share": ["movie.bin"], "upload-rate": "1MB"}),
        json!({"name": "p2", "address": "127.1.1.42", "get": ["movie.bin"], "folder": "p2", "port": port}),
    ];
    let config = peers_file(folder.path(), &server.directory(), &peers);
    let seed = Running::start(&mut run(&config, "seed", &["--headless"]));
    seed.wait_for("registered", 1);
    let mut first = Running::start(&mut run(&config, "p2", &["--headless"]));
    first.wait_for("piece", 10);
    let (registered, pieces) = (first.wait_for("registered", 1), first.of("piece").len());
    first.kill();
    let second = Running::start(&mut run(&config, "p2", &["--headless"]));
    let (joined, done) = (second.wait_for("joined", 1), second.wait_for("done", 1));
    let had = joined["have"].as_u64().unwrap();
    assert!(had >= pieces as u64, "{had} of {pieces} pieces were still there");
    assert!(second.of("piece").iter().all(|piece| piece["have"].as_u64().unwrap() > had));
    // All but the last piece have 64 KiB.
    let fetched = done["bytes"].as_u64().unwrap();
    assert!(fetched <= 4_000_000 - (had - 1) * 65_536, "{fetched} bytes were fetched, with {had} pieces there");
    assert!(std::fs::read(folder.path().join("p2/movie.bin")).unwrap() == movie);
    assert_eq!(second.wait_for("registered", 1)["peer"], registered["peer"], "it is the same peer to others");
}

#[test]
fn commands_come_by_a_pipe_too() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my movie.bin"), content(500_000)).unwrap();
    std::fs::write(folder.path().join("song"), "la la").unwrap();
    let peers = [
        json!({"name": "seed", "address": "127.1.1.1", "share": ["my movie.bin"], "folder": "seed"}),
        json!({"name": "p2", "address": "127.2.1.2", "folder": "p2"}),
    ];
    let config = peers_file(folder.path(), &server.directory(), &peers);
    let seed = Running::start(&mut run(&config, "seed", &["--headless"]));
    seed.wait_for("registered", 1);
    let mut p2 = Running::start(&mut run(&config, "p2", &[]));
    p2.wait_for("registered", 1);
    for (line, answer) in [
        ("files", "my movie.bin: 1 have it, 0 in part"),
        ("best 'my movie.bin'", "seed is best for 127.2.1.2"),
        ("status", "registered as"),
        ("help", "fetches a file in the background"),
        ("fetch x", "not a command"),
        ("get", "takes the name or ID of one file"),
        ("best nothing", "nobody shares a file nothing"),
        ("share /none/such", "/none/such"),
    ] {
        p2.say(line);
        p2.wait_for_answer(answer);
    }
    p2.say(&format!("share {}", folder.path().join("song").display()));
    p2.wait_for("shared", 1);
    let id = seed.of("shared")[0]["file"].as_str().unwrap().to_owned();
    // The beginning of an ID is enough.
    p2.say(&format!("get {}", &id[..10]));
    assert_eq!(p2.wait_for("done", 1)["file"], id.as_str());
    assert_eq!(std::fs::read(folder.path().join("p2/my movie.bin")).unwrap(), content(500_000));
    p2.say("get no-such-file");
    assert!(p2.wait_for("failed", 1)["reason"].as_str().unwrap().contains("no-such-file"));
    let registry = registry(&server.directory());
    wait_until("both are known", || (listed(&registry).len() == 2).then_some(()));
    p2.say("unregister");
    p2.wait_for("unregistered", 1);
    assert_eq!(listed(&registry), [("my movie.bin".to_owned(), 1, 0)]);
    p2.say("register");
    p2.wait_for("registered", 2);
    // Without --headless the end of the commands is the end.
    p2.stdin = None;
    assert_eq!(p2.end(), Some(0));
    assert_eq!(p2.of("unregistered").len(), 2);
}

#[test]
fn a_download_under_way_does_not_hold_up_the_end() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("movie.bin"), content(4_000_000)).unwrap();
    let peers = [
        json!({"name": "seed", "address": "127.1.1.1", "share": ["movie.bin"], "upload-rate": "64KiB"}),
        json!({"name": "p2", "address": "127.1.1.2", "get": ["movie.bin", "never"], "folder": "p2"}),
    ];
    let config = peers_file(folder.path(), &server.directory(), &peers);
    let seed = Running::start(&mut run(&config, "seed", &["--headless"]));
    let mut p2 = Running::start(&mut run(&config, "p2", &["--headless"]));
    p2.wait_for("joined", 1);
    let registry = registry(&server.directory());
    wait_until("it is a holder of a part", || (listed(&registry) == [("movie.bin".to_owned(), 1, 1)]).then_some(()));
    p2.say("quit");
    assert_eq!(p2.end(), Some(0));
    assert_eq!((p2.of("unregistered").len(), p2.of("done").len()), (1, 0));
    assert_eq!(listed(&registry), [("movie.bin".to_owned(), 1, 0)]);
    drop(seed);
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = peers_file(
        folder.path(),
        "http://127.0.0.1:1/directory",
        &[
            json!({"name": "p1", "share": ["missing.bin"]}),
            json!({"name": "p2", "address": "192.0.2.1", "folder": "p2"}),
            json!({"name": "p3", "folder": "peers.json"}),
        ],
    );
    for (name, code, words) in
        [("p1", 78, "missing.bin"), ("p2", 1, "192.0.2.1:0"), ("p3", 78, "peers.json"), ("p4", 78, "no peer is called")]
    {
        let (exit, _, error) = finished(&mut run(&config, name, &[]));
        assert!(exit == Some(code) && error.contains(words), "{name}: {exit:?} {error}");
    }
    std::fs::write(&config, "{\"server\": \"http://a/\", \"peers\": [{\"name\": \"p1\", \"prot\": 1}]}").unwrap();
    let (exit, _, error) = finished(&mut run(&config, "p1", &[]));
    assert!(exit == Some(78) && error.contains("peers[0].prot"), "{error}");
    assert_eq!(finished(program().arg("run")).0, Some(64));
}

/// A peer at a terminal of its own.
struct AtTerminal {
    child: Child,
    keys: File,
    /// The other side, whose settings the peer changes.
    terminal: File,
    screen: Arc<Mutex<String>>,
}

impl AtTerminal {
    fn start(command: &mut Command) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let path = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let open = || {
            let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
            let mut options = File::options();
            std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true).write(true), flags).open(&path).unwrap()
        };
        let terminal = open();
        let command = command.env("TERM", "xterm").stdin(Stdio::from(open())).stdout(Stdio::from(open()));
        let child = command.stderr(Stdio::from(open())).spawn().unwrap();
        let keys = File::from(controller);
        let (mut seen, screen) = (keys.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = seen.read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keys, terminal, screen }
    }

    /// Presses keys, and waits for a text that was not there before.
    fn press(&mut self, keys: &str, answer: &str) {
        // Between two lines, the terminal itself would take Ctrl-C.
        wait_until("a line is edited", || (!self.is_plain()).then_some(()));
        let before = self.screen.lock().unwrap().len();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.wait_for(before, answer);
    }

    fn wait_for(&self, from: usize, answer: &str) {
        wait_until(&format!("{answer:?} on {:?}", self.screen.lock().unwrap()), || {
            self.screen.lock().unwrap()[from..].contains(answer).then_some(())
        });
    }

    fn end(&mut self) -> Option<i32> {
        wait_until("the end of a peer", || self.child.try_wait().unwrap()).code()
    }

    /// True if the terminal shows what is typed, as it does outside of line editing.
    fn is_plain(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn at_terminal(config: &Path, name: &str) -> AtTerminal {
    let mut command = program();
    command.arg("run").arg("--config").arg(config).args(["--name", name]);
    AtTerminal::start(&mut command)
}

#[test]
fn the_prompt_has_completion_and_history_while_the_peer_serves() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("movie.bin"), content(500_000)).unwrap();
    let peers = [
        json!({"name": "seed", "address": "127.1.1.1", "share": ["movie.bin"], "folder": "seed"}),
        json!({"name": "p2", "address": "127.1.1.2", "folder": "p2"}),
    ];
    let config = peers_file(folder.path(), &server.directory(), &peers);
    let seed = Running::start(&mut run(&config, "seed", &["--headless"]));
    seed.wait_for("registered", 1);
    let mut p2 = at_terminal(&config, "p2");
    p2.wait_for(0, "p2> ");
    p2.wait_for(0, "registered as");
    assert!(!p2.is_plain(), "a line is being edited");
    p2.press("stat\t\r", "shares 0 files whole");
    p2.press("bes\tmov\t\r", "seed is best for 127.1.1.2");
    // What happens is told above the line that is being typed, which stays.
    p2.press("get mo\t\r", "fetching movie.bin");
    p2.wait_for(0, ", from seed");
    assert!(std::fs::read(folder.path().join("p2/movie.bin")).unwrap() == content(500_000));
    p2.press("files\r", "here");
    // Up, up, up: files, get, best.
    p2.press("\u{1b}[A\u{1b}[A\u{1b}[A\r", "seed is best for");
    p2.press("\u{3}", "quit ends the peer");
    p2.press("get 'open\r", "quotation mark");
    p2.press("quit\r", "unregistered");
    assert_eq!(p2.end(), Some(0));
    assert!(p2.is_plain());
    assert_eq!(listed(&registry(&server.directory())), [("movie.bin".to_owned(), 1, 0)]);
}

#[test]
fn a_terminal_is_left_as_it_was() {
    let server = Server::of("two-isps.json");
    let folder = tempfile::tempdir().unwrap();
    let config = peers_file(folder.path(), &server.directory(), &[json!({"name": "p1", "address": "127.1.1.1"})]);
    for end in ["TERM", "end of file"] {
        let mut peer = at_terminal(&config, "p1");
        peer.wait_for(0, "registered as");
        wait_until("a line is edited", || (!peer.is_plain()).then_some(()));
        if end == "TERM" {
            let status = Command::new("kill").arg(peer.child.id().to_string()).status().unwrap();
            assert!(status.success());
        } else {
            // The key may come in the moment in which the line is drawn anew, and is then lost: people press it again.
            wait_until("the end of the prompt", || {
                let _ended = peer.keys.write_all(b"\x04");
                peer.screen.lock().unwrap().contains("unregistered").then_some(())
            });
        }
        peer.wait_for(0, "unregistered");
        assert_eq!(peer.end(), Some(0), "{end}");
        assert!(peer.is_plain(), "{end}");
    }
}

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.schema.json");

/// `UPDATE_GOLDEN=1 cargo test -p alto-peer` rewrites the schema.
#[test]
fn the_schema_of_peers_json_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(alto_peer::settings::PeersFile)).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(SCHEMA, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(SCHEMA).unwrap_or_default(), schema, "run with UPDATE_GOLDEN=1");
}

#[test]
fn help_is_as_it_was() {
    for command in ["files", "run", "share"] {
        let (code, help, _) = finished(program().args([command, "--help"]));
        assert_eq!(code, Some(0));
        assert!(help.contains("EXAMPLES") && help.contains("EXIT CODES"), "{help}");
        assert_golden_help(command, &help);
    }
}
