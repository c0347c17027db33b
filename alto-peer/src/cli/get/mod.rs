//! `alto-peer get`: fetches one file, and shares the pieces that have arrived meanwhile.

mod progress;

use std::io::{self, IsTerminal, stderr};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, Instant, SystemTime};

use indicatif::HumanBytes;
use structopt::StructOpt;

use self::progress::{Progress, Quiet};
use super::access::{AccessError, AccessOptions};
use super::link::Link;
use super::output::Output;
use super::signals::Signals;
use super::start::node_settings;
use super::values;
use crate::content::FileName;
use crate::content::name::NameError;
use crate::download::{
    Cancel, FetchError, Fetcher, Follow, NamedPeers, Options, Order, Rendezvous, Setup, Tree, TreeError,
};
use crate::events::Events;
use crate::node::{Node, NodeError};
use crate::policy::{Metrics, PolicyName};
use crate::registration::RegistryClient;
use crate::settings::{PeerConfig, PeerSettings, Rate, Size};
use alto_client::Client;
use command_line::{Exit, note};

/// Help that follows the options: policies, metrics, examples and exit codes.
static AFTER_HELP: LazyLock<String> = LazyLock::new(|| {
    let policies: Vec<String> =
        PolicyName::ALL.iter().map(|name| format!("    {:<9} {}", name.as_str(), name.summary())).collect();
    format!("POLICIES:\n{}\n\n{}", policies.join("\n"), include_str!("after_help.txt").trim_end())
});

/// Help of `--policy`, with the names of all policies.
static POLICY_HELP: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = PolicyName::ALL.iter().map(|name| name.as_str()).collect();
    let default = Options::default().policy;
    format!("Policy by which holders are chosen: {} [default: {default}]", names.join(", "))
});

/// Options of `get`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = AFTER_HELP.as_str())]
pub(crate) struct Get {
    /// ID (64 hexadecimal digits, the SHA-256 of the content, or the first six and more), name, or link of the file
    #[structopt(value_name = "FILE-ID|NAME|LINK")]
    wanted: Link,

    /// Folder for the file, or a path with a new name [default: the working directory, its own name]
    #[structopt(long, short, value_name = "PATH", parse(from_os_str))]
    output: Option<PathBuf>,

    /// URI of the ALTO server's directory; the registry of peers is next to it. A link has one
    #[structopt(long, value_name = "URI", env = "ALTO_SERVER")]
    server: Option<String>,

    /// Fetches from this peer, without asking a registry; repeat for several
    #[structopt(long = "peer", value_name = "ADDRESS:PORT", number_of_values = 1)]
    from: Vec<SocketAddr>,

    #[structopt(flatten)]
    access: AccessOptions,

    #[structopt(flatten)]
    fetching: FetchingOptions,

    #[structopt(flatten)]
    peer: PeerOptions,

    /// Waits until somebody has the file, instead of failing
    #[structopt(long)]
    wait: bool,

    /// Writes events to standard output, one JSON object a line (docs/swarm.md lists them)
    #[structopt(long)]
    json: bool,
}

/// Options of the download.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct FetchingOptions {
    // Help texts are strings, so this one is not a doc comment.
    #[structopt(long, value_name = "POLICY", help = POLICY_HELP.as_str())]
    policy: Option<PolicyName>,

    /// Cost metric of the policies alto and best, or several with weights such as delay-ow=0.7,bw-residual=0.3 [default:
    /// routingcost]
    #[structopt(long, value_name = "METRIC[=WEIGHT],...")]
    metric: Option<Metrics>,

    /// Largest number of neighbours, the holders whose pieces are followed [default: 20]
    #[structopt(long, value_name = "N", parse(try_from_str = values::count))]
    neighbours: Option<usize>,

    /// Policy alto: largest share of neighbours in the own PID, from 0 to 1 [default: 0.7]
    #[structopt(long, value_name = "SHARE", parse(try_from_str = values::share))]
    own_pid_share: Option<f64>,

    /// Policy alto: largest share of neighbours in the own PID and near ones, from 0 to 1 [default: 0.8]
    #[structopt(long, value_name = "SHARE", parse(try_from_str = values::share))]
    own_neighbourhood_share: Option<f64>,

    /// Largest number of requests at a time [default: 12]
    #[structopt(long, value_name = "N", parse(try_from_str = values::count))]
    parallel: Option<usize>,

    /// Largest number of requests at a time to one neighbour [default: 2]
    #[structopt(long, value_name = "N", parse(try_from_str = values::count))]
    parallel_per_neighbour: Option<usize>,

    /// Seed of random choices, which makes a run repeatable
    #[structopt(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Amount written to disk at a time [default: 64KiB]
    #[structopt(long, value_name = "SIZE", parse(try_from_str = values::block_size))]
    block_size: Option<Size>,

    /// Time without data after which a transfer is given up for another holder [default: 15]
    #[structopt(long, value_name = "SECONDS", parse(try_from_str = values::seconds))]
    stall: Option<f64>,

    /// Time between queries for holders, and for costs that are not followed [default: 10]
    #[structopt(long, value_name = "SECONDS", parse(try_from_str = values::seconds))]
    refresh: Option<f64>,

    /// How changes of costs are followed: auto (by the server's update stream, or else by TIPS, or else by asking every
    /// --refresh seconds), stream, tips, or never (by asking) [default: auto]
    #[structopt(long, value_name = "WAY")]
    follow: Option<Follow>,

    /// Time without a new piece after which the download fails [default: 600]
    #[structopt(long, value_name = "SECONDS", parse(try_from_str = values::seconds))]
    patience: Option<f64>,

    /// Limit of what is received, in bytes per second or with a unit as in 64KiB, 2MB, 0.8Mbit
    #[structopt(long, value_name = "RATE", parse(try_from_str = values::download_rate))]
    download_rate: Option<Rate>,
}

