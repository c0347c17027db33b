//! Links to files, which people paste to each other: the URI of a directory, `#`, and the ID of a file.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use alto_types::swarm::FileId;

use crate::content::collection::SUFFIX;
use crate::content::library::Shared;
use crate::download::Wanted;

/// Number of files whose links are shown.
const MAX_LINKS: usize = 5;

/// A file as a command line names it, with or without the server that knows who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Link {
    /// URI of the directory.
    pub(in crate::cli) server: Option<String>,
    pub(in crate::cli) wanted: Wanted,
}

impl Link {
    /// Link to a file that the registry of this server knows.
    fn to(directory: &str, file: FileId) -> Self {
        Self { server: Some(directory.to_owned()), wanted: Wanted::Id(file) }
    }
}

/// Lines that others can paste to fetch what was shared at once: the folder, or else the first of the files.
pub(in crate::cli) fn lines(directory: &str, files: &[Arc<Shared>]) -> Vec<String> {
    let folder = files.last().filter(|file| file.name().as_str().ends_with(SUFFIX));
    let shown = folder.map_or(&files[..files.len().min(MAX_LINKS)], std::slice::from_ref);
    let line = |file: &Arc<Shared>| {
        let link = Link::to(directory, file.manifest().id);
        let name = file.name().as_str();
        let what = name.strip_suffix(SUFFIX).map_or(name.to_owned(), |folder| format!("the folder {folder}"));
        format!("others fetch {what} with: alto-peer get {link}")
    };
    shown.iter().map(line).collect()
}

impl FromStr for Link {
    type Err = Infallible;

    /// Takes a text that is not a link for the ID or the name of a file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_uri = text.starts_with("http://") || text.starts_with("https://");
        let (server, wanted) = match text.rsplit_once('#') {
            Some((server, wanted)) if is_uri => (Some(server.to_owned()), wanted),
            _ => (None, text),
        };
        wanted.parse().map(|wanted| Self { server, wanted })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(f, "{server}#{}", self.wanted),
            None => self.wanted.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_server_and_id_and_anything_else_is_a_name() {
        let id = FileId::from_digest([7; 32]);
        let link = Link::to("https://alto.example/directory", id);
        assert_eq!(link.to_string(), format!("https://alto.example/directory#{id}"));
        for link in [link, Link::to("http://[::1]:8080/x?y#z", id)] {
            assert_eq!(link.to_string().parse::<Link>().unwrap(), link);
        }
        for name in ["movie.bin", "part #2.bin", "http://no-link"] {
            let link: Link = name.parse().unwrap();
            assert_eq!(link, Link { server: None, wanted: Wanted::Name(name.to_owned()) });
        }
    }
}
