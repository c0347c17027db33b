//! Observation of exchanges.

use super::exchange::Exchange;

/// Receiver of every exchange of a client, as soon as the answer is complete.
pub trait Observer: Send + Sync {
    /// Takes note of an exchange.
    fn observe(&self, exchange: &Exchange);
}
