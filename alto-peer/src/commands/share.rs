//! `alto-peer share`: shares files until it is told to end.

use std::io::{IsTerminal, stderr};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use indicatif::{ProgressBar, ProgressStyle};
use structopt::StructOpt;

use super::Exit;
use super::access::{AccessError, AccessOptions};
use super::output::Output;
use super::signals::Signals;
use super::start::StartError;
use crate::content::manifest::DEFAULT_PIECE_SIZE;
use crate::node::{Node, NodeSettings, source};
use crate::serving::{DEFAULT_UPLOADS, Patience, ServingSettings};
use crate::settings::{DEFAULT_PORT, Rate, Size, check_name, check_piece_size};

/// What to share, and how.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "\
EXAMPLES:
    alto-peer share movie.bin --server http://alto.example/directory
    alto-peer share ~/public --server http://alto.example/directory --upload-rate 8Mbit --address 192.0.2.7

Files are hashed first, then registered at the server until SIGTERM or ^C, which unregisters them. In a folder, hidden
files and symbolic links that lead out of it are left out. A file that changes is no longer shared.

EXIT CODES:
    0 told to end   1 failed while running   64 wrong usage   78 a file cannot be used")]
pub(crate) struct ShareOptions {
    /// Files, or folders with all that is in them
    #[structopt(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// URI of the ALTO server's directory; the registry of peers is beside it
    #[structopt(long, value_name = "URI", env = "ALTO_SERVER")]
    server: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Listens on this port; 0 picks a free one [default: 6881]
    #[structopt(long, value_name = "PORT")]
    port: Option<u16>,

    /// Listens on this address, and registers from it; any if not given
    #[structopt(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,

    /// What the peer is called [default: the host's name]
    #[structopt(long, value_name = "NAME", parse(try_from_str = name))]
    name: Option<String>,

    /// Most that all uploads take together, per second: bytes, or with a unit as in 64KiB, 2MB, 0.8Mbit
    #[structopt(long, value_name = "RATE")]
    upload_rate: Option<Rate>,

    /// Uploads at a time; more wait, in turns by address [default: 8]
    #[structopt(long, value_name = "N", parse(try_from_str = uploads))]
    uploads: Option<usize>,

    /// Pieces that files are cut into: a power of two from 16KiB to 16MiB [default: 256KiB]
    #[structopt(long, value_name = "SIZE", parse(try_from_str = piece_size))]
    piece_size: Option<u32>,

    /// Folder for the registration, so that a peer that was killed takes it over when it starts again
    #[structopt(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Writes events to standard output, one JSON object a line (docs/swarm.md lists them)
    #[structopt(long)]
    json: bool,
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

fn uploads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=200).contains(count)).ok_or_else(|| "must be from 1 to 200".to_owned())
}

fn piece_size(text: &str) -> Result<u32, String> {
    text.parse::<Size>().map_err(|error| error.to_string()).and_then(check_piece_size)
}

/// What people call this machine.
pub(super) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if check_name(&name).is_ok() { name } else { "peer".to_owned() }
}

/// Shares until told to end.
pub(crate) fn run(options: &ShareOptions) -> Exit {
    Output::stderr().log();
    match serve(options) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("alto-peer: {error}");
            error.exit()
        }
    }
}

fn serve(options: &ShareOptions) -> Result<Exit, StartError> {
    let (end, ended) = mpsc::channel();
    Signals::listen()?.tell(end.clone())?;
    let address = options.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let mut client = options.access.client(&options.server)?;
    if let Some(source) = source(address) {
        client = client.source(source);
    }
    let settings = NodeSettings {
        name: options.name.clone().unwrap_or_else(host_name),
        serving: ServingSettings {
            address: SocketAddr::new(address, options.port.unwrap_or(DEFAULT_PORT)),
            upload_rate: options.upload_rate.map(Rate::bytes),
            uploads: options.uploads.unwrap_or(DEFAULT_UPLOADS),
            patience: Patience::default(),
        },
        piece_size: options.piece_size.unwrap_or(DEFAULT_PIECE_SIZE),
        state: options.state.clone(),
        seed: None,
    };
    let client = client.build().map_err(AccessError::from)?;
    let node = Arc::new(Node::start(settings, client, Output::stdout().events(options.json))?);
    // In a thread of its own, so that a signal is obeyed while a long file is hashed.
    let (hashing, paths, quiet) = (Arc::clone(&node), options.paths.clone(), options.json);
    std::thread::Builder::new().name("hashing".to_owned()).spawn(move || {
        if share_all(&hashing, &paths, quiet) {
            hashing.upkeep().register();
        } else {
            let _ended_already = end.send(Exit::Config);
        }
    })?;
    let exit = ended.recv().unwrap_or(Exit::Failure);
    node.stop();
    Ok(exit)
}

/// Shares everything that can be; false where something that was named cannot, or nothing is left.
fn share_all(node: &Node, paths: &[PathBuf], quiet: bool) -> bool {
    let mut shared = 0;
    for path in paths {
        let bar = Bar::new(quiet);
        match node.share(path, |path, done, size| bar.show(path, done, size)) {
            Ok((files, left_out)) => {
                shared += files.len();
                for error in left_out {
                    eprintln!("alto-peer: left out: {error}");
                }
            }
            Err(error) => {
                eprintln!("alto-peer: {error}");
                return false;
            }
        }
    }
    if shared == 0 {
        eprintln!("alto-peer: nothing to share: no regular files, or all of them hidden");
    }
    shared > 0
}

/// How far hashing is, where somebody watches.
struct Bar(ProgressBar);

impl Bar {
    fn new(quiet: bool) -> Self {
        if quiet || !stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("hashing {msg} {bytes}/{total_bytes} {bytes_per_sec}");
        Self(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn show(&self, path: &Path, done: u64, size: u64) {
        if self.0.is_hidden() {
            return;
        }
        if done == size {
            self.0.reset();
            return;
        }
        self.0.set_length(size);
        self.0.set_position(done);
        self.0.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
