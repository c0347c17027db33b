//! Completion of commands, names and IDs of shared files, and paths at the prompt.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alto_client::is_printable;
use alto_types::swarm::FileSummary;
use rustyline::completion::{Completer as Complete, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::command::{Argument, COMMANDS};
use crate::download::Wanted;
use crate::registration::RegistryClient;

/// Age up to which a list of files is used for completion.
const MAX_AGE: Duration = Duration::from_secs(5);
/// Time for which completion waits for a new list.
const WAIT: Duration = Duration::from_millis(500);
/// Length of the shortest prefix that can stand for an ID.
const SHORTEST_ID: usize = 6;

/// Files that are shared, as last listed by the registry.
#[derive(Clone)]
pub(super) struct Names {
    registry: Arc<RegistryClient>,
    known: Arc<Mutex<(Option<Instant>, Vec<FileSummary>)>>,
}

/// Completer of the line editor.
pub(crate) struct Completer {
    names: Names,
    paths: FilenameCompleter,
}

impl Names {
    pub(super) fn new(registry: Arc<RegistryClient>) -> Self {
        Self { registry, known: Arc::default() }
    }

    /// Remembers a list of files.
    pub(super) fn learn(&self, files: &[FileSummary]) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = (Some(Instant::now()), files.to_vec());
    }

    /// Files that are shared, listed again if the last list is old and the answer comes quickly.
    fn known(&self) -> Vec<FileSummary> {
        let (at, files) = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if at.is_some_and(|at| at.elapsed() < MAX_AGE) {
            return files;
        }
        let (sender, answer) = mpsc::channel();
        let names = self.clone();
        std::thread::spawn(move || {
            if let Ok(list) = names.registry.files(None, None) {
                names.learn(&list.files);
                let _too_late = sender.send(list.files);
            }
        });
        answer.recv_timeout(WAIT).unwrap_or(files)
    }

    /// Resolves what was typed: a text that is neither a name nor an ID may be the prefix of one ID.
    pub(super) fn resolve(&self, text: &str) -> Wanted {
        let wanted: Wanted = match text.parse() {
            Ok(wanted) => wanted,
            Err(never) => match never {},
        };
        let short = text.len() >= SHORTEST_ID && text.bytes().all(|b| b.is_ascii_hexdigit());
        if matches!(wanted, Wanted::Id(_)) || !short {
            return wanted;
        }
        let known = self.known();
        let text = text.to_ascii_lowercase();
        let mut matching = known.iter().filter(|file| file.id.to_string().starts_with(&text));
        match (matching.next(), matching.next()) {
            (Some(one), None) if !known.iter().any(|file| file.name == text) => Wanted::Id(one.id),
            _ => wanted,
        }
    }
}

impl Completer {
    pub(super) fn new(names: Names) -> Self {
        Self { names, paths: FilenameCompleter::new() }
    }
}

/// Completions of the last word of a line, and the position at which that word begins.
fn words(line: &str, names: impl FnOnce() -> Vec<FileSummary>) -> (usize, Vec<Pair>) {
    let Some((command, rest)) = line.split_once(' ') else {
        let matching = COMMANDS.iter().filter(|(name, ..)| name.starts_with(line));
        let pair = |(name, argument, _): &(&str, Argument, &str)| {
            let space = if *argument == Argument::Nothing { "" } else { " " };
            Pair { display: (*name).to_owned(), replacement: format!("{name}{space}") }
        };
        return (0, matching.map(pair).collect());
    };
    let start = line.len() - rest.trim_start().len();
    if !COMMANDS.iter().any(|(name, argument, _)| *name == command && *argument == Argument::File) {
        return (start, Vec::new());
    }
    let begun = &line[start..];
    let mut found = Vec::new();
    // Other characters in a name would disturb the terminal.
    for file in names().into_iter().filter(|file| file.name.chars().all(is_printable)) {
        let id = file.id.to_string();
        let quoted = shlex::try_quote(&file.name).map_or_else(|_| file.name.clone(), std::borrow::Cow::into_owned);
        if file.name.starts_with(begun) || quoted.starts_with(begun) {
            found.push(Pair { display: file.name.clone(), replacement: quoted });
        } else if begun.len() >= 2 && id.starts_with(begun) {
            found.push(Pair { display: format!("{} {}", &id[..12], file.name), replacement: id });
        }
    }
    (start, found)
}

impl Complete for Completer {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..at).unwrap_or(line);
        if before.trim_start().starts_with("share ") {
            return self.paths.complete(line, at, context);
        }
        Ok(words(before, || self.names.known()))
    }
}

impl Hinter for Completer {
    type Hint = String;
}
impl Highlighter for Completer {}
impl Validator for Completer {}
impl Helper for Completer {}

#[cfg(test)]
mod tests {
    use alto_types::swarm::FileId;

    use super::*;

    fn complete(line: &str) -> (usize, Vec<String>) {
        let file = |n: u8, name: &str| FileSummary {
            id: FileId::from_digest([n; 32]),
            name: name.to_owned(),
            size: 1,
            complete: 1,
            partial: 0,
        };
        let names = || vec![file(0xab, "movie.bin"), file(0xcd, "my movie.bin"), file(0xef, "other")];
        let (start, found) = words(line, names);
        (start, found.into_iter().map(|pair| pair.replacement).collect())
    }

    #[test]
    fn commands_names_and_ids_are_completed() {
        assert_eq!(complete("re"), (0, vec!["register".to_owned()]));
        assert_eq!(complete("g"), (0, vec!["get ".to_owned()]));
        assert_eq!(complete("").1.len(), COMMANDS.len());
        assert_eq!(complete("get mo"), (4, vec!["movie.bin".to_owned()]));
        assert_eq!(complete("get m").1, ["movie.bin", "'my movie.bin'"]);
        assert_eq!(complete("best cdc"), (5, vec!["cd".repeat(32)]));
        assert_eq!(complete("status x"), (7, Vec::new()));
    }
}
