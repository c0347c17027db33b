//! Time limits of a server that waits for the Redis it shares with others: connection, Sentinels, answers, following.

use std::time::Duration;

/// Times after which a server takes its store for away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Time for a connection to be made, and for each answer until it is known whether it is the right server.
    pub connect: Duration,
    /// Time that all Sentinels together have to name a master.
    pub named: Duration,
    /// Time for an answer. A change whose answer comes later counts as refused, whether it was made or not.
    pub answer: Duration,
    /// Time for this server to follow what it has written, or what others had written before a question.
    pub follow: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { connect: second, named: Duration::from_millis(1500), answer: 2 * second, follow: second }
    }
}
