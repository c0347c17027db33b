//! Settings that cannot be used: each error names the key, the value and the remedy, all of them are named at once, and
//! `--check` finds what a start would find.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use crate::support::{Server, data, run};
use serde_json::{Value, json};
use test_support::ports::free_port;

/// Words of libraries, which say nothing to an operator.
const LIBRARY_WORDS: [&str; 9] =
    ["invalid type", "expected", "u64", "usize", "NoneError", "syntax", "at line", "Untyped", "invalid digit"];

fn two_isps() -> String {
    data("two-isps.json").to_str().unwrap().to_owned()
}

/// Checks a settings file, and returns what is wrong, in lines.
fn check(folder: &Path, content: &str) -> (i32, Vec<String>) {
    let file = folder.join("server.json");
    fs::write(&file, content).unwrap();
    let (code, _, error) = run(&["--config", file.to_str().unwrap(), "--check"]);
    for word in LIBRARY_WORDS {
        assert!(!error.contains(word), "{word:?} is in {error}");
    }
    (code, error.lines().map(str::to_owned).collect())
}

#[test]
fn every_key_of_a_wrong_form_is_named_with_what_belongs_there() {
    let folder = tempfile::tempdir().unwrap();
    let schema: Value = serde_json::from_str(include_str!("../server.schema.json")).unwrap();
    // A comment may be anything.
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().filter(|key| *key != "//").collect();
    let wrong: serde_json::Map<String, Value> = keys.iter().map(|key| ((*key).clone(), json!({"x": 1}))).collect();
    let (code, lines) = check(folder.path(), &Value::Object(wrong).to_string());
    assert_eq!(code, 78);
    for (position, key) in keys.iter().enumerate().take(40) {
        let start = format!("alto-server: {}: {key}: an object is not ", folder.path().join("server.json").display());
        assert!(lines[position].starts_with(&start), "{} does not start with {start}", lines[position]);
    }
    assert_eq!(lines[40], format!("alto-server: and {} more problems", keys.len() - 40));
}

