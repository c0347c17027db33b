//! `alto-peer torrent`: makes torrents, and asks BitTorrent trackers as a client would.

mod ask;
mod create;
mod error;
mod metainfo;
mod over_http;
mod over_udp;

use structopt::StructOpt;
use structopt::clap::AppSettings;

use command_line::{Exit, note};
use create::CreateError;
use error::AskError;

/// Subcommands of `torrent`.
#[derive(Clone, Debug, StructOpt)]
#[structopt(
    after_help = "EXAMPLES:\n    \
        alto-peer torrent create movie.bin --announce http://192.0.2.1:8080/tracker/announce\n    \
        alto-peer torrent peers movie.bin.torrent\n    \
        alto-peer torrent peers --tracker udp://192.0.2.1:6969 --infohash 0123456789abcdef0123456789abcdef01234567\n    \
        alto-peer torrent announce movie.bin.torrent --port 6881 --event started\n\n\
        EXIT CODES:\n    \
        0 success   1 no answer, or a refusal of the tracker   64 wrong usage   78 a file cannot be used",
    setting = AppSettings::SubcommandRequiredElseHelp
)]
pub(crate) enum Torrent {
    /// Makes a torrent of a file, private unless told otherwise, and prints its infohash
    Create(create::CreateOptions),
    /// Announces a peer to a tracker and prints the answer; the peer stays in the swarm until its lease ends
    Announce(ask::AnnounceOptions),
    /// Asks a tracker for peers, and leaves the swarm again
    Peers(ask::PeersOptions),
}

/// Reason why a command failed.
#[derive(Debug, thiserror::Error)]
enum TorrentError {
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Runs a command. Returns the exit code.
pub(crate) fn run(torrent: &Torrent) -> Exit {
    let result = match torrent {
        Torrent::Create(options) => create::run(options).map_err(TorrentError::from),
        Torrent::Announce(options) => ask::announce(options).map_err(TorrentError::from),
        Torrent::Peers(options) => ask::peers(options).map_err(TorrentError::from),
    };
    match result {
        Ok(text) => super::print(&text),
        Err(error) => {
            note!("alto-peer: {error}");
            match error {
                TorrentError::Create(error) => error.exit(),
                TorrentError::Ask(error) => error.exit(),
            }
        }
    }
}

/// Writes an infohash in hexadecimal.
fn hexadecimal(infohash: &[u8]) -> String {
    infohash.iter().fold(String::with_capacity(40), |text, byte| text + &format!("{byte:02x}"))
}
