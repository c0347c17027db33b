//! `alto-peer get`: fetches one file, and shares what has arrived of it meanwhile.

mod progress;

use std::io::{self, IsTerminal, stderr};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, Instant, SystemTime};

use structopt::StructOpt;

use self::progress::{Progress, Quiet};
use super::Exit;
use super::access::{AccessError, AccessOptions};
use super::output::Output;
use super::share::host_name;
use super::signals::Signals;
use crate::content::FileName;
use crate::content::manifest::DEFAULT_PIECE_SIZE;
use crate::content::name::NameError;
use crate::download::{Cancel, FetchError, Fetcher, Options, Order, Rendezvous, Setup, Wanted};
use crate::events::Events;
use crate::node::{Node, NodeError, NodeSettings, source};
use crate::policy::{Metrics, PolicyName, Shares};
use crate::serving::{DEFAULT_UPLOADS, Patience, ServingSettings};
use crate::settings::{Rate, Size, check_name};
use crate::swarm::Registry;
use alto_client::Client;

/// Text below the options in the help, with a line for every policy.
static AFTER_HELP: LazyLock<String> = LazyLock::new(|| {
    let line = |policy: &PolicyName| format!("    {:<9} {}\n", policy.as_str(), policy.about());
    let policies: String = PolicyName::ALL.iter().map(line).collect();
    format!("POLICIES:\n{policies}\n{BELOW_POLICIES}")
});

/// Text below the policies in the help.
const BELOW_POLICIES: &str = "\
    Without an answer of the ALTO server, policies that need costs say so, and continue as nearest, or else as random.\n\n\
METRICS:\n    \
    --metric names the costs that alto and best go by: routingcost (which every server has), hopcount, delay-ow,\n    \
    delay-rt, lossrate, bw-residual, bw-available, or whatever else `alto-peer query directory` lists. Of several,\n    \
    each is divided by what is usual among the holders (the median; of bandwidths the reciprocal counts, as more is\n    \
    better), and the sum by weight decides. A metric that the server lacks is left out, and said to be.\n\n\
EXAMPLES:\n    \
    alto-peer get --server http://alto.example/directory movie.bin\n        \
        fetches the only file of that name into this folder\n    \
    alto-peer get --server http://alto.example/directory 9f86d081884c7d65...0f00a08 -o /srv/films/\n        \
        fetches the file with that ID (SHA-256) into a folder, under the name it has\n    \
    alto-peer get --server http://alto.example/directory movie.bin --policy nearest --json | jq .event\n        \
        tells what happens, one JSON object a line\n    \
    alto-peer get --server http://alto.example/directory movie.bin --metric delay-ow=0.7,bw-available=0.3\n        \
        prefers holders that are near, and among those the ones with bandwidth to spare\n    \
    alto-peer get --server http://alto.example/directory movie.bin --wait --stay 600\n        \
        waits until somebody has it, and shares it for ten minutes once it is here\n\n\
What has arrived is kept when a download ends early; the same command goes on from there.\n\n\
EXIT CODES:\n    \
0 the file is there, and right   1 it is not   64 wrong usage   78 a file or folder cannot be used";

/// What to fetch and how.
#[derive(Clone, Debug, StructOpt)]
#[structopt(after_help = AFTER_HELP.as_str())]
pub(crate) struct Get {
    /// The file: its ID (64 hexadecimal digits, the SHA-256 of its content) or its name
    #[structopt(value_name = "FILE-ID|NAME")]
    wanted: Wanted,

    /// Where it goes: a folder, or a path with the name it gets [default: the present folder, its own name]
    #[structopt(long, short, value_name = "PATH", parse(from_os_str))]
    output: Option<PathBuf>,

    /// URI of the ALTO server's directory; the registry of peers is beside it
    #[structopt(long, value_name = "URI", env = "ALTO_SERVER")]
    server: String,

    #[structopt(flatten)]
    access: AccessOptions,

    #[structopt(flatten)]
    fetching: FetchingOptions,

    #[structopt(flatten)]
    peer: PeerOptions,

    /// Waits until somebody has the file, rather than fail
    #[structopt(long)]
    wait: bool,

