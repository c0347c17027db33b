//! Messages with the pieces that a holder has (`GET /files/{id}/have`, see `docs/swarm.md`).

use serde::{Deserialize, Serialize};

/// Pieces of a file that a holder has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// Number of pieces of the file.
    pub pieces: usize,
    /// Version of this state, which grows with every piece.
    pub version: u64,
    /// [`Bitfield`](super::Bitfield) in hexadecimal.
    pub have: String,
    /// True if the holder has all pieces.
    pub complete: bool,
}

/// Pieces that a holder has got since the last message of the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaveMore {
    /// Version of the state with these pieces.
    pub version: u64,
    /// Numbers of the pieces.
    pub new: Vec<usize>,
}
