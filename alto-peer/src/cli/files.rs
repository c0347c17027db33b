//! `alto-peer files`: lists the files that peers share.

use std::fmt::Write as _;

use alto_types::swarm::FileSummary;
use http::StatusCode;
use indicatif::HumanBytes;
use structopt::StructOpt;

use super::access::{AccessError, AccessOptions};
use super::output::Output;
use crate::download::{IdPrefix, most_held_first};
use crate::registration::{RegistryClient, RegistryError};
use alto_client::printable;
use command_line::Exit;

/// Largest number of files that are listed.
const MAX_LISTED: usize = 1000;

/// Options of `files`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "\
EXAMPLES:
    alto-peer files --server http://alto.example/directory
        lists the first 1000 files: ID, size, name, and how many peers have them
    alto-peer files --server http://alto.example/directory movie.bin
        lists the files of exactly that name, or else those whose ID begins so, from which `alto-peer get` can fetch one by its ID

EXIT CODES:
    0 listed, even if there are none   1 the registry does not answer   64 wrong usage   78 a file cannot be used")]
pub(crate) struct FilesOptions {
    /// Lists files of this name only, or those whose ID begins with these six or more digits
    #[structopt(value_name = "NAME|ID")]
    name: Option<String>,

    /// URI of the ALTO server's directory; the registry of peers is next to it
    #[structopt(long, value_name = "URI", env = "ALTO_SERVER")]
    server: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Prints one JSON object with the member files (docs/swarm.md)
    #[structopt(long)]
    json: bool,
}

/// Files that a registry lists.
pub(super) struct Listed {
    /// Files by name and ID; those of one name by the number of their holders.
    pub(super) files: Vec<FileSummary>,
    /// True if there are more.
    pub(super) more: bool,
}

/// Reason why nothing is listed.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Lists the files. Returns the exit code.
pub(crate) fn run(options: &FilesOptions) -> Exit {
    Output::stderr().log();
    match options.text() {
        Ok(text) => super::print(&text),
        Err(error) => {
            Output::stderr().say(&format!("alto-peer: {error}"));
            match error {
                FilesError::Access(error) => error.exit(),
                FilesError::Registry(_) => Exit::Failure,
            }
        }
    }
}

impl FilesOptions {
    fn text(&self) -> Result<String, FilesError> {
        let client = self.access.client(&self.server)?.build().map_err(AccessError::from)?;
        let registry = RegistryClient::new(client);
        let Listed { mut files, more } = list(&registry, self.name.as_deref())?;
        let prefix = self.name.as_deref().and_then(|name| name.parse::<IdPrefix>().ok());
        if let Some(prefix) = prefix.filter(|_| files.is_empty()) {
            files = registry.files(None, prefix.before())?.files;
            files.retain(|file| prefix.begins(file.id));
        } else if let Some(Ok(id)) = self.name.as_deref().map(str::parse) {
            match registry.file(id) {
                Ok(file) => files.push(file),
                Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.json {
            return Ok(serde_json::json!({ "files": files }).to_string());
        }
        if files.is_empty() {
            return Ok("nobody shares such a file".to_owned());
        }
        let mut text = files.iter().map(|file| line(&file.id.to_string(), file)).collect::<Vec<_>>().join("\n");
        if more {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n... and more than these {}", files.len());
        }
        Ok(text)
    }
}

/// Lists the files of a registry: those of a name, or the first of all.
pub(super) fn list(registry: &RegistryClient, name: Option<&str>) -> Result<Listed, RegistryError> {
    let (mut files, mut after) = (Vec::new(), None);
    loop {
        let page = registry.files(name, after)?;
        files.extend(page.files);
        after = page.next;
        if after.is_none() || files.len() >= MAX_LISTED {
            break;
        }
    }
    files.truncate(MAX_LISTED);
    match name {
        // Anybody can add files of this name; those that many hold come first.
        Some(_) => most_held_first(&mut files),
        None => files.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id))),
    }
    Ok(Listed { files, more: after.is_some() })
}

/// One file for people, with this form of its ID.
pub(super) fn line(id: &str, file: &FileSummary) -> String {
    let FileSummary { complete, partial, size, name, .. } = file;
    format!("{id}  {:>10}  {}: {complete} have it, {partial} in part", HumanBytes(*size).to_string(), printable(name))
}
