//! Manifests, which identify a file by the hashes of the whole and of each piece.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use alto_types::swarm::FileId;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::digest;
use super::fingerprint::Fingerprint;
use super::regular_file::nonblocking;

/// Default piece size.
pub const DEFAULT_PIECE_SIZE: u32 = 256 * 1024;
/// Minimum piece size; smaller pieces would make manifests and bitfields too large.
pub const MIN_PIECE_SIZE: u32 = 16 * 1024;
/// Maximum piece size; larger pieces would waste too much when they are wrong.
pub const MAX_PIECE_SIZE: u32 = 16 * 1024 * 1024;
/// Maximum number of pieces of a file.
pub const MAX_PIECES: usize = 1_000_000;
/// Maximum length of a manifest in bytes: 67 per piece, and less than 200 for the rest.
pub const MAX_MANIFEST_BYTES: usize = MAX_PIECES * 67 + 200;

/// Number of bytes read at a time: enough to make calls cheap, and few enough to stay in the cache for both hashes.
const BLOCK: usize = 256 * 1024;

/// The hashes of a file that is divided into pieces of one size. The last piece may be shorter; an empty file has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// SHA-256 of the whole content.
    pub id: FileId,
    /// Size in bytes.
    pub size: u64,
    /// Size of every piece but the last: a power of two.
    pub piece_size: u32,
    /// SHA-256 of each piece.
    pub pieces: Vec<FileId>,
}

/// Why a file cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The path leads to a folder, a pipe or a device.
    #[error("{}: is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The file changed meanwhile.
    #[error("{}: changed while it was being hashed; share it again once nobody writes to it", .0.display())]
    Changed(PathBuf),
    /// Hashing was stopped before the end.
    #[error("{}: hashing was stopped", .0.display())]
    Stopped(PathBuf),
    /// The file cannot be divided into pieces of this size.
    #[error("{}: {source}", path.display())]
    Cut {
        /// Path of the file.
        path: PathBuf,
        /// Reason why not.
        source: ManifestError,
    },
}

/// An invalid manifest or piece size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The manifest is too long.
    #[error("the manifest has {0} bytes, more than the {MAX_MANIFEST_BYTES} allowed")]
    TooLong(usize),
    /// The text is not JSON of the expected form.
    #[error("not a manifest: {0}")]
    Malformed(String),
    /// The text differs from the canonical form, so that its hash would differ.
    #[error("the manifest is not in canonical form: members in order, lower case, no white space")]
    NotCanonical,
    /// The piece size is not allowed.
    #[error("piece size {0}: must be a power of two from {MIN_PIECE_SIZE} to {MAX_PIECE_SIZE} bytes")]
    PieceSize(u32),
    /// The file would have too many pieces.
    #[error("{size} bytes make more than {MAX_PIECES} pieces of {piece_size} bytes; choose a larger piece size")]
    TooManyPieces {
        /// Size of the file.
        size: u64,
        /// Size of its pieces.
        piece_size: u32,
    },
    /// The number of pieces does not fit the size.
    #[error("{size} bytes make {expected} pieces of {piece_size} bytes, and the manifest lists {found}")]
    PieceCount {
        /// Size of the file.
        size: u64,
        /// Size of its pieces.
        piece_size: u32,
        /// Expected number of pieces.
        expected: usize,
        /// Number of pieces listed.
        found: usize,
    },
}

/// A manifest as it is parsed, before validation.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wire {
    id: FileId,
    size: u64,
    piece_size: u32,
    pieces: Vec<FileId>,
}

/// Number of pieces of a file of this size.
pub fn piece_count(size: u64, piece_size: u32) -> Result<usize, ManifestError> {
    check_piece_size(piece_size)?;
    let count = usize::try_from(size.div_ceil(piece_size.into())).unwrap_or(usize::MAX);
    if count > MAX_PIECES { Err(ManifestError::TooManyPieces { size, piece_size }) } else { Ok(count) }
}

