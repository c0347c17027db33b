//! The program: exit codes, output and warnings.

use std::process::{Command, Output};

use crate::lab;

fn feed(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alto-feed")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lab_file(name: &str) -> String {
    lab::path(name).display().to_string()
}

#[test]
fn the_same_input_gives_the_same_bytes_on_standard_output_and_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (out, report) = (folder.path().join("topo.json"), folder.path().join("report.json"));
    let (router, network) = (lab_file("r1-ospf-router.json"), lab_file("r1-ospf-network.json"));
    let arguments = ["import", "ospf", &router, &network];
    let printed = feed(&arguments);
    assert!(printed.status.success(), "{}", stderr(&printed));
    let written =
        feed(&[&arguments[..], &["--out", out.to_str().unwrap(), "--report", report.to_str().unwrap()]].concat());
    assert!(written.status.success() && written.stdout.is_empty());
    assert_eq!(std::fs::read(&out).unwrap(), printed.stdout);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!((&report["nodes"], &report["default-delays"]), (&7.into(), &15.into()));
    let warning = stderr(&written);
    assert_eq!(warning.lines().count(), 1, "{warning}");
    assert!(warning.contains("15 interfaces have no delay, 1 ms is taken"), "{warning}");
}

#[test]
fn errors_have_the_exit_codes_of_the_other_programs() {
    let missing = feed(&["import", "zoo", "no-such-file"]);
    assert_eq!(missing.status.code(), Some(78));
    assert!(stderr(&missing).starts_with("alto-feed: no-such-file: cannot be read"));
    assert_eq!(feed(&["import", "zoo"]).status.code(), Some(64));
    assert_eq!(feed(&["import", "zoo", "f", "--hosts", "300"]).status.code(), Some(64));
    assert_eq!(feed(&["--help"]).status.code(), Some(0));
}

#[test]
fn nobody_has_to_read_standard_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_alto-feed"));
    let status = command.args(["import", "--no-such-option"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(64));
}
