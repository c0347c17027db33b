//! Measurement of round-trip times: the shortest of a few, to several holders at a time.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Reporter, spawn};
use crate::download::cancel::Cancel;
use crate::download::pace::Pace;
use crate::download::transport;

/// Measurements per holder, of which the shortest counts: what load adds to a round trip comes and goes.
const TRIES: usize = 3;
/// Holders measured at a time.
const THREADS: usize = 8;
/// Time after which a holder counts as unreachable.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A measured round-trip time; `None` if the holder could not be reached.
#[derive(Clone, Copy, Debug)]
pub(in crate::download) struct RoundTripReport {
    pub(in crate::download) source: SocketAddr,
    pub(in crate::download) round_trip: Option<Duration>,
}

/// Measures the round-trip times to these holders in the background.
pub(in crate::download) fn start(
    targets: Vec<SocketAddr>,
    own: Option<IpAddr>,
    pace: &Arc<Pace>,
    cancel: &Cancel,
    reporter: &Reporter<RoundTripReport>,
) {
    let threads = targets.len().min(THREADS);
    let targets = Arc::new(Mutex::new(targets));
    let mut started = false;
    for _ in 0..threads {
        let (targets, pace) = (Arc::clone(&targets), Arc::clone(pace));
        let (cancel, reporter) = (cancel.clone(), reporter.clone());
        let measure = move || {
            // One connection is allotted for each holder, as the further ones are to the same place.
            loop {
                let Some(source) = targets.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
                if !pace.wait(&cancel) {
                    return;
                }
                if !reporter.report(RoundTripReport { source, round_trip: shortest(own, source) }) {
                    return;
                }
            }
        };
        if spawn("round trips", measure).is_err() {
            break;
        }
        started = true;
    }
    if !started {
        for source in targets.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            reporter.report(RoundTripReport { source, round_trip: None });
        }
    }
}

fn shortest(own: Option<IpAddr>, target: SocketAddr) -> Option<Duration> {
    let mut best = transport::round_trip(own, target, TIMEOUT).ok()?;
    for _ in 1..TRIES {
        if let Ok(again) = transport::round_trip(own, target, TIMEOUT) {
            best = best.min(again);
        }
    }
    Some(best)
}
