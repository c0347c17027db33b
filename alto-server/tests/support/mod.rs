//! The server as a process, a raw HTTP client, and peers of the registry.

pub(crate) mod swarm;

pub(crate) use test_support::alto_server::{Server, data, program};
pub(crate) use test_support::http::{self, Answer, Request};

/// Runs the program until it exits. Returns exit code, standard output and standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = program().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
