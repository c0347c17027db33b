//! Execution of the prompt's commands.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use alto_types::swarm::{BestPeer, FileId, FileSummary};
use indicatif::HumanBytes;

use super::command::Command;
use super::complete::Names;
use crate::cli::downloads::Downloads;
use crate::cli::files::{self, Listed};
use crate::cli::link;
use crate::cli::output::Output;
use crate::content::{Bitfield, PartialFile};
use crate::download::{IdPrefix, MAX_LISTED as MAX_LISTED_OF_NAME, Wanted, most_held_first};
use crate::node::Node;
use crate::registration::RegistryError;
use alto_client::printable;

/// Largest number of holders that are ranked.
const MAX_RANKED: usize = 20;
/// Number of digits of an ID that are shown.
const SHORT_ID: usize = 12;

/// Running peer under the control of the prompt.
pub(crate) struct Shell {
    name: String,
    node: Arc<Node>,
    downloads: Downloads,
    names: Names,
    output: Output,
}

/// Reason why a command has no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("nobody shares a file {0}; files lists those there are")]
    NoSuchFile(String),
    #[error("{0} files have this name; say which by its ID:\n{1}")]
    Ambiguous(usize, String),
}

impl Shell {
    pub(crate) fn new(name: String, node: Arc<Node>, downloads: Downloads, output: Output) -> Self {
        let names = Names::new(Arc::clone(node.registry()));
        Self { name, node, downloads, names, output }
    }

