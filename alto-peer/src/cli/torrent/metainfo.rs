//! Torrent files (BEP 3): the part of them that a tracker and its clients need.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use alto_types::tracker::Infohash;
use alto_types::tracker::bencode::{BencodeError, Dictionary, Value, write_bytes, write_number, write_text};
use sha1::{Digest, Sha1};

/// Longest torrent file that is read.
const MAX_TORRENT: u64 = 32 * 1024 * 1024;

/// Torrent as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metainfo {
    pub(super) infohash: Infohash,
    /// URL of the tracker; absent if the torrent has none.
    pub(super) announce: Option<String>,
    /// Length of the content in bytes.
    pub(super) length: u64,
}

/// Torrent that is made of a file.
pub(super) struct NewTorrent<'a> {
    pub(super) announce: &'a str,
    /// Name of the file, as clients save it.
    pub(super) name: &'a str,
    pub(super) length: u64,
    pub(super) piece_size: u64,
    /// SHA-1 of every piece, one after the other.
    pub(super) pieces: &'a [u8],
    /// True for a private torrent: clients learn of peers from the tracker only.
    pub(super) private: bool,
}

/// Reason why a torrent file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MetainfoError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: is longer than {MAX_TORRENT} bytes, so it is no torrent", path.display())]
    TooLong { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Bencode { path: PathBuf, source: BencodeError },
    #[error("{}: is no torrent: it has no usable {key:?}", path.display())]
    Key { path: PathBuf, key: &'static str },
}

impl Metainfo {
    /// Reads a torrent file.
    pub(super) fn read(path: &Path) -> Result<Self, MetainfoError> {
        let unreadable = |source| MetainfoError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_TORRENT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_TORRENT {
            return Err(MetainfoError::TooLong { path: path.to_owned() });
        }
        let value = Value::parse(&bytes).map_err(|source| MetainfoError::Bencode { path: path.to_owned(), source })?;
        Self::of(&value).map_err(|key| MetainfoError::Key { path: path.to_owned(), key })
    }

    fn of(value: &Value<'_>) -> Result<Self, &'static str> {
        let top = value.dictionary().ok_or("info")?;
        let info = top.get(b"info").and_then(Value::dictionary).ok_or("info")?;
        // The infohash is that of the bytes as they were written, whatever their order.
        let infohash = Sha1::digest(top.raw(b"info").ok_or("info")?).into();
        let announce = top.get(b"announce").and_then(Value::text).map(str::to_owned);
        Ok(Self { infohash, announce, length: length(info).ok_or("length")? })
    }
}

/// Length of the content: of the one file, or of all together.
fn length(info: &Dictionary<'_>) -> Option<u64> {
    let of = |file: &Dictionary<'_>| u64::try_from(file.get(b"length")?.integer()?).ok();
    match info.get(b"files") {
        None => of(info),
        Some(files) => {
            let mut lengths = files.list()?.iter().map(|file| of(file.dictionary()?));
            lengths.try_fold(0_u64, |sum, length| sum.checked_add(length?))
        }
    }
}

impl NewTorrent<'_> {
    /// Writes the torrent file.
    pub(super) fn to_bencode(&self) -> Vec<u8> {
        let mut out = vec![b'd'];
        write_text(&mut out, "announce", self.announce.as_bytes());
        write_text(&mut out, "created by", concat!("alto-peer/", env!("CARGO_PKG_VERSION")).as_bytes());
        write_bytes(&mut out, b"info");
        out.extend(self.info());
        out.push(b'e');
        out
    }

    /// Infohash of the torrent.
    pub(super) fn infohash(&self) -> Infohash {
        Sha1::digest(self.info()).into()
    }

    fn info(&self) -> Vec<u8> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut out = vec![b'd'];
        write_number(&mut out, "length", number(self.length));
        write_text(&mut out, "name", self.name.as_bytes());
        write_number(&mut out, "piece length", number(self.piece_size));
        write_text(&mut out, "pieces", self.pieces);
        if self.private {
            write_number(&mut out, "private", 1);
        }
        out.push(b'e');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torrent_is_read_as_written_and_private_changes_the_infohash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.torrent");
        let torrent = |private| NewTorrent {
            announce: "http://tracker/announce",
            name: "a.bin",
            length: 5,
            piece_size: 16384,
            pieces: &[7; 20],
            private,
        };
        std::fs::write(&path, torrent(true).to_bencode()).unwrap();
        let read = Metainfo::read(&path).unwrap();
        let announce = Some("http://tracker/announce".to_owned());
        assert_eq!(read, Metainfo { infohash: torrent(true).infohash(), announce, length: 5 });
        assert_ne!(torrent(false).infohash(), torrent(true).infohash());
    }

    #[test]
    fn torrents_of_several_files_and_faulty_ones_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            let path = folder.path().join("b.torrent");
            std::fs::write(&path, bytes).unwrap();
            Metainfo::read(&path).map_err(|error| error.to_string())
        };
        let several = read(b"d4:infod5:filesld6:lengthi3eed6:lengthi4eeeee").unwrap();
        assert_eq!((several.length, several.announce), (7, None));
        for (bytes, problem) in [
            (&b"hello"[..], "not bencoded"),
            (b"de", "\"info\""),
            (b"d4:infodee", "\"length\""),
            (b"d4:infod6:lengthi-1eee", "\"length\""),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(problem) && error.contains("b.torrent"), "{error}");
        }
    }
}
