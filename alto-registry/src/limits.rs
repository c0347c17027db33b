//! Bounds on what a registry takes in, so that neither one address nor all together exhaust its memory.

use std::fmt;
use std::time::Duration;

/// Bounds of one registry.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time that a registration lasts without a heartbeat.
    pub lease: Duration,
    /// Greatest number of registrations.
    pub peers: u32,
    /// Greatest number of registrations of one [`Origin`](crate::origin::Origin).
    pub peers_per_address: u32,
    /// Greatest number of different files.
    pub files: u32,
    /// Greatest number of files of one registration.
    pub files_per_peer: u32,
    /// Greatest number of holdings of all registrations of one [`Origin`](crate::origin::Origin).
    pub files_per_address: u32,
    /// Greatest number of holdings: a file counts once for each of its holders.
    pub holdings: u32,
}

/// Name of a bound in [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Registrations in all: [`Limits::peers`].
    Peers,
    /// Registrations of one address: [`Limits::peers_per_address`].
    PeersPerAddress,
    /// Different files in all: [`Limits::files`].
    Files,
    /// Files of one registration: [`Limits::files_per_peer`].
    FilesPerPeer,
    /// Holdings of one address: [`Limits::files_per_address`].
    FilesPerAddress,
    /// Holdings in all: [`Limits::holdings`].
    Holdings,
}

impl Limits {
    /// Value of a bound.
    pub const fn maximum(&self, limit: Limit) -> u32 {
        match limit {
            Limit::Peers => self.peers,
            Limit::PeersPerAddress => self.peers_per_address,
            Limit::Files => self.files,
            Limit::FilesPerPeer => self.files_per_peer,
            Limit::FilesPerAddress => self.files_per_address,
            Limit::Holdings => self.holdings,
        }
    }
}

impl Limit {
    /// Whether the bound is shared by the registrations of one address rather than by all.
    pub const fn is_per_address(self) -> bool {
        matches!(self, Self::PeersPerAddress | Self::FilesPerAddress)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peers => "registrations in all",
            Self::PeersPerAddress => "registrations of one address",
            Self::Files => "different files in all",
            Self::FilesPerPeer => "files of one registration",
            Self::FilesPerAddress => "files of all registrations of one address",
            Self::Holdings => "files of all registrations together",
        })
    }
}
