//! Command `validate`: validation of stored messages.

use std::io::Read;
use std::path::{Path, PathBuf};

use command_line::note;
use structopt::StructOpt;

use super::print;
use crate::exit::Exit;
use crate::http::MediaType;
use crate::schema;
use crate::validate::{Problem, problems};

/// Maximum size of a file in bytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Checks stored messages against the schema of their media type
#[derive(Clone, Debug, StructOpt)]
pub(super) struct ValidateArguments {
    /// Media type of the messages, such as application/alto-costmap+json; short form: costmap [default: as the members say]
    #[structopt(long, value_name = "TYPE")]
    media_type: Option<String>,

    /// Files with one message each; - for standard input
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
    #[error("{}: its members are those of no ALTO message; say which it is with --media-type", .0.display())]
    Unknown(PathBuf),
}

/// Validates the files and prints their violations.
pub(super) fn run(flags: &ValidateArguments) -> Exit {
    let stated = match flags.media_type.as_deref().map(|name| full_name(name).ok_or(name)).transpose() {
        Ok(stated) => stated,
        Err(name) => {
            let known: Vec<_> = schema::media_types().collect();
            note!("rfc-conformance: --media-type {name}: unknown; use one of {}", known.join(", "));
            return Exit::Usage;
        }
    };
    let (mut exit, mut text) = (Exit::Passed, Vec::new());
    for path in &flags.files {
        match read(path).and_then(|bytes| examine(path, stated, &bytes)) {
            Ok((media_type, problems)) if problems.is_empty() => {
                text.push(format!("{}: valid ({media_type})\n", path.display()));
            }
            Ok((_, problems)) => {
                if exit == Exit::Passed && problems.iter().any(|problem| problem.is_error) {
                    exit = Exit::Failed;
                }
                text.extend(problems.into_iter().map(|problem| {
                    let word = if problem.is_error { "" } else { "warning: " };
                    format!("{}: {word}{}\n", path.display(), problem.text)
                }));
            }
            Err(error) => {
                note!("rfc-conformance: {error}");
                exit = Exit::CouldNotRun;
            }
        }
    }
    match print(&text.concat()) {
        Exit::Passed => exit,
        failure => failure,
    }
}

/// Lists the problems of a message of the stated media type, or else of the one that its members show.
fn examine(
    path: &Path,
    stated: Option<&'static str>,
    bytes: &[u8],
) -> Result<(&'static str, Vec<Problem>), ValidateError> {
    let media_type = match stated {
        Some(stated) => stated,
        // Whatever is no JSON is reported as such.
        None => match serde_json::from_slice(bytes) {
            Ok(message) => schema::guess(&message).ok_or_else(|| ValidateError::Unknown(path.to_owned()))?,
            Err(_) => "application/alto-error+json",
        },
    };
    Ok((media_type, problems(media_type, bytes)))
}

/// Returns the full name of a media type given in full or in its short form.
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
    fn short_names_are_accepted() {
        assert_eq!(full_name("costmap"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("Application/ALTO-costmap+json; x=y"), Some("application/alto-costmap+json"));
        assert_eq!(full_name("json"), None);
    }
}
