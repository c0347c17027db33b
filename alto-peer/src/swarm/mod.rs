//! The registry of peers that an ALTO server keeps: asking it who has what, and being in it.
//!
//! [`Registry`] asks and tells; [`Upkeep`] is the thread that keeps this peer registered for as long as it runs.

mod backoff;
mod keepsake;
mod registry;
mod upkeep;

pub use keepsake::Keepsake;
pub use registry::{Registry, RegistryError};
pub use upkeep::{Status, Upkeep, UpkeepSettings};