/// Options of sharing during the download.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct PeerOptions {
    /// Address of connections to and from other peers [default: chosen by the system]
    #[structopt(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,

    /// Port that other peers connect to; 0 picks a free one
    #[structopt(long, value_name = "PORT", default_value = "0")]
    port: u16,

    /// Name of the peer [default: the host's name]
    #[structopt(long, value_name = "NAME", parse(try_from_str = values::name))]
    name: Option<String>,

    /// Does not share the pieces that have arrived
    #[structopt(long)]
    no_share: bool,

    /// Limit of all uploads together, in bytes per second or with a unit as in 64KiB, 2MB, 0.8Mbit
    #[structopt(long, value_name = "RATE")]
    upload_rate: Option<Rate>,

    /// Largest number of uploads at a time [default: 8]
    #[structopt(long, value_name = "N", parse(try_from_str = values::count))]
    uploads: Option<usize>,

    /// Time to go on sharing once the file is complete
    #[structopt(long, value_name = "SECONDS", default_value = "0", parse(try_from_str = values::time))]
    stay: Duration,
}

/// Reason why there is no file.
#[derive(Debug, thiserror::Error)]
enum GetError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("{}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Name(#[from] NameError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("no thread can be started: {0}")]
    System(#[from] io::Error),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("--server is missing: name the server, set ALTO_SERVER, paste a link, or name a peer with --peer")]
    NoServer,
    #[error("--policy {0} asks an ALTO server for costs: name one with --server, or choose nearest or random")]
    NoCosts(PolicyName),
}

/// Fetches the file. Returns the exit code.
pub(crate) fn run(get: &Get) -> Exit {
    let Err(error) = get.run() else { return Exit::Success };
    note!("alto-peer: {error}");
    match error {
        GetError::Access(error) => error.exit(),
        GetError::Output { .. }
        | GetError::Name(_)
        | GetError::Fetch(FetchError::Place { .. })
        | GetError::Tree(TreeError::Folder { .. }) => Exit::Config,
        GetError::NoServer | GetError::NoCosts(_) => Exit::Usage,
        GetError::Node(_) | GetError::System(_) | GetError::Fetch(_) | GetError::Tree(_) => Exit::Failure,
    }
}

impl Get {
    fn run(&self) -> Result<(), GetError> {
        Output::stderr().log();
        let (folder, name) = place(self.output.as_deref())?;
        let config = self.config()?;
        let own = config.source();
        let mut client = self.access.client(&self.directory()?)?;
        if let Some(own) = own {
            client = client.source(own);
        }
        let client = client.build().map_err(AccessError::from)?;
        let cancel = Cancel::default();
        cancel_on_signals(&cancel)?;
        let events = self.events();
        let shares = !self.peer.no_share && self.server().is_some();
        let node = if shares { Some(share(&config, client.clone(), events.clone())?) } else { None };
        let rendezvous: Arc<dyn Rendezvous> = match &node {
            _ if !self.from.is_empty() => Arc::new(NamedPeers::new(self.from.clone(), own)),
            Some(node) => Arc::clone(node.registry()) as _,
            None => Arc::new(RegistryClient::new(client.clone())),
        };
        let library = node.as_ref().map(|node| Arc::clone(node.library()));
        let setup = Setup { client, rendezvous, source: own, library, events };
        let rate = config.download_rate;
        let fetcher =
            if self.from.is_empty() { Fetcher::new(setup, rate) } else { Fetcher::of_named_peers(setup, rate) };
        let wanted = self.wanted.wanted.clone();
        let order = Order { wanted, folder, name, wait: self.wait, options: config.fetching };
        let result = self.fetch(&fetcher, &order, &cancel);
        if let Some(node) = node {
            if result.is_ok() {
                stay(self.peer.stay, &cancel);
            }
            node.stop();
        }
        result
    }

    /// Fetches the file, and if it describes a folder, the folder, too.
    fn fetch(&self, fetcher: &Fetcher, order: &Order, cancel: &Cancel) -> Result<(), GetError> {
        let done = fetcher.fetch(order, cancel)?;
        if let Some(Tree { path, files, bytes }) = fetcher.fetch_tree(order, &done, cancel)?
            && !self.json
        {
            Output::stdout().say(&format!("{}/: {files} files, {}", path.display(), HumanBytes(bytes)));
        }
        Ok(())
    }

    /// Server of the link, or else of the options.
    fn server(&self) -> Option<&String> {
        self.wanted.server.as_ref().or(self.server.as_ref())
    }

    /// URI of the directory. Where peers are named and no server is, none is ever asked.
    fn directory(&self) -> Result<String, GetError> {
        match (self.server(), self.from.first()) {
            (Some(server), _) => Ok(server.clone()),
            (None, Some(peer)) => Ok(format!("http://{peer}/")),
            (None, None) => Err(GetError::NoServer),
        }
    }

    /// Configuration of the peer and its download, with every default filled in.
    fn config(&self) -> Result<PeerConfig, GetError> {
        let (mut fetching, peer) = (self.fetching.clone(), self.peer.clone());
        if self.server().is_none() {
            match fetching.policy {
                Some(policy @ (PolicyName::Alto | PolicyName::Best)) => return Err(GetError::NoCosts(policy)),
                Some(_) => {}
                None => fetching.policy = Some(PolicyName::Nearest),
            }
        }
        let settings = PeerSettings {
            name: peer.name,
            address: peer.address,
            port: Some(peer.port),
            policy: fetching.policy,
            metric: fetching.metric,
            own_pid_share: fetching.own_pid_share,
            own_neighbourhood_share: fetching.own_neighbourhood_share,
            seed: fetching.seed,
            neighbours: fetching.neighbours,
            parallel: fetching.parallel,
            parallel_per_neighbour: fetching.parallel_per_neighbour,
            block_size: fetching.block_size,
            stall: fetching.stall,
            refresh: fetching.refresh,
            follow: fetching.follow,
            patience: fetching.patience,
            download_rate: fetching.download_rate,
            upload_rate: peer.upload_rate,
            uploads: peer.uploads,
            ..PeerSettings::default()
        };
        Ok(settings.resolve())
    }

    /// Chooses the form of events: JSON if wanted, a progress bar on a terminal, and a few lines in a log.
    fn events(&self) -> Events {
        if self.json {
            return Output::stdout().events(true);
        }
        let clock = Arc::new(SystemTime::now);
        if stderr().is_terminal() { Events::new(clock, Progress::new()) } else { Events::new(clock, Quiet) }
    }
}

/// Starts the peer that shares the pieces that have arrived, and registers it.
fn share(config: &PeerConfig, client: Client, events: Events) -> Result<Arc<Node>, GetError> {
    let node = Arc::new(Node::start(node_settings(config, None), client, events)?);
    node.registration().register();
    Ok(node)
}

/// Goes on sharing for a time.
fn stay(time: Duration, cancel: &Cancel) {
    let until = Instant::now() + time;
    while Instant::now() < until && !cancel.is_cancelled() {
        std::thread::sleep(Duration::from_millis(100).min(time));
    }
}

/// Splits the path of the output into a folder and, if it names a file, a name. A path that ends with a slash is a folder.
fn place(output: Option<&Path>) -> Result<(PathBuf, Option<FileName>), GetError> {
    let Some(output) = output else { return Ok((PathBuf::from("."), None)) };
    let looks_like_folder = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    let (folder, name) = if looks_like_folder || output.is_dir() {
        (output.to_owned(), None)
    } else {
        let folder = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        (folder.to_owned(), Some(FileName::of_path(output)?))
    };
    let metadata = folder.metadata().map_err(|source| GetError::Output { path: folder.clone(), source })?;
    if !metadata.is_dir() {
        return Err(GetError::Output { path: folder, source: io::ErrorKind::NotADirectory.into() });
    }
    Ok((folder, name))
}

/// Cancels the download at the first signal; a second one ends the program at once.
fn cancel_on_signals(cancel: &Cancel) -> io::Result<()> {
    let (end, ended) = mpsc::channel();
    Signals::listen()?.tell(end)?;
    let cancel = cancel.clone();
    let wait = move || {
        if ended.recv().is_ok() {
            cancel.cancel();
        }
    };
    std::thread::Builder::new().name("ending".to_owned()).spawn(wait).map(drop)
}
