//! What people say about peers: quantities with units, and `peers.json`.

mod peer;
mod peers_file;
mod quantity;

pub use peer::{DEFAULT_PORT, PeerSettings};
pub(crate) use peer::{check_name, check_piece_size};
pub use peers_file::{PeersError, PeersFile};
pub use quantity::{QuantityError, Rate, Size};