    /// Prints one JSON object a line for everything that happens (docs/swarm.md)
    #[structopt(long)]
    json: bool,
}

/// How files are fetched.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct FetchingOptions {
    /// How holders are chosen
    #[structopt(long, value_name = "POLICY", default_value = "alto", possible_values = PolicyName::NAMES)]
    policy: PolicyName,

    /// Policies alto and best: the cost they go by, or several with weights such as delay-ow=0.7,bw-residual=0.3
    #[structopt(long, value_name = "METRIC[=WEIGHT],...", default_value = "routingcost")]
    metric: Metrics,

    /// Holders whose pieces are followed at a time
    #[structopt(long, value_name = "N", default_value = "20", parse(try_from_str = from_1_to_200))]
    neighbours: usize,

    /// Policy alto: most of the neighbours that come from the own PID, from 0 to 1
    #[structopt(long, value_name = "SHARE", default_value = "0.7", parse(try_from_str = share))]
    own_pid_share: f64,

    /// Policy alto: most that come from the own PID and those near to it, from 0 to 1
    #[structopt(long, value_name = "SHARE", default_value = "0.8", parse(try_from_str = share))]
    own_neighbourhood_share: f64,

    /// Requests at a time
    #[structopt(long, value_name = "N", default_value = "8", parse(try_from_str = from_1_to_200))]
    parallel: usize,

    /// Requests to one neighbour at a time
    #[structopt(long, value_name = "N", default_value = "2", parse(try_from_str = from_1_to_200))]
    parallel_per_neighbour: usize,

    /// Starts the random choices, so that they can be repeated
    #[structopt(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Written to disk at a time
    #[structopt(long, value_name = "SIZE", default_value = "64KiB", parse(try_from_str = block_size))]
    block_size: usize,

    /// A holder that stops for so long within an answer is left for others
    #[structopt(long, value_name = "SECONDS", default_value = "15", parse(try_from_str = seconds))]
    stall: Duration,

    /// How often costs and holders are asked for again
    #[structopt(long, value_name = "SECONDS", default_value = "10", parse(try_from_str = seconds))]
    refresh: Duration,

    /// Gives up after so long without anything new
    #[structopt(long, value_name = "SECONDS", default_value = "600", parse(try_from_str = seconds))]
    patience: Duration,
}

/// What this is to other peers while it fetches.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct PeerOptions {
    /// Where connections to others come from, and where others connect to [default: as the system chooses]
    #[structopt(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,

    /// Port that others connect to; 0 picks a free one
    #[structopt(long, value_name = "PORT", default_value = "0")]
    port: u16,

    /// What this peer is called [default: the host's name]
    #[structopt(long, value_name = "NAME", parse(try_from_str = peer_name))]
    name: Option<String>,

    /// Only takes: others cannot fetch from here what has arrived
    #[structopt(long)]
    no_share: bool,

    /// Most that all uploads take together, per second: bytes, or with a unit as in 64KiB, 2MB, 0.8Mbit
    #[structopt(long, value_name = "RATE")]
    upload_rate: Option<Rate>,

    /// Uploads to others at a time
    #[structopt(long, value_name = "N", default_value = DEFAULT_UPLOADS_TEXT, parse(try_from_str = from_1_to_200))]
    uploads: usize,

    /// Goes on sharing for so long once the file is here
    #[structopt(long, value_name = "SECONDS", default_value = "0", parse(try_from_str = seconds_or_none))]
    stay: Duration,
}

const DEFAULT_UPLOADS_TEXT: &str = "8";
const _: () = assert!(DEFAULT_UPLOADS == 8, "as the help says");

/// Why there is no file.
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
}

/// Fetches, and says how it went.
pub(crate) fn run(get: &Get) -> Exit {
    let Err(error) = get.run() else { return Exit::Success };
    eprintln!("alto-peer: {error}");
    match error {
        GetError::Access(error) => error.exit(),
        GetError::Output { .. } | GetError::Name(_) | GetError::Fetch(FetchError::Place { .. }) => Exit::Config,
        GetError::Node(_) | GetError::System(_) | GetError::Fetch(_) => Exit::Failure,
    }
}

