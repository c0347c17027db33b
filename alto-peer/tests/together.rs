//! What people tell each other: links, beginnings of IDs, folders, addresses of peers; and what a peer tells its user.

use std::path::Path;
use std::process::Command;

use crate::support::Server;
use crate::support::content::content;
use crate::support::process::{Running, finished, program};
use serde_json::{Value, json};
use test_support::alto_server::data;

/// Command that shares paths through a server on loopback.
fn share(server: &Server, paths: &[&Path]) -> Command {
    let mut command = program();
    command.arg("share").args(paths).args(["--server", &server.directory(), "--port", "0", "--name", "seed"]);
    command
}

/// A peer that shares these paths and is registered.
fn seed(server: &Server, address: &str, paths: &[&Path]) -> Running {
    let seed = Running::start(share(server, paths).args(["--address", address, "--json"]));
    seed.wait_for("registered", 1);
    seed
}

/// Fetches into a folder. Returns exit code, standard output and standard error.
fn get(wanted: &str, folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = program();
    command.args(["get", wanted, "--patience", "25", "--refresh", "1", "-o"]).arg(folder).args(more);
    finished(&mut command)
}

fn id_of(seed: &Running, name: &str) -> String {
    let shared = seed.of("shared");
    let file = shared.iter().find(|file| file["name"] == name).unwrap_or_else(|| panic!("{shared:?}"));
    file["file"].as_str().unwrap().to_owned()
}

#[test]
fn a_folder_is_fetched_as_the_tree_it_is() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let photos = source.path().join("photos");
    std::fs::create_dir_all(photos.join("2026/may")).unwrap();
    let files = [("cover.jpg", content(300_000)), ("2026/may/one.jpg", content(5)), ("2026/may/two.jpg", content(5))];
    for (path, content) in &files {
        std::fs::write(photos.join(path), content).unwrap();
    }
    std::fs::write(photos.join("empty"), "").unwrap();
    let mut seed = seed(&server, "127.1.1.1", &[&photos]);
    seed.wait_for_answer("two.jpg: has the same content as one.jpg; others find it by that name");
    let directory = server.directory();
    let (code, out, error) = get("photos.collection.json", target.path(), &["--server", &directory]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.ends_with("photos/: 4 files, 292.98 KiB\n"), "{out}");
    for (path, content) in &files {
        assert!(std::fs::read(target.path().join("photos").join(path)).unwrap() == *content, "{path}");
    }
    assert_eq!(std::fs::read(target.path().join("photos/empty")).unwrap(), b"");
    // What is there is kept, and what is missing comes.
    std::fs::remove_file(target.path().join("photos/cover.jpg")).unwrap();
    let (code, _, error) = get("photos.collection.json", target.path(), &["--server", &directory]);
    assert_eq!(code, Some(0), "{error}");
    assert!(std::fs::read(target.path().join("photos/cover.jpg")).unwrap() == files[0].1);
    seed.signal("TERM");
    assert_eq!(seed.end(), Some(0));
}

#[test]
fn a_folder_never_leads_out_of_the_place_it_is_fetched_to() {
    let server = Server::of("two-isps.json");
    let (source, target, elsewhere) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let member = source.path().join("innocent");
    std::fs::write(&member, "content").unwrap();
    let seed_of_member = seed(&server, "127.1.1.1", &[&member]);
    let id = id_of(&seed_of_member, "innocent");
    let hostile = |path: &str, name: &str| {
        let text = json!({"collection": 1, "name": name, "files": [{"path": path, "id": id, "size": 7}]});
        text.to_string()
    };
    let described = [("a", hostile("../out", "a")), ("b", hostile("in", "../b")), ("c", hostile("link/out", "c"))];
    let paths: Vec<_> = described
        .iter()
        .map(|(name, text)| {
            let path = source.path().join(format!("{name}.collection.json"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let _seed = seed(&server, "127.1.1.2", &paths);
    // A link that was there before, as in a folder that somebody else prepared.
    std::fs::create_dir(target.path().join("c")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), target.path().join("c/link")).unwrap();
    let directory = server.directory();
    for (name, expected) in
        [("a", "not a path below a folder"), ("b", "is not a file name"), ("c", "files are missing")]
    {
        let (code, _, error) = get(&format!("{name}.collection.json"), target.path(), &["--server", &directory]);
        assert_eq!(code, Some(1), "{name}: {error}");
        assert!(error.contains(expected), "{name}: {error}");
    }
    assert!(!target.path().join("out").exists() && !target.path().parent().unwrap().join("b").exists());
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_link_has_all_that_a_friend_needs() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(300_000)).unwrap();
    let seed = seed(&server, "127.1.1.1", &[&movie]);
    let id = id_of(&seed, "movie.bin");
    let link = format!("{}#{id}", server.directory());
    let (code, out, error) = get(&link, target.path(), &[]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("movie.bin: 292.97 KiB in ") && out.ends_with("from seed\n"), "{out}");
    // People see the line to paste; `--json` is for programs.
    let mut people = Lines::of(share(&server, &[&movie]).args(["--address", "127.1.1.2"]));
    assert_eq!(people.find("others fetch movie.bin with: "), format!("alto-peer get {link}"));
    // Without a server there is nothing to ask.
    let (code, _, error) = get(&id, target.path(), &[]);
    assert_eq!(code, Some(64));
    assert!(error.contains("--server is missing"), "{error}");
}

#[test]
fn the_beginning_of_an_id_is_enough_wherever_a_file_is_named() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(1000)).unwrap();
    let seed = seed(&server, "127.1.1.1", &[&movie]);
    let id = id_of(&seed, "movie.bin");
    let directory = server.directory();
    let (code, _, error) = get(&id[..7].to_uppercase(), target.path(), &["--server", &directory]);
    assert_eq!(code, Some(0), "{error}");
    let list = |wanted: &str| finished(program().args(["files", wanted, "--server", &directory]));
    for wanted in [&id, &id[..6], "movie.bin"] {
        let (code, out, error) = list(wanted);
        assert!(code == Some(0) && out.starts_with(&id), "{wanted}: {out}{error}");
    }
    assert_eq!(list("000000").1, "nobody shares such a file\n");
}

