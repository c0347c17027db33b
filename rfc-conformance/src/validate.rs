//! Command `validate`: checks stored messages against the schema of their media type.

use std::io::Read;
use std::path::{Path, PathBuf};

use structopt::StructOpt;

use crate::exit::Exit;
use crate::http::MediaType;
use crate::{json, schema};

/// Maximum size of a file in bytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Checks stored messages against the schema of their media type
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct Flags {
    /// Media type of the messages, such as application/alto-costmap+json; short form: costmap
    #[structopt(long, value_name = "TYPE")]
    media_type: String,

    /// Files with one message each; - reads standard input
    #[structopt(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Error that prevents validation of a file.
#[derive(Debug, thiserror::Error)]
enum ValidateError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: larger than the limit of {MOST_BYTES} bytes", .0.display())]
    TooLong(PathBuf),
}

/// Runs the command.
pub(crate) fn run(flags: &Flags) -> Exit {
    let Some(media_type) = full_name(&flags.media_type) else {
        let known: Vec<_> = schema::media_types().collect();
        eprintln!("rfc-conformance: --media-type {}: unknown; use one of {}", flags.media_type, known.join(", "));
        return Exit::Usage;
    };
    let mut exit = Exit::Passed;
    for path in &flags.files {
        match read(path).map(|bytes| problems(media_type, &bytes)) {
            Ok(problems) if problems.is_empty() => println!("{}: valid", path.display()),
            Ok(problems) => {
                exit = if exit == Exit::Passed { Exit::Failed } else { exit };
                for problem in problems {
                    println!("{}: {problem}", path.display());
                }
            }
            Err(error) => {
                eprintln!("rfc-conformance: {error}");
                exit = Exit::CouldNotRun;
            }
        }
    }
    exit
}

/// Lists the problems of a message, one line each, beginning with the place.
pub fn problems(media_type: &str, bytes: &[u8]) -> Vec<String> {
    let document = match json::parse(bytes) {
        Ok(document) => document,
        Err(error) => return vec![error.to_string()],
    };
    let duplicates = document.duplicates.iter().map(|place| format!("{place}: duplicate member"));
    let violations = schema::violations(media_type, &document.value).unwrap_or_default();
    let violations = violations.into_iter().map(|violation| {
        let place = if violation.pointer.is_empty() { "(the whole message)" } else { &violation.pointer };
        format!("{place}: {}", violation.message)
    });
    duplicates.chain(violations).collect()
}

fn full_name(name: &str) -> Option<&'static str> {
    let name = MediaType::read(name).essence;
    schema::media_types().find(|known| *known == name || *known == format!("application/alto-{name}+json"))
}

fn read(path: &Path) -> Result<Vec<u8>, ValidateError> {
    let unreadable = |source| ValidateError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).map_err(unreadable)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES { Err(ValidateError::TooLong(path.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_place() {
        let message = br#"{"meta": {"vtag": {"resource-id": "m"}}, "network-map": {"a.b": {"ipv4": [1], "ipv4": []}}}"#;
        let problems = problems("application/alto-networkmap+json", message);
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["/network-map/a.b/ipv4", "/meta/vtag", "/network-map"]);
    }

    #[test]
    fn short_names_are_accepted() {
        assert_eq!(full_name("costmap"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("Application/ALTO-costmap+json; x=y"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("json"), None);
    }
}