impl Get {
    fn run(&self) -> Result<(), GetError> {
        Output::stderr().log();
        let (folder, name) = place(self.output.as_deref())?;
        let own = self.peer.address.and_then(source);
        let mut client = self.access.client(&self.server)?;
        if let Some(own) = own {
            client = client.source(own);
        }
        let client = client.build().map_err(AccessError::from)?;
        let cancel = Cancel::default();
        cancel_on_signals(&cancel)?;
        let events = self.events();
        let node = if self.peer.no_share {
            None
        } else {
            Some(self.peer.share(client.clone(), events.clone(), self.fetching.seed)?)
        };
        let rendezvous: Arc<dyn Rendezvous> = match &node {
            Some(node) => Arc::clone(node.registry()) as _,
            None => Arc::new(Registry::new(client.clone())),
        };
        let library = node.as_ref().map(|node| Arc::clone(node.library()));
        let fetcher = Fetcher::new(Setup { client, rendezvous, source: own, library, events });
        let order =
            Order { wanted: self.wanted.clone(), folder, name, wait: self.wait, options: self.fetching.options() };
        let result = fetcher.fetch(&order, &cancel);
        if let Some(node) = node {
            if result.is_ok() {
                stay(self.peer.stay, &cancel);
            }
            node.stop();
        }
        result?;
        Ok(())
    }

    /// JSON for programs, a bar for people, and for logs only what they have to know.
    fn events(&self) -> Events {
        if self.json {
            return Output::stdout().events(true);
        }
        let clock = Arc::new(SystemTime::now);
        if stderr().is_terminal() { Events::new(clock, Progress::new()) } else { Events::new(clock, Quiet) }
    }
}

impl FetchingOptions {
    /// For the engine.
    pub(crate) fn options(&self) -> Options {
        Options {
            policy: self.policy,
            metrics: self.metric.clone(),
            shares: Shares { own_pid: self.own_pid_share, own_neighbourhood: self.own_neighbourhood_share },
            neighbours: self.neighbours,
            parallel: self.parallel,
            parallel_per_neighbour: self.parallel_per_neighbour,
            seed: self.seed,
            block_size: self.block_size,
            stall: self.stall,
            refresh: self.refresh,
            patience: self.patience,
        }
    }
}

impl PeerOptions {
    /// Starts the peer that others see, and registers it.
    fn share(&self, client: Client, events: Events, seed: Option<u64>) -> Result<Arc<Node>, GetError> {
        let settings = NodeSettings {
            name: self.name.clone().unwrap_or_else(host_name),
            serving: ServingSettings {
                address: SocketAddr::new(self.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), self.port),
                upload_rate: self.upload_rate.map(Rate::bytes),
                uploads: self.uploads,
                patience: Patience::default(),
            },
            // Of what it would hash itself, which is nothing.
            piece_size: DEFAULT_PIECE_SIZE,
            state: None,
            seed,
        };
        let node = Arc::new(Node::start(settings, client, events)?);
        node.upkeep().register();
        Ok(node)
    }
}

/// Goes on sharing.
fn stay(time: Duration, cancel: &Cancel) {
    let until = Instant::now() + time;
    while Instant::now() < until && !cancel.is_cancelled() {
        std::thread::sleep(Duration::from_millis(100).min(time));
    }
}

/// The folder and, if it was given, the name. A path that exists as a folder, or ends like one, is one.
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

/// The first signal ends the download in good order, the second one at once.
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

fn from_1_to_200(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=200).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from 1 to 200"))
}

fn block_size(text: &str) -> Result<usize, String> {
    let bytes = text.parse::<Size>().map_err(|error| error.to_string())?.bytes();
    let allowed = usize::try_from(bytes).ok().filter(|bytes| (512..=16 * 1024 * 1024).contains(bytes));
    allowed.ok_or_else(|| format!("{text:?} is not a size from 512 bytes to 16MiB"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not a share from 0 to 1"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let time = seconds_or_none(text).ok().filter(|time| *time >= Duration::from_millis(100));
    time.ok_or_else(|| format!("{text:?} is not a number of seconds from 0.1 to 1000000"))
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=1e6).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text:?} is not a number of seconds up to 1000000"))
}

fn peer_name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}
