//! `alto-peer run`: a whole peer, as `peers.json` describes it, with a prompt.

use std::io::{IsTerminal, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use structopt::StructOpt;

use super::Exit;
use super::access::{AccessError, AccessOptions};
use super::downloads::Downloads;
use super::output::Output;
use super::prompt::{self, Shell};
use super::signals::Signals;
use super::start::StartError;
use crate::download::{Fetcher, Setup};
use crate::node::{Node, NodeSettings, source};
use crate::serving::{Patience, ServingSettings};
use crate::settings::{DEFAULT_PORT, PeerSettings, PeersFile, Rate};

/// Which peer, and how to talk to it.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "\
EXAMPLES:
    alto-peer run --config peers.json --name p1
    alto-peer run --config peers.json --name p1 --headless --json
    echo 'get movie.bin' | alto-peer run --config peers.json --name p1 --headless

The peer serves, shares its files, registers, and fetches what it is to get; docs/swarm.md lists the keys of the file.
At the prompt, help lists the commands. SIGTERM and quit unregister it and end it; so does the end of standard input,
unless it is headless. With --json standard output has events only, and what commands answer goes to standard error.

EXIT CODES:
    0 told to end   1 failed while running   64 wrong usage   78 a file cannot be used")]
pub(crate) struct RunOptions {
    /// The file with the peers (see peers.schema.json)
    #[structopt(long, value_name = "FILE")]
    config: PathBuf,

    /// The name of the peer in the file
    #[structopt(long, value_name = "NAME")]
    name: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Has no prompt, and goes on when standard input ends; commands are still read if it is not a terminal
    #[structopt(long)]
    headless: bool,

    /// Writes events to standard output, one JSON object a line (docs/swarm.md lists them)
    #[structopt(long)]
    json: bool,
}

/// Runs the peer until told to end.
pub(crate) fn run(options: &RunOptions) -> Exit {
    match serve(options) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("alto-peer: {error}");
            error.exit()
        }
    }
}

fn serve(options: &RunOptions) -> Result<Exit, StartError> {
    let (end, ended) = mpsc::channel();
    Signals::listen()?.tell(end.clone())?;
    let file = PeersFile::read(&options.config)?;
    let peer = file.peer(&options.name, &options.config)?;
    for path in peer.share.iter().flatten() {
        path.metadata().map_err(|source| StartError::Path { path: path.clone(), source })?;
    }
    let folder = peer.folder.clone().unwrap_or_default();
    std::fs::create_dir_all(&folder).map_err(|source| StartError::Path { path: folder.clone(), source })?;

    let terminal = !options.headless && stdin().is_terminal() && stdout().is_terminal();
    let mut editor = if terminal { Some(prompt::editor()?) } else { None };
    let above = editor.as_mut().and_then(|editor| editor.create_external_printer().ok()).map(Output::prompt);
    let lines = above.clone().unwrap_or_else(Output::stdout);
    let answers = above.clone().unwrap_or_else(|| if options.json { Output::stderr() } else { Output::stdout() });
    above.unwrap_or_else(Output::stderr).log();

    let address = peer.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let mut client = options.access.client(&file.server)?;
    if let Some(source) = source(address) {
        client = client.source(source);
    }
    let client = client.build().map_err(AccessError::from)?;
    let events = lines.events(options.json);
    let node = Arc::new(Node::start(settings(options, peer, &folder), client.clone(), events.clone())?);
    let setup = Setup {
        client,
        rendezvous: node.registry().clone(),
        source: source(address),
        library: Some(Arc::clone(node.library())),
        events,
    };
    let downloads = Downloads::new(Fetcher::new(setup), folder, peer.options());
    begin(peer, &node, &downloads)?;
    let shell = Shell::new(options.name.clone(), Arc::clone(&node), downloads.clone(), answers);
    let screen = terminal.then(prompt::Screen::remember).flatten();
    listen(options, editor, shell, end)?;

    let exit = ended.recv().unwrap_or(Exit::Failure);
    downloads.stop();
    node.stop();
    if let Some(screen) = screen {
        screen.restore();
    }
    Ok(exit)
}

fn settings(options: &RunOptions, peer: &PeerSettings, folder: &std::path::Path) -> NodeSettings {
    NodeSettings {
        name: options.name.clone(),
        serving: ServingSettings {
            address: SocketAddr::new(
                peer.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
                peer.port.unwrap_or(DEFAULT_PORT),
            ),
            upload_rate: peer.upload_rate.map(Rate::bytes),
            uploads: peer.uploads(),
            patience: Patience::default(),
        },
        piece_size: peer.piece_size(),
        state: Some(folder.to_owned()),
        seed: peer.seed,
    }
}

/// Shares what is to be shared, registers, and fetches what is to be fetched, while the prompt is up already.
fn begin(peer: &PeerSettings, node: &Arc<Node>, downloads: &Downloads) -> Result<(), StartError> {
    let (node, downloads) = (Arc::clone(node), downloads.clone());
    let (share, get) = (peer.share.clone().unwrap_or_default(), peer.get.clone().unwrap_or_default());
    let begin = move || {
        for path in share {
            match node.share(&path, |_, _, _| ()) {
                Ok((_, left_out)) => left_out.iter().for_each(|error| tracing::warn!("left out: {error}")),
                Err(error) => tracing::error!("{error}"),
            }
        }
        node.upkeep().register();
        downloads.fetch_all(get.iter().map(|wanted| match wanted.parse() {
            Ok(wanted) => wanted,
            Err(never) => match never {},
        }));
    };
    std::thread::Builder::new().name("begin".to_owned()).spawn(begin)?;
    Ok(())
}

/// Reads commands in a thread of its own, from wherever they come.
fn listen(
    options: &RunOptions,
    editor: Option<prompt::Editor>,
    shell: Shell,
    end: Sender<Exit>,
) -> Result<(), StartError> {
    let headless = options.headless;
    if editor.is_none() && headless && stdin().is_terminal() {
        // Whoever started it in the background keeps the terminal.
        return Ok(());
    }
    let read = move || {
        let told = match editor {
            Some(editor) => prompt::converse(editor, &shell),
            None => prompt::obey(stdin().lock(), &shell),
        };
        if told == prompt::Told::Quit || !headless {
            let _ended_already = end.send(Exit::Success);
        }
    };
    std::thread::Builder::new().name("prompt".to_owned()).spawn(read)?;
    Ok(())
}
