//! `alto-peer share`: shares files until a signal ends it.

use std::io::{IsTerminal, stderr};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use indicatif::{ProgressBar, ProgressStyle};
use structopt::StructOpt;

use super::access::{AccessError, AccessOptions};
use super::link;
use super::output::Output;
use super::signals::Signals;
use super::start::{StartError, node_settings};
use super::values;
use crate::node::Node;
use crate::settings::{PeerSettings, Rate, Size};
use command_line::{Exit, note};

/// Options of `share`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = "\
EXAMPLES:
    alto-peer share movie.bin --server http://alto.example/directory
    alto-peer share ~/public --server http://alto.example/directory --upload-rate 8Mbit --address 192.0.2.7

Files are hashed first and then registered at the server, until SIGTERM or ^C unregisters them. Hidden files in a
folder are left out, and so are symbolic links that lead out of it. A file that changes is no longer shared. A folder
NAME is shared as a whole, too, as NAME.collection.json, by which `alto-peer get` fetches everything in it.

EXIT CODES:
    0 ended by a signal   1 failed while running   64 wrong usage   78 a file cannot be used")]
pub(crate) struct ShareOptions {
    /// Files, or folders with everything in them
    #[structopt(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// URI of the ALTO server's directory; the registry of peers is next to it
    #[structopt(long, value_name = "URI", env = "ALTO_SERVER")]
    server: String,

    #[structopt(flatten)]
    access: AccessOptions,

    /// Listens on this port; 0 picks a free one [default: 6881]
    #[structopt(long, value_name = "PORT")]
    port: Option<u16>,

    /// Listens on this address and registers from it [default: any, of both families]
    #[structopt(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,

    /// Name of the peer [default: the host's name]
    #[structopt(long, value_name = "NAME", parse(try_from_str = values::name))]
    name: Option<String>,

    /// Limit of all uploads together, in bytes per second or with a unit as in 64KiB, 2MB, 0.8Mbit
    #[structopt(long, value_name = "RATE")]
    upload_rate: Option<Rate>,

    /// Largest number of uploads at a time; more wait in a queue for each address [default: 8]
    #[structopt(long, value_name = "N", parse(try_from_str = values::count))]
    uploads: Option<usize>,

    /// Size of the pieces that files are cut into, a power of two from 16KiB to 16MiB [default: 256KiB]
    #[structopt(long, value_name = "SIZE", parse(try_from_str = values::piece_size))]
    piece_size: Option<Size>,

    /// Folder in which the registration is saved, so that a peer that was killed takes it over when it starts again
    #[structopt(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Writes events to standard output, one JSON object a line (docs/swarm.md lists them)
    #[structopt(long)]
    json: bool,
}

/// Shares until a signal ends the program.
pub(crate) fn run(options: &ShareOptions) -> Exit {
    Output::stderr().log();
    match serve(options) {
        Ok(exit) => exit,
        Err(error) => {
            error.to_string().lines().for_each(|line| note!("alto-peer: {line}"));
            error.exit()
        }
    }
}

fn serve(options: &ShareOptions) -> Result<Exit, StartError> {
    let (end, ended) = mpsc::channel();
    Signals::listen()?.tell(end.clone())?;
    let settings = PeerSettings {
        name: options.name.clone(),
        address: options.address,
        port: options.port,
        upload_rate: options.upload_rate,
        uploads: options.uploads,
        piece_size: options.piece_size,
        ..PeerSettings::default()
    };
    let config = settings.resolve();
    let mut client = options.access.client(&options.server)?;
    if let Some(source) = config.source() {
        client = client.source(source);
    }
    let client = client.build().map_err(AccessError::from)?;
    let settings = node_settings(&config, options.state.clone());
    let node = Arc::new(Node::start(settings, client, Output::stdout().events(options.json))?);
    // In a thread of its own, so that a signal ends the program even while a long file is hashed.
    let (hashing, paths, quiet, failed) = (Arc::clone(&node), options.paths.clone(), options.json, end.clone());
    std::thread::Builder::new().name("hashing".to_owned()).spawn(move || {
        if share_all(&hashing, &paths, quiet) {
            hashing.registration().register();
        } else {
            let _ended_already = failed.send(Exit::Config);
        }
    })?;
    let (refused, told) = (Arc::clone(&node), end);
    std::thread::Builder::new().name("refusal".to_owned()).spawn(move || {
        // The log has the reason.
        if refused.registration().wait_for_refusal().is_some() {
            let _ended_already = told.send(Exit::Failure);
        }
    })?;
    let exit = ended.recv().unwrap_or(Exit::Failure);
    node.stop();
    Ok(exit)
}

/// Shares everything that can be shared. Returns true if that is at least one file and no path that was named failed.
fn share_all(node: &Node, paths: &[PathBuf], quiet: bool) -> bool {
    let mut shared = 0;
    for path in paths {
        let bar = Bar::new(quiet);
        match node.share(path, |path, done, size| bar.show(path, done, size)) {
            Ok((files, left_out)) => {
                shared += files.len();
                if !quiet {
                    for line in link::lines(node.registry().directory_uri(), &files) {
                        Output::stdout().say(&line);
                    }
                }
                for error in left_out {
                    note!("alto-peer: left out: {error}");
                }
            }
            Err(error) => {
                note!("alto-peer: {error}");
                return false;
            }
        }
    }
    if shared == 0 {
        note!("alto-peer: nothing to share: the folders have no regular files, or hidden ones only");
    }
    shared > 0
}

/// Progress bar of hashing, shown on a terminal.
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