    /// Name of the peer.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Files that can be fetched.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn say(&self, text: &str) {
        self.output.say(text);
    }

    /// Runs a command, or starts it in the background.
    pub(super) fn obey(&self, command: Command) {
        match command {
            Command::Register => self.node.registration().register(),
            Command::Unregister => self.node.registration().unregister(),
            Command::Get(text) => {
                if let Err(error) = self.downloads.start(self.names.resolve(&text)) {
                    self.say(&error.to_string());
                }
            }
            Command::Cancel(text) => self.cancel(&text),
            Command::Best(text) => self.answer(self.best(&text)),
            Command::Files => self.answer(self.files()),
            Command::Share(path) => self.share(path),
            Command::Status => self.say(&self.status()),
            // Quit is for whoever reads the lines.
            Command::Help | Command::Quit => self.say(&Command::help()),
        }
    }

    fn answer(&self, answer: Result<String, NoAnswer>) {
        match answer {
            Ok(text) => self.say(&text),
            Err(error) => self.say(&error.to_string()),
        }
    }

    /// Cancels the download of a file, however it was called when it was started.
    fn cancel(&self, text: &str) {
        let prefix: Option<IdPrefix> = text.parse().ok();
        let resolved = self.names.resolve(text);
        let is_meant = |wanted: &Wanted| match wanted {
            _ if *wanted == resolved || wanted.to_string() == text => true,
            Wanted::Id(id) => {
                let name = self.node.library().get(*id).map(|shared| shared.name().to_string());
                name.as_deref() == Some(text) || prefix.as_ref().is_some_and(|prefix| prefix.begins(*id))
            }
            Wanted::Name(name) => {
                let fetched = self.node.library().all().into_iter().find(|shared| shared.name().as_str() == name);
                fetched.is_some_and(|shared| resolved == Wanted::Id(shared.manifest().id))
            }
        };
        if self.downloads.cancel(is_meant) == 0 {
            self.say(&format!("{text} is not being fetched; status shows what is"));
        }
    }

    /// Hashes in the background.
    fn share(&self, path: PathBuf) {
        let (node, output) = (Arc::clone(&self.node), self.output.clone());
        std::thread::spawn(move || match node.share(&path, |_, _, _| ()) {
            Ok((files, left_out)) => {
                for error in left_out {
                    output.say(&format!("left out: {error}"));
                }
                if files.is_empty() {
                    output.say("nothing to share there");
                }
                for line in link::lines(node.registry().directory_uri(), &files) {
                    output.say(&line);
                }
            }
            Err(error) => output.say(&error.to_string()),
        });
    }

    fn files(&self) -> Result<String, NoAnswer> {
        let Listed { files, more } = files::list(self.node.registry(), None)?;
        self.names.learn(&files);
        if files.is_empty() {
            return Ok("nobody shares anything yet".to_owned());
        }
        let mut text: Vec<String> = files.iter().map(|file| self.line(file)).collect();
        if more {
            text.push(format!("... and more than these {}", files.len()));
        }
        Ok(text.join("\n"))
    }

    fn line(&self, file: &FileSummary) -> String {
        let here = match self.node.library().get(file.id) {
            Some(shared) if shared.is_complete() => ", here",
            Some(_) => ", here in part",
            None => "",
        };
        files::line(&short(file.id), file) + here
    }

    fn best(&self, text: &str) -> Result<String, NoAnswer> {
        let id = match self.names.resolve(text) {
            Wanted::Id(id) => id,
            Wanted::Name(name) => {
                let mut named = self.node.registry().files(Some(&name), None)?.files;
                most_held_first(&mut named);
                match named.len() {
                    0 => return Err(NoAnswer::NoSuchFile(name)),
                    1 => named.remove(0).id,
                    count => {
                        let lines: Vec<String> =
                            named.iter().take(MAX_LISTED_OF_NAME).map(|file| self.line(file)).collect();
                        return Err(NoAnswer::Ambiguous(count, lines.join("\n")));
                    }
                }
            }
        };
        let BestPeer { client, best, ranking } = self.node.registry().best(id, MAX_RANKED)?;
        let Some(best) = best else { return Ok("nobody else has the whole file".to_owned()) };
        // The registry knows no other cost; downloads go by the metrics of the peer itself.
        let mut text = format!("{} is best for {client} by routingcost:", printable(&best.holder.name));
        for (place, ranked) in ranking.iter().enumerate() {
            let cost = ranked.cost.map_or("no cost".to_owned(), |cost| format!("cost {cost}"));
            let holder = &ranked.holder;
            let at = std::net::SocketAddr::new(holder.address, holder.port);
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{:>3}  {cost:<12}  {} at {at}", place + 1, printable(&holder.name));
        }
        Ok(text)
    }

    fn status(&self) -> String {
        let (registration, load) = (self.node.registration().status(), self.node.serving().load());
        let mut lines =
            vec![format!("{} at {}, server {}", self.name, self.node.address(), self.node.registry().directory_uri())];
        lines.push(match &registration.peer {
            Some(peer) => format!("registered as {peer} for {} s at a time", registration.lease),
            None => "not registered".to_owned(),
        });
        lines.extend(registration.unreachable.then(|| "nobody can reach it: the server could not connect".to_owned()));
        lines.extend(registration.left_out);
        lines.extend(registration.problem.map(|problem| format!("trouble: {problem}")));
        let shared = self.node.library().all();
        let whole = shared.iter().filter(|shared| shared.is_complete()).count();
        lines.push(format!("shares {whole} files whole and {} in part", shared.len() - whole));
        lines.push(format!(
            "{} uploads, {} more wait, {} sent so far",
            load.uploads,
            load.waiting,
            HumanBytes(load.sent)
        ));
        for partial in shared.iter().filter_map(|shared| shared.partial()) {
            let have = partial.have();
            lines.push(progress(partial, &have));
        }
        let waiting = self.downloads.active().into_iter().filter(|active| match &active.wanted {
            Wanted::Id(id) => self.node.library().get(*id).is_none(),
            Wanted::Name(name) => !shared.iter().any(|shared| shared.name().as_str() == name),
        });
        lines.extend(
            waiting.map(|active| format!("looking for {} since {} s", active.wanted, active.since.elapsed().as_secs())),
        );
        lines.join("\n")
    }
}

/// Progress of a download, in pieces and in parts of the file.
fn progress(partial: &PartialFile, have: &Bitfield) -> String {
    let (size, pieces) = (partial.manifest().size, have.len().max(1) as u64);
    let percent = have.count() as u64 * 100 / pieces;
    let name = partial.name();
    format!("fetching {name}: {} of {} pieces, {percent} % of {}", have.count(), have.len(), HumanBytes(size))
}

fn short(id: FileId) -> String {
    id.to_string().chars().take(SHORT_ID).collect()
}
