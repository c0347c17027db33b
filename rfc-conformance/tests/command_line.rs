//! The program as it is called: what it prints and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rfc-conformance"));
    let output = command.args(arguments).env_remove("ALTO_PASSWORD").stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A port nobody listens on.
fn nowhere() -> String {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}/directory")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn help_says_what_there_is() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for word in
        ["Grades an ALTO server", "--strict", "--only", "--expect", "EXIT CODES", "validate", "matrix", "client"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn everything_that_is_checked_is_listed() {
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
fn what_cannot_be_understood_is_said() {
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
fn nobody_there_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let format = format!("html={}", page.display());
    let (code, text, error) = run(&["--format", "text", "--format", &format, &nowhere()]);
    assert_eq!(code, 2, "{error}");
    assert!(text.contains("could not run: the root directory gives no answer"), "{text}");
    assert!(std::fs::read_to_string(page).unwrap().contains("Could not run"));
    for files in [["--ca", "/no/such/file"], ["--expect", "/no/such/file"]] {
        let (code, text, error) = run(&[files[0], files[1], &nowhere()]);
        assert_eq!(code, 2, "{text}{error}");
        assert!((text + &error).contains("/no/such/file"));
    }
    let (code, _, error) = run(&["--format", "json=/no/such/folder/x", &nowhere()]);
    assert_eq!(code, 2);
    assert!(error.contains("/no/such/folder/x: the report cannot be written"), "{error}");
}

#[test]
fn stored_messages_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let vtag = r#"{"resource-id": "m", "tag": "1"}"#;
    let good = format!(r#"{{"meta": {{"vtag": {vtag}}}, "network-map": {{"a": {{"ipv4": ["0.0.0.0/0"]}}}}}}"#);
    let bad = good.replace("0.0.0.0/0", "0.0.0.0");
    let good = write(folder.path(), "good.json", &good);
    let bad = write(folder.path(), "bad.json", &bad);
    let (code, text, _) = run(&["validate", "--media-type", "networkmap", &good]);
    assert_eq!((code, text), (0, format!("{good}: valid\n")));
    let (code, text, _) = run(&["validate", "--media-type", "application/alto-networkmap+json", &good, &bad]);
    assert_eq!(code, 1);
    assert!(text.contains(&format!("{bad}: /network-map/a/ipv4/0: ")), "{text}");
    let (code, _, error) = run(&["validate", "--media-type", "networkmap", "/no/such/file"]);
    assert_eq!(code, 2);
    assert!(error.contains("/no/such/file: cannot be read"), "{error}");
}

#[test]
fn reports_are_laid_side_by_side() {
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