/// The piece size, or the next larger one with which the file does not have too many pieces; and the number of pieces.
fn fitting(size: u64, mut piece_size: u32) -> Result<(u32, usize), ManifestError> {
    loop {
        match piece_count(size, piece_size) {
            Err(ManifestError::TooManyPieces { .. }) if piece_size < MAX_PIECE_SIZE => piece_size *= 2,
            count => return Ok((piece_size, count?)),
        }
    }
}

/// Checks that a piece size is allowed.
pub fn check_piece_size(piece_size: u32) -> Result<(), ManifestError> {
    let allowed = (MIN_PIECE_SIZE..=MAX_PIECE_SIZE).contains(&piece_size) && piece_size.is_power_of_two();
    if allowed { Ok(()) } else { Err(ManifestError::PieceSize(piece_size)) }
}

impl Manifest {
    /// Hashes a file, the whole and its pieces in one pass. The piece size is increased where there would be more than
    /// [`MAX_PIECES`]. `progress` is called with the number of bytes done so far.
    pub fn of_file(path: &Path, piece_size: u32, mut progress: impl FnMut(u64)) -> Result<Self, HashError> {
        // Opening a pipe must not block until there is a writer.
        let file = OpenOptions::new().read(true).custom_flags(nonblocking()).open(path);
        let file = file.map_err(|source| HashError::Unreadable { path: path.to_owned(), source })?;
        let goes_on = |done| {
            progress(done);
            true
        };
        Ok(Self::of_open(&file, path, piece_size, goes_on)?.0)
    }