#[test]
fn a_peer_that_is_named_needs_no_registry() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(300_000)).unwrap();
    let seed = seed(&server, "127.1.1.1", &[&movie]);
    let (id, port) = (id_of(&seed, "movie.bin"), seed.of("listening")[0]["port"].as_u64().unwrap());
    drop(server);
    let peer = format!("127.1.1.1:{port}");
    for wanted in [id.as_str(), "movie.bin", &id[..8]] {
        let folder = target.path().join(wanted);
        std::fs::create_dir(&folder).unwrap();
        let (code, out, error) = get(wanted, &folder, &["--peer", &peer]);
        assert_eq!(code, Some(0), "{wanted}: {error}");
        assert!(out.contains(&format!("from {peer}")), "{out}");
        assert!(std::fs::read(folder.join("movie.bin")).unwrap() == content(300_000));
    }
    let (code, _, error) = get("other.bin", target.path(), &["--peer", &peer]);
    assert!(code == Some(1) && error.contains("nobody shares a file other.bin"), "{error}");
    let (code, _, error) = get(&id, target.path(), &["--peer", &peer, "--policy", "alto"]);
    assert!(code == Some(64) && error.contains("--policy alto asks an ALTO server"), "{error}");
    let (code, _, error) = get(&id, target.path(), &["--peer", "127.1.1.1:1"]);
    assert!(code == Some(1) && error.contains("127.1.1.1:1"), "{error}");
}

#[test]
fn a_peer_is_reached_by_the_family_it_is_registered_with() {
    for listen in ["[::1]:0", "127.0.0.1:0"] {
        let mut command = test_support::alto_server::program();
        let server = Server::start(command.arg("--topology").arg(data("two-isps.json")).args(["--listen", listen]));
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let movie = source.path().join("movie.bin");
        std::fs::write(&movie, content(1000)).unwrap();
        let seed = Running::start(share(&server, &[&movie]).arg("--json"));
        seed.wait_for("registered", 1);
        let (code, _, error) = get("movie.bin", target.path(), &["--server", &server.directory()]);
        assert_eq!(code, Some(0), "{listen}: {error}");
    }
}

#[test]
fn downloads_keep_to_their_limit() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(2_000_000)).unwrap();
    let _seed = seed(&server, "127.1.1.1", &[&movie]);
    let more = ["--server", &server.directory(), "--download-rate", "1MB", "--json"];
    let (code, out, error) = get("movie.bin", target.path(), &more);
    assert_eq!(code, Some(0), "{error}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let done = events.iter().find(|event| event["event"] == "done").unwrap();
    // Never faster, however slow the machine is.
    assert!(done["seconds"].as_f64().unwrap() > 1.8, "{done}");
    let (code, _, error) = get("movie.bin", target.path(), &["--download-rate", "1kB"]);
    assert!(code == Some(64) && error.contains("at least 64KiB"), "{error}");
}

#[test]
fn a_download_says_what_it_waits_for_and_until_when() {
    let server = Server::of("two-isps.json");
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(3_000_000)).unwrap();
    let seed =
        Running::start(share(&server, &[&movie]).args(["--address", "127.1.1.1", "--upload-rate", "500kB", "--json"]));
    seed.wait_for("registered", 1);
    let mut command = program();
    command.args(["get", "movie.bin", "--json", "--server", &server.directory(), "--address", "127.1.1.2"]);
    command.args(["--refresh", "1", "--stall", "2", "--patience", "20", "--port", "0", "-o"]).arg(target.path());
    let getter = Running::start(&mut command);
    getter.wait_for("piece", 1);
    drop(seed);
    let waiting = getter.wait_for("waiting", 1);
    let seconds = waiting["seconds"].as_f64().unwrap();
    assert!((1.0..=20.0).contains(&seconds), "{waiting}");
    assert!(waiting["reason"].as_str().unwrap().contains("127.1.1.1"), "{waiting}");
    // Without anybody, and with --wait, there is no end to wait for.
    let mut command = program();
    command.args(["get", "nothing.bin", "--wait", "--json", "--server", &server.directory(), "-o"]).arg(target.path());
    let waiting = Running::start(&mut command).wait_for("waiting", 1);
    assert_eq!((&waiting["reason"], waiting.get("seconds")), (&json!("nobody shares a file nothing.bin yet"), None));
}

#[test]
fn a_peer_that_nobody_can_reach_is_told() {
    let server = Server::of("two-isps.json");
    let source = tempfile::tempdir().unwrap();
    let movie = source.path().join("movie.bin");
    std::fs::write(&movie, content(1000)).unwrap();
    let peer = seed(&server, "127.1.1.1", &[&movie]);
    // Nobody listens at the port of this one, as if a firewall were in the way.
    let told = crate::support::registry::unreachable(&server, "127.1.1.2");
    assert_eq!(told, Some(false));
    assert!(peer.of("unreachable").is_empty());
}

/// Lines of a program that runs, killed when dropped.
struct Lines {
    child: std::process::Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Lines {
    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        Self { child, lines }
    }

    /// Rest of the first line that begins like this.
    fn find(&mut self, beginning: &str) -> String {
        let rest = |line: String| line.strip_prefix(beginning).map(str::to_owned);
        self.lines.by_ref().map(Result::unwrap).find_map(rest).unwrap()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
