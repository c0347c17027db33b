//! Judges stored messages without a server: each violation of the schema by its place.

use std::io::Read;
use std::path::{Path, PathBuf};

use structopt::StructOpt;

use crate::exit::Exit;
use crate::http::MediaType;
use crate::{json, schema};

/// The largest file that is read.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Checks stored messages against the schema of their media type
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct Flags {
    /// Media type of the messages, such as application/alto-costmap+json; the short form costmap will do
    #[structopt(long, value_name = "TYPE")]
    media_type: String,

    /// Messages; - is standard input
    #[structopt(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Why a message cannot be judged.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: longer than {MOST_BYTES} bytes", .0.display())]
    TooLong(PathBuf),
}

/// Runs the command.
pub(crate) fn run(flags: &Flags) -> Exit {
    let Some(media_type) = full_name(&flags.media_type) else {
        let known: Vec<_> = schema::media_types().collect();
        eprintln!("rfc-conformance: --media-type {}: none of {}", flags.media_type, known.join(", "));
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

/// What is wrong with a message, a line each, beginning with its place.
pub fn problems(media_type: &str, bytes: &[u8]) -> Vec<String> {
    let document = match json::parse(bytes) {
        Ok(document) => document,
        Err(error) => return vec![error.to_string()],
    };
    let duplicates = document.duplicates.iter().map(|place| format!("{place}: a member of this name occurs twice"));
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

fn read(path: &Path) -> Result<Vec<u8>, Unjudged> {
    let unreadable = |source| Unjudged::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).map_err(unreadable)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES { Err(Unjudged::TooLong(path.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_has_its_place() {
        let message = br#"{"meta": {"vtag": {"resource-id": "m"}}, "network-map": {"a.b": {"ipv4": [1], "ipv4": []}}}"#;
        let problems = problems("application/alto-networkmap+json", message);
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["/network-map/a.b/ipv4", "/meta/vtag", "/network-map"]);
    }

    #[test]
    fn short_names_will_do() {
        assert_eq!(full_name("costmap"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("Application/ALTO-costmap+json; x=y"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("json"), None);
    }
}
