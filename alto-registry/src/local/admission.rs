//! Decision whether a change fits the limits.

use std::collections::HashMap;

use crate::limits::{Limit, Limits};
use crate::observer::Stats;
use crate::origin::Origin;
use crate::refusal::Refusal;

/// Usage of each origin that has registrations.
#[derive(Default)]
pub(super) struct Origins(HashMap<Origin, Usage>);

/// Registrations and holdings of one origin.
#[derive(Clone, Copy, Default)]
struct Usage {
    peers: u32,
    holdings: u32,
}

/// A change that asks to be admitted.
pub(super) struct Demand {
    /// Origin of the registration after the change.
    pub(super) origin: Origin,
    /// Origin of the registration before the change; absent for a new one.
    pub(super) present: Option<Origin>,
    /// Number of files of the registration before the change.
    pub(super) before: usize,
    /// Number of files that the registration gains.
    pub(super) added: usize,
    /// Number of gained files that no peer holds yet.
    pub(super) unknown: usize,
    /// Number of files that the registration loses.
    pub(super) removed: usize,
}

impl Origins {
    /// Counts a registration with some holdings in.
    pub(super) fn enter(&mut self, origin: Origin, holdings: u32) {
        let usage = self.0.entry(origin).or_default();
        usage.peers += 1;
        usage.holdings += holdings;
    }

    /// Counts a registration with some holdings out.
    pub(super) fn leave(&mut self, origin: Origin, holdings: u32) {
        if let Some(usage) = self.0.get_mut(&origin) {
            usage.peers -= 1;
            usage.holdings -= holdings;
            if usage.peers == 0 {
                self.0.remove(&origin);
            }
        }
    }

    /// Counts a change of the holdings of a registration.
    pub(super) fn change(&mut self, origin: Origin, before: u32, after: u32) {
        if let Some(usage) = self.0.get_mut(&origin) {
            usage.holdings = usage.holdings + after - before;
        }
    }

    /// Refuses a change that exceeds a limit. A change that adds nothing is never refused, even above a limit that
    /// was lowered.
    pub(super) fn admit(&self, demand: &Demand, all: Stats, limits: &Limits) -> Result<(), Refusal> {
        let reached =
            |limit| Err(Refusal::LimitReached { limit, maximum: limits.maximum(limit), retry_after: limits.lease });
        let Demand { origin, present, before, added, unknown, removed } = *demand;
        let files = before + added - removed;
        let grows = files > before;
        if grows && files > limits.files_per_peer as usize {
            return Err(Refusal::TooManyFiles { requested: files, maximum: limits.files_per_peer });
        }
        let usage = self.0.get(&origin).copied().unwrap_or_default();
        // A registration that moves here is new here, with all that it holds.
        let arrives = present != Some(origin);
        if arrives && usage.peers >= limits.peers_per_address {
            return reached(Limit::PeersPerAddress);
        }
        let others = usage.holdings as usize - if arrives { 0 } else { before };
        if (grows || arrives) && others + files > limits.files_per_address as usize {
            return reached(Limit::FilesPerAddress);
        }
        if present.is_none() && all.peers >= limits.peers as usize {
            return reached(Limit::Peers);
        }
        if unknown > 0 && all.files + unknown > limits.files as usize {
            return reached(Limit::Files);
        }
        if grows && all.holdings - before + files > limits.holdings as usize {
            return reached(Limit::Holdings);
        }
        Ok(())
    }
}
