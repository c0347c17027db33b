//! `alto-peer torrent create`: makes a torrent of one file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};
use structopt::StructOpt;

use super::hexadecimal;
use super::metainfo::NewTorrent;
use crate::cli::values;
use crate::settings::Size;
use command_line::Exit;

/// Greatest number of pieces where the piece size is not given.
const MAX_PIECES: u64 = 2000;
/// Smallest size of pieces that is chosen.
const MIN_PIECE: u64 = 16 * 1024;
/// Largest size of pieces that is chosen.
const MAX_PIECE: u64 = 16 * 1024 * 1024;

/// Options of `torrent create`.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct CreateOptions {
    /// File to share
    #[structopt(value_name = "FILE")]
    file: PathBuf,

    /// URL of the tracker, such as http://HOST:PORT/tracker/announce
    #[structopt(long, value_name = "URL")]
    announce: String,

    /// Torrent file to write [FILE.torrent]
    #[structopt(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Size of the pieces [the smallest with at most 2000 pieces]
    #[structopt(long, value_name = "SIZE", parse(try_from_str = values::piece_size))]
    piece_size: Option<Size>,

    /// Lets clients learn of peers from other peers, too, which undoes what the tracker chooses
    #[structopt(long)]
    public: bool,
}

/// Reason why there is no torrent.
#[derive(Debug, thiserror::Error)]
pub(super) enum CreateError {
    #[error("{announce:?} is not the URL of a tracker: give one that begins with http://, https:// or udp://")]
    Url { announce: String },
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: is empty or has no name that is text, so no client would take it", path.display())]
    Unusable { path: PathBuf },
    #[error("cannot write {}: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

impl CreateError {
    /// Exit code of the program.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Url { .. } => Exit::Usage,
            Self::Unreadable { .. } | Self::Unusable { .. } | Self::Unwritable { .. } => Exit::Config,
        }
    }
}

/// Makes the torrent, and returns its infohash as text.
pub(super) fn run(options: &CreateOptions) -> Result<String, CreateError> {
    if !["http://", "https://", "udp://"].iter().any(|scheme| options.announce.starts_with(scheme)) {
        return Err(CreateError::Url { announce: options.announce.clone() });
    }
    let path = &options.file;
    let unreadable = |source| CreateError::Unreadable { path: path.clone(), source };
    let unusable = || CreateError::Unusable { path: path.clone() };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let piece_size = options.piece_size.map_or_else(|| usual_piece_size(length), Size::bytes);
    let (pieces, length) = hash_pieces(file, piece_size).map_err(unreadable)?;
    if length == 0 {
        return Err(unusable());
    }
    let private = !options.public;
    let torrent = NewTorrent { announce: &options.announce, name, length, piece_size, pieces: &pieces, private };
    let out = options.out.clone().unwrap_or_else(|| beside(path));
    std::fs::write(&out, torrent.to_bencode()).map_err(|source| CreateError::Unwritable { path: out, source })?;
    Ok(hexadecimal(&torrent.infohash()))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".torrent");
    name.into()
}

fn usual_piece_size(length: u64) -> u64 {
    (length / MAX_PIECES).next_power_of_two().clamp(MIN_PIECE, MAX_PIECE)
}

/// Hashes the pieces of a file. Returns the hashes and the length that was read.
fn hash_pieces(mut file: impl Read, piece_size: u64) -> io::Result<(Vec<u8>, u64)> {
    let (mut hashes, mut total) = (Vec::new(), 0);
    loop {
        let mut piece = Sha1::new();
        let length = io::copy(&mut file.by_ref().take(piece_size), &mut Hashing(&mut piece))?;
        if length == 0 {
            return Ok((hashes, total));
        }
        hashes.extend(piece.finalize());
        total += length;
    }
}

/// Writer that hashes.
struct Hashing<'a>(&'a mut Sha1);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_has_its_hash_and_the_last_may_be_short() {
        let content = [b"a".repeat(4), b"b".repeat(4), b"c".to_vec()].concat();
        let (hashes, length) = hash_pieces(&content[..], 4).unwrap();
        let expected = [&b"aaaa"[..], b"bbbb", b"c"].map(|piece| <[u8; 20]>::from(Sha1::digest(piece)));
        assert_eq!((hashes, length), (expected.concat(), 9));
    }

    #[test]
    fn pieces_grow_with_the_file() {
        for (length, size) in [(1, 16 << 10), (40 << 20, 32 << 10), (1 << 30, 1 << 20), (1 << 40, 16 << 20)] {
            assert_eq!(usual_piece_size(length), size, "{length}");
        }
    }
}