#[test]
fn values_are_shown_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (content, says) in [
        (r#"{"listen": ["8080"]}"#, r#"listen[0]: "8080" is not an address with a port: use for example"#),
        (r#"{"listen": ["[::1]:80", 7]}"#, "listen[1]: 7 is not an address with a port"),
        (r#"{"listen": "127.0.0.1:80"}"#, r#"listen: "127.0.0.1:80" is not a list in brackets of an address"#),
        (r#"{"max-pairs": -1}"#, "max-pairs: -1 is not a whole number of 0 or more"),
        (r#"{"max-client-share": 300}"#, "max-client-share: 300 is not a whole number from 0 to 255"),
        (r#"{"log-format": "xml"}"#, r#"log-format: "xml" is not a known value: use one of "text", "json""#),
        (r#"{"access-log": "yes"}"#, r#"access-log: "yes" is not a switch: use true or false"#),
        (r#"{"topologie": "x"}"#, r#"topologie: is not a key of the settings: did you mean "topology"?"#),
        (r#"{"colour": 1}"#, "colour: is not a key of the settings: alto-server --help lists all keys"),
        (r#"{"max-pairs": 1, "max-pairs": 2}"#, "max-pairs: appears twice"),
        ("// settings\n{}", "is a comment, and JSON has none"),
        ("", "is empty"),
        ("{", "is not complete"),
        ("[]", "use an object in braces"),
        ("<config/>", "XML"),
        ("{\"log-level\": NaN}", "NaN"),
    ] {
        let (code, lines) = check(folder.path(), content);
        let whole = lines.join("\n");
        assert_eq!(code, 78, "{content}");
        assert!(whole.contains(says) && whole.contains("server.json: "), "{content}: {whole}");
    }
    // Options are the same settings.
    for (options, says) in [
        (["--listen", "8080"], "\"[::]:8080\" for all of IPv6"),
        (["--max-pairs", "many"], "give a whole number"),
        (["--max-pairs", "99999999999999999999"], "too large"),
    ] {
        let (code, _, error) = run(&options);
        assert!(code == 64 && error.contains(says) && error.contains(options[0]), "{error}");
    }
}

#[test]
fn a_file_may_name_its_schema_for_editors() {
    let folder = tempfile::tempdir().unwrap();
    let content = json!({"$schema": "server.schema.json", "topology": two_isps(), "listen": ["127.0.0.1:0"]});
    let (code, lines) = check(folder.path(), &content.to_string());
    assert_eq!(code, 0, "{lines:?}");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users"), "\u{feff}mufasa:secret\n").unwrap();
    fs::write(folder.path().join("token"), "\u{feff}0123456789abcdef\n").unwrap();
    let content = json!({"topology": two_isps(), "listen": ["127.0.0.1:0"], "digest-users": "users", "admin-token-file": "token"});
    let (code, lines) = check(folder.path(), &format!("\u{feff}{content}"));
    assert_eq!(code, 0, "{lines:?}");
}

#[test]
fn a_check_finds_at_once_what_a_start_would_find() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users"), "nobody\nmufasa:a\nmufasa:b\n").unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    let content = json!({
        "topology": "none.json", "state": "notes.txt", "digest-users": "users", "admin-socket": "none/admin.sock",
        "tls-certificate": "notes.txt", "tls-key": "notes.txt", "admin-token-file": "notes.txt",
        "log-level": "warning", "trusted-proxy": ["proxy"], "max-pairs": 0,
        "listen": ["203.0.113.77:8080", "0.0.0.0:7", "127.0.0.1:7"]
    });
    let (code, lines) = check(folder.path(), &content.to_string());
    assert_eq!(code, 78);
    for says in [
        "max-pairs: 0",
        "127.0.0.1:7 cannot listen together with 0.0.0.0:7 of listen",
        "log-level: \"warning\" is not a level (did you mean warn?)",
        "trusted-proxy: \"proxy\"",
        "none.json: ",
        "tls-certificate: ",
        "digest-users: ",
        "\"mufasa\" is the user of line 2, too",
        "admin token",
        "has to be in a folder that exists",
        "notes.txt is a file, and has to be a folder",
        "cannot listen on 203.0.113.77:8080: this machine does not have this address",
    ] {
        assert!(lines.iter().any(|line| line.contains(says)), "{says:?} is not in {lines:#?}");
    }
}

#[test]
fn a_state_that_cannot_be_used_stops_a_start_with_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "precious").unwrap();
    let topology = two_isps();
    let arguments = ["--topology", &topology, "--listen", "127.0.0.1:0", "--state", file.to_str().unwrap()];
    for more in [&["--check"][..], &[]] {
        let (code, _, error) = run(&[&arguments[..], more].concat());
        assert!(code == 78 && error.contains("notes.txt is a file, and has to be a folder"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

/// Programs that start servers again do not where a start would fail again.
#[test]
fn files_that_cannot_be_used_stop_a_start_as_they_do_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "short note\n").unwrap();
    let (topology, below) = (two_isps(), file.join("below").to_str().unwrap().to_owned());
    let file = file.to_str().unwrap();
    let arguments = ["--topology", &topology, "--listen", "127.0.0.1:0"];
    let mut cases = vec![
        ("tracker-torrents", vec!["--tracker"]),
        ("tracker-blocked-torrents", vec!["--tracker"]),
        ("tracker-passkeys", vec!["--tracker"]),
        ("digest-users", vec![]),
        ("admin-token-file", vec![]),
        ("tls-certificate", vec!["--tls-key", file]),
        ("state", vec![]),
        ("admin-socket", vec![]),
    ];
    if cfg!(feature = "redis") {
        let store = vec!["--store", "redis://127.0.0.1:1"];
        cases.extend([("store-password-file", store.clone()), ("store-ca-file", store)]);
    }
    for (key, with) in cases {
        let option = format!("--{key}");
        for path in [file, &below] {
            for more in [&["--check"][..], &[]] {
                // A password may be anything but nothing.
                if key == "store-password-file" && path == file {
                    continue;
                }
                let (code, _, error) = run(&[&arguments[..], &with, &[&option, path], more].concat());
                assert!(code == 78 && error.contains(&format!("{key}: ")), "{key} {path} {more:?}: {code} {error}");
            }
        }
    }
}

#[test]
fn an_address_in_use_is_a_warning_of_a_check_beside_the_running_server() {
    let server = Server::of("two-isps.json");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (topology, address) = (two_isps(), server.address.to_string());
    let over_udp = udp.local_addr().unwrap().to_string();
    let arguments = ["--topology", &topology, "--listen", &address, "--tracker", "--tracker-udp", &over_udp];
    let (code, summary, error) = run(&[&arguments[..], &["--check"]].concat());
    assert_eq!(code, 0, "{error}");
    for address in [address, over_udp] {
        let warning =
            |line: &str| line.starts_with("warning: ") && line.contains(&address) && line.contains("another process");
        assert!(summary.lines().any(warning), "{address} is not in {summary}");
    }
    // A check leaves the addresses that it tried to the server.
    let free = format!("127.0.0.1:{}", free_port());
    assert_eq!(run(&["--topology", &topology, "--listen", &free, "--check"]).0, 0);
    assert!(TcpListener::bind(&free).is_ok());
}

#[test]
fn a_certificate_of_an_authority_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let openssl = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost", "-days", "90"];
    let (certificate, key, topology) = (file("cert.pem"), file("key.pem"), two_isps());
    let made =
        std::process::Command::new("openssl").args(openssl).args(["-out", &certificate, "-keyout", &key]).output();
    assert!(made.unwrap().status.success());
    let arguments =
        ["--topology", &topology, "--listen", "127.0.0.1:0", "--tls-certificate", &certificate, "--tls-key", &key];
    let (code, summary, error) = run(&[&arguments[..], &["--check"]].concat());
    assert!(code == 0 && summary.contains("cert.pem is a certificate of an authority (CA:TRUE)"), "{summary}{error}");
}
