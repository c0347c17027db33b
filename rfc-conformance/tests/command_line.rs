//! Tests of the command line: output and exit codes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program; returns exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rfc-conformance"));
    let output = command.args(arguments).env_remove("ALTO_PASSWORD").stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Returns a URI whose port refuses connections.
fn refusing_uri() -> String {
    // No test is given this port.
    "http://127.0.0.1:1/directory".to_owned()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn help_lists_options_commands_and_exit_codes() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for word in
        ["Grades an ALTO server", "--strict", "--only", "--expect", "EXIT CODES", "validate", "matrix", "client"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn output_to_a_closed_pipe_ends_quietly() {
    for arguments in [&["--help"][..], &["--version"], &["--list"], &["client", "--list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rfc-conformance"));
        let output = command.args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
    }
}

#[test]
fn nobody_has_to_read_standard_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rfc-conformance"));
    let status = command.args(["--only", "rfc1"]).stdin(Stdio::null()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn list_shows_every_requirement_once() {
    let (code, list, _) = run(&["--list"]);
    assert_eq!(code, 0);
    assert!(list.lines().count() >= 150);
    let ids: Vec<_> = list.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let mut distinct = ids.clone();
    distinct.dedup();
    assert_eq!(ids, distinct);
    let (_, part, _) = run(&["--list", "--only", "rfc7285/11.2.2"]);
    assert_eq!(part.lines().count(), 4, "{part}");
}

#[test]
fn wrong_usage_is_explained() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "root directory is missing"),
        (&["ftp://a/"], "not an absolute http or https URI"),
        (&["a/b"], "not an absolute http or https URI"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--only", "rfc7285/99", "http://a/"], "no requirement has this ID or prefix"),
        (&["--format", "pdf", "http://a/"], "none of text, json, junit, tap, html"),
        (&["--timeout", "0", "http://a/"], "greater than 0"),
        (&["--timeout", "x", "http://a/"], "--timeout"),
        (&["--user", "ada", "http://a/"], "ALTO_PASSWORD"),
        (&["validate", "--media-type", "nothing", "x"], "use one of application/alto-directory+json"),
        (&["matrix"], "FILE"),
    ];
    for (arguments, said) in cases {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 3, "{arguments:?}");
        assert!(error.to_uppercase().contains(&said.to_uppercase()), "{arguments:?}: {error}");
    }
}

#[test]
fn an_unreachable_server_is_reported_without_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let format = format!("html={}", page.display());
    let (code, text, error) = run(&["--format", "text", "--format", &format, &refusing_uri()]);
    assert_eq!(code, 2, "{error}");
    assert!(text.contains("could not run: the root directory gives no answer"), "{text}");
    assert!(std::fs::read_to_string(page).unwrap().contains("Could not run"));
    for files in [["--ca", "/no/such/file"], ["--expect", "/no/such/file"]] {
        let (code, text, error) = run(&[files[0], files[1], &refusing_uri()]);
        assert_eq!(code, 2, "{text}{error}");
        assert!((text + &error).contains("/no/such/file"));
    }
    let (code, _, error) = run(&["--format", "json=/no/such/folder/x", &refusing_uri()]);
    assert_eq!(code, 2);
    assert!(error.contains("/no/such/folder/x: the report cannot be written"), "{error}");
}

#[test]
fn stored_messages_are_validated() {
    let folder = tempfile::tempdir().unwrap();
    let vtag = r#"{"resource-id": "m", "tag": "1"}"#;
    let good = format!(r#"{{"meta": {{"vtag": {vtag}}}, "network-map": {{"a": {{"ipv4": ["0.0.0.0/0"]}}}}}}"#);
    let bad = good.replace("0.0.0.0/0", "0.0.0.0");
    let good = write(folder.path(), "good.json", &good);
    let bad = write(folder.path(), "bad.json", &bad);
    let (code, text, _) = run(&["validate", "--media-type", "networkmap", &good]);
    assert_eq!((code, text), (0, format!("{good}: valid (application/alto-networkmap+json)\n")));
    let (code, text, _) = run(&["validate", &good]);
    assert_eq!((code, text), (0, format!("{good}: valid (application/alto-networkmap+json)\n")));
    let other = write(folder.path(), "other.json", r#"{"name": "nothing of ALTO"}"#);
    let (code, _, error) = run(&["validate", &other]);
    assert_eq!(code, 2);
    assert!(error.contains("other.json: its members are those of no ALTO message"), "{error}");
    let (code, text, _) = run(&["validate", "--media-type", "application/alto-networkmap+json", &good, &bad]);
    assert_eq!(code, 1);
    assert!(text.contains(&format!("{bad}: /network-map/a/ipv4/0: ")), "{text}");
    let (code, _, error) = run(&["validate", "--media-type", "networkmap", "/no/such/file"]);
    assert_eq!(code, 2);
    assert!(error.contains("/no/such/file: cannot be read"), "{error}");
}

#[test]
fn reports_are_compared_in_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, verdict: &str| {
        let results = serde_json::json!([{"id": "rfc7285/8.2/5", "verdict": verdict}]);
        let report = serde_json::json!({"form": "rfc-conformance/1", "target": "http://a/", "results": results});
        write(folder.path(), name, &report.to_string())
    };
    let (one, two) = (report("one.json", "pass"), report("two.json", "fail"));
    let page = folder.path().join("matrix.html");
    let format = format!("html={}", page.display());
    let (code, table, error) = run(&["matrix", "--format", "markdown", "--format", &format, &one, &format!("x={two}")]);
    assert_eq!(code, 0, "{error}");
    assert!(table.contains("| one | x |") && table.contains("| ✔ | ✘ |"), "{table}");
    assert!(std::fs::read_to_string(page).unwrap().contains("<td class=\"v fail\""));
    let (code, _, error) = run(&["matrix", &write(folder.path(), "other.json", "{}")]);
    assert_eq!(code, 2);
    assert!(error.contains("not a JSON report of this program"), "{error}");
}
