//! `alto-peer run`: runs a peer of `peers.json`, with a prompt.

use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use structopt::StructOpt;

use super::access::{AccessError, AccessOptions};
use super::downloads::Downloads;
use super::output::Output;
use super::prompt::{self, Shell};
use super::signals::Signals;
use super::start::{StartError, node_settings};
use crate::download::{Fetcher, Setup};
use crate::node::Node;
use crate::settings::{PeerConfig, PeersFile};
use command_line::{Exit, note};

/// Options of `run`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "\
EXAMPLES:
    alto-peer run --config peers.json --name p1
    alto-peer run --config peers.json --name p1 --headless --json
    echo 'get movie.bin' | alto-peer run --config peers.json --name p1 --headless

The peer serves, shares its files, registers, and fetches the files listed under get; docs/swarm.md lists the keys of the
file. At the prompt, help lists the commands. SIGTERM and quit unregister the peer and end it; so does the end of
standard input, unless it is headless. With --json standard output has events only, and answers to commands go to
standard error.

EXIT CODES:
    0 ended by a signal or command   1 failed while running   64 wrong usage   78 a file cannot be used")]
pub(crate) struct RunOptions {
    /// File with the peers (see peers.schema.json)
    #[structopt(long, value_name = "FILE")]
    config: PathBuf,

    /// Name of the peer in the file
    #[structopt(long, value_name = "NAME")]
    name: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Runs without a prompt and goes on when standard input ends; commands are still read if it is not a terminal
    #[structopt(long)]
    headless: bool,

    /// Writes events to standard output, one JSON object a line (docs/swarm.md lists them)
    #[structopt(long)]
    json: bool,
}

/// Runs the peer until a signal or a command ends it.
pub(crate) fn run(options: &RunOptions) -> Exit {
    match serve(options) {
        Ok(exit) => exit,
        Err(error) => {
            error.to_string().lines().for_each(|line| note!("alto-peer: {line}"));
            error.exit()
        }
    }
}

fn serve(options: &RunOptions) -> Result<Exit, StartError> {
    let (end, ended) = mpsc::channel();
    Signals::listen()?.tell(end.clone())?;
    let file = PeersFile::read(&options.config)?;
    let config = file.peer(&options.name, &options.config)?.clone().resolve();
    for path in &config.share {
        path.metadata().map_err(|source| StartError::Path { path: path.clone(), source })?;
    }
    std::fs::create_dir_all(&config.folder)
        .map_err(|source| StartError::Path { path: config.folder.clone(), source })?;

    let terminal = !options.headless && stdin().is_terminal() && stdout().is_terminal();
    let mut editor = if terminal { Some(prompt::editor()?) } else { None };
    let above = editor.as_mut().and_then(|editor| editor.create_external_printer().ok()).map(Output::prompt);
    let lines = above.clone().unwrap_or_else(Output::stdout);
    let answers = above.clone().unwrap_or_else(|| if options.json { Output::stderr() } else { Output::stdout() });
    above.unwrap_or_else(Output::stderr).log();

    let mut client = options.access.client(&file.server)?;
    if let Some(source) = config.source() {
        client = client.source(source);
    }
    let client = client.build().map_err(AccessError::from)?;
    let events = lines.events(options.json);
    let settings = node_settings(&config, Some(config.folder.clone()));
    let node = Arc::new(Node::start(settings, client.clone(), events.clone())?);
    let setup = Setup {
        client,
        rendezvous: node.registry().clone(),
        source: config.source(),
        library: Some(Arc::clone(node.library())),
        events,
    };
    let downloads =
        Downloads::new(Fetcher::new(setup, config.download_rate), config.folder.clone(), config.fetching.clone());
    begin(config, &node, &downloads)?;
    let shell = Shell::new(options.name.clone(), Arc::clone(&node), downloads.clone(), answers);
    let screen = terminal.then(prompt::Screen::remember).flatten();
    listen(options, editor, shell, end)?;

    let exit = ended.recv().unwrap_or(Exit::Failure);
    if let Some(screen) = screen {
        // Nobody waits for the thread that would write above the prompt.
        screen.restore();
        lines.leave_prompt();
    }
    downloads.stop();
    node.stop();
    Ok(exit)
}

/// Shares the files to share, registers, and fetches the files to get, in a thread beside the prompt.
fn begin(config: PeerConfig, node: &Arc<Node>, downloads: &Downloads) -> Result<(), StartError> {
    let (node, downloads) = (Arc::clone(node), downloads.clone());
    let begin = move || {
        for path in config.share {
            match node.share(&path, |_, _, _| ()) {
                Ok((_, left_out)) => left_out.iter().for_each(|error| tracing::warn!("left out: {error}")),
                Err(error) => tracing::error!("{error}"),
            }
        }
        node.registration().register();
        downloads.fetch_all(config.get.iter().map(|wanted| match wanted.parse() {
            Ok(wanted) => wanted,
            Err(never) => match never {},
        }));
    };
    std::thread::Builder::new().name("begin".to_owned()).spawn(begin)?;
    Ok(())
}

/// Reads commands from the terminal or from standard input, in a thread of its own.
fn listen(
    options: &RunOptions,
    editor: Option<prompt::Editor>,
    shell: Shell,
    end: Sender<Exit>,
) -> Result<(), StartError> {
    let headless = options.headless;
    if editor.is_none() && headless && stdin().is_terminal() {
        // A peer in the background leaves the terminal to whoever started it.
        return Ok(());
    }
    let read = move || {
        let ended = match editor {
            Some(editor) => prompt::converse(editor, &shell),
            None => prompt::obey(stdin().lock(), &shell),
        };
        if ended == prompt::Ended::Quit || !headless {
            let _ended_already = end.send(Exit::Success);
        }
    };
    std::thread::Builder::new().name("prompt".to_owned()).spawn(read)?;
    Ok(())
}
