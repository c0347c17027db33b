//! Settings of peers: `peers.json`, quantities with units, and the configuration that settings resolve to.

mod config;
mod peer;
mod peers_file;
mod quantity;

pub use config::PeerConfig;
pub use peer::PeerSettings;
pub(crate) use peer::{MAX_AT_A_TIME, check_download_rate, check_name, check_piece_size};
pub use peers_file::{PeersError, PeersFile};
pub use quantity::{QuantityError, Rate, Size};