    /// Hashes an open file, and returns a fingerprint by which later changes can be detected. `path` is for messages.
    /// `goes_on` is called with the number of bytes done so far; hashing stops when it returns false.
    pub(crate) fn of_open(
        file: &File,
        path: &Path,
        piece_size: u32,
        mut goes_on: impl FnMut(u64) -> bool,
    ) -> Result<(Self, Fingerprint), HashError> {
        let unreadable = |source| HashError::Unreadable { path: path.to_owned(), source };
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(HashError::NotAFile(path.to_owned()));
        }
        let (piece_size, count) =
            fitting(metadata.len(), piece_size).map_err(|source| HashError::Cut { path: path.to_owned(), source })?;
        let before = Fingerprint::of(&metadata);
        let mut stopped = false;
        let manifest = Self::read(file, metadata.len(), piece_size, count, |done| {
            stopped = !goes_on(done);
            !stopped
        });
        let manifest = manifest.map_err(unreadable)?;
        if stopped {
            return Err(HashError::Stopped(path.to_owned()));
        }
        let after = Fingerprint::of(&file.metadata().map_err(unreadable)?);
        match manifest {
            Some(manifest) if before == after => Ok((manifest, after)),
            _ => Err(HashError::Changed(path.to_owned())),
        }
    }

    /// Reads and hashes the file; `None` if it does not have `size` bytes or `goes_on` returned false.
    fn read(
        mut file: &File,
        size: u64,
        piece_size: u32,
        count: usize,
        mut goes_on: impl FnMut(u64) -> bool,
    ) -> io::Result<Option<Self>> {
        let mut block = vec![0; BLOCK];
        let mut whole = Sha256::new();
        let mut pieces = Vec::with_capacity(count);
        let mut done = 0;
        while done < size {
            let mut piece = Sha256::new();
            let end = size.min(done + u64::from(piece_size));
            while done < end {
                let want = usize::try_from(end - done).unwrap_or(BLOCK).min(BLOCK);
                let got = match file.read(&mut block[..want]) {
                    Ok(0) => return Ok(None),
                    Ok(got) => got,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                piece.update(&block[..got]);
                whole.update(&block[..got]);
                done += got as u64;
                if !goes_on(done) {
                    return Ok(None);
                }
            }
            pieces.push(digest::take(&mut piece));
        }
        let grown = file.read(&mut block[..1])? > 0;
        Ok((!grown).then(|| Self { id: digest::take(&mut whole), size, piece_size, pieces }))
    }

    /// Hashes bytes in memory, cut into pieces as a file would be.
    pub fn of_bytes(bytes: &[u8], piece_size: u32) -> Result<Self, ManifestError> {
        let (piece_size, _) = fitting(bytes.len() as u64, piece_size)?;
        let pieces = bytes.chunks(piece_size as usize).map(digest::of).collect();
        Ok(Self { id: digest::of(bytes), size: bytes.len() as u64, piece_size, pieces })
    }

    /// Encodes the manifest in canonical form, so that its hash is the same for all who divide the file alike.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = String::with_capacity(200 + self.pieces.len() * 67);
        let Self { id, size, piece_size, pieces } = self;
        // Writing to a string cannot fail.
        let _ = write!(text, "{{\"id\":\"{id}\",\"size\":{size},\"piece-size\":{piece_size},\"pieces\":[");
        for (n, piece) in pieces.iter().enumerate() {
            let _ = write!(text, "{}\"{piece}\"", if n == 0 { "" } else { "," });
        }
        text.push_str("]}");
        text.into_bytes()
    }

    /// Parses a manifest in the canonical form of [`Self::to_json`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let Wire { id, size, piece_size, pieces } =
            plain_words::parse(bytes, "{}").map_err(|faults| ManifestError::Malformed(faults.to_string()))?;
        let expected = piece_count(size, piece_size)?;
        if pieces.len() != expected {
            return Err(ManifestError::PieceCount { size, piece_size, expected, found: pieces.len() });
        }
        let manifest = Self { id, size, piece_size, pieces };
        if manifest.to_json() == bytes { Ok(manifest) } else { Err(ManifestError::NotCanonical) }
    }

    /// SHA-256 of the manifest itself, in canonical form.
    pub fn digest(&self) -> FileId {
        digest::of(&self.to_json())
    }

    /// Number of pieces.
    pub fn piece_count(&self) -> usize {
        self.pieces.len()
    }

    /// Range of the file's bytes that is piece `n`; empty if there is no such piece.
    pub fn piece_range(&self, n: usize) -> Range<u64> {
        let start = (n as u64).saturating_mul(self.piece_size.into()).min(self.size);
        start..(start + u64::from(self.piece_size)).min(self.size)
    }

    /// Size of piece `n`.
    pub fn piece_len(&self, n: usize) -> usize {
        let range = self.piece_range(n);
        // At most MAX_PIECE_SIZE.
        usize::try_from(range.end - range.start).unwrap_or(0)
    }

    /// True if these bytes are piece `n`.
    pub fn is_piece(&self, n: usize, bytes: &[u8]) -> bool {
        self.pieces.get(n).is_some_and(|expected| bytes.len() == self.piece_len(n) && digest::of(bytes) == *expected)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest_of(content: &[u8], piece_size: u32) -> Manifest {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut told = 0;
        let manifest = Manifest::of_file(file.path(), piece_size, |done| told = done).unwrap();
        assert_eq!(told, content.len() as u64);
        manifest
    }

    #[test]
    fn a_manifest_is_encoded_as_documented() {
        let manifest = manifest_of(b"abc", MIN_PIECE_SIZE);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = format!("{{\"id\":\"{abc}\",\"size\":3,\"piece-size\":16384,\"pieces\":[\"{abc}\"]}}");
        assert_eq!(String::from_utf8(manifest.to_json()).unwrap(), text);
        assert_eq!(manifest.digest(), digest::of(text.as_bytes()));
        let empty = manifest_of(b"", MIN_PIECE_SIZE);
        assert_eq!((empty.piece_count(), empty.size), (0, 0));
        assert_eq!(Manifest::from_json(&empty.to_json()), Ok(empty));
    }

    #[test]
    fn only_the_canonical_form_is_parsed_within_bounds() {
        let good = String::from_utf8(manifest_of(&vec![7; 40_000], MIN_PIECE_SIZE).to_json()).unwrap();
        assert!(Manifest::from_json(good.as_bytes()).is_ok());
        let refused = |text: String| Manifest::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(refused(good.replace(",\"size\"", ", \"size\"")), ManifestError::NotCanonical);
        let upper = good[..70].to_uppercase().replace("{\"ID\"", "{\"id\"") + &good[70..];
        assert_eq!(refused(upper), ManifestError::NotCanonical);
        assert!(matches!(refused(good.replace("40000", "60000")), ManifestError::PieceCount { expected: 4, .. }));
        assert!(matches!(refused(good.replace("16384", "16385")), ManifestError::PieceSize(16385)));
        assert!(matches!(refused(good.replace("16384", "0")), ManifestError::PieceSize(0)));
        assert!(matches!(refused(good.replace("16384", "33554432")), ManifestError::PieceSize(_)));
        assert!(matches!(refused(good.replace("40000", &u64::MAX.to_string())), ManifestError::TooManyPieces { .. }));
        assert!(matches!(refused(good.replace("\"size\"", "\"length\"")), ManifestError::Malformed(_)));
        assert!(matches!(refused(good + " {}"), ManifestError::Malformed(_)));
        assert_eq!(refused(" ".repeat(MAX_MANIFEST_BYTES + 1)), ManifestError::TooLong(MAX_MANIFEST_BYTES + 1));
    }

    #[test]
    fn only_regular_files_are_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |path: &Path| Manifest::of_file(path, MIN_PIECE_SIZE, |_| ()).unwrap_err();
        assert!(matches!(hash(folder.path()), HashError::NotAFile(_)));
        assert!(matches!(hash(Path::new("/dev/null")), HashError::NotAFile(_)));
        assert!(matches!(hash(&folder.path().join("none")), HashError::Unreadable { .. }));
    }

    #[test]
    fn a_large_file_is_divided_into_larger_pieces() {
        let size = u64::from(MIN_PIECE_SIZE) * 1_000_001;
        assert_eq!(fitting(size, MIN_PIECE_SIZE), Ok((2 * MIN_PIECE_SIZE, 500_001)));
        assert_eq!(fitting(size - u64::from(MIN_PIECE_SIZE), MIN_PIECE_SIZE), Ok((MIN_PIECE_SIZE, MAX_PIECES)));
        assert!(matches!(fitting(u64::MAX, MIN_PIECE_SIZE), Err(ManifestError::TooManyPieces { .. })));
        assert!(matches!(fitting(1, 3), Err(ManifestError::PieceSize(3))));
    }

    #[test]
    fn a_file_that_changes_while_it_is_hashed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1; 1_000_000]).unwrap();
        let grow = |_| std::fs::OpenOptions::new().append(true).open(file.path()).unwrap().set_len(2_000_000).unwrap();
        assert!(matches!(Manifest::of_file(file.path(), MIN_PIECE_SIZE, grow), Err(HashError::Changed(_))));
        let shrink = |_| std::fs::OpenOptions::new().append(true).open(file.path()).unwrap().set_len(5).unwrap();
        assert!(matches!(Manifest::of_file(file.path(), MIN_PIECE_SIZE, shrink), Err(HashError::Changed(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_pieces_make_up_the_file(length in 0..200_000_usize, shift in 0..3_u32) {
            let content: Vec<u8> = (0..length).map(|n| (n / 100).to_le_bytes()[0]).collect();
            let manifest = manifest_of(&content, MIN_PIECE_SIZE << shift);
            prop_assert_eq!(manifest.id, digest::of(&content));
            prop_assert_eq!(Manifest::from_json(&manifest.to_json()), Ok(manifest.clone()));
            let mut end = 0;
            for n in 0..manifest.piece_count() {
                let range = manifest.piece_range(n);
                let (start, length) = (usize::try_from(range.start).unwrap(), manifest.piece_len(n));
                prop_assert_eq!(start, end);
                end = start + length;
                prop_assert!(manifest.is_piece(n, &content[start..end]));
            }
            prop_assert_eq!(end, length);
            prop_assert!(manifest.piece_range(manifest.piece_count()).is_empty());
        }
    }
}
