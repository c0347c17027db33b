//! Measures round trips to holders: the shortest of a few, several holders at a time.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::background;
use super::engine::Message;
use super::transport::{self, Cancel};

/// Of so many tries the shortest counts: what is added to a round trip by load comes and goes.
const TRIES: usize = 3;
/// Measured at a time.
const THREADS: usize = 8;
/// Farther away than this is too far.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Measures these and sends what it finds.
pub(super) fn probe(targets: Vec<SocketAddr>, own: Option<IpAddr>, cancel: &Cancel, messages: &Sender<Message>) {
    let threads = targets.len().min(THREADS);
    let targets = Arc::new(Mutex::new(targets));
    let mut started = false;
    for _ in 0..threads {
        let (targets, cancel, messages) = (Arc::clone(&targets), cancel.clone(), messages.clone());
        let measure = move || {
            while !cancel.is_cancelled() {
                let Some(source) = targets.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
                let round_trip = shortest(own, source);
                if messages.send(Message::RoundTrip { source, round_trip }).is_err() {
                    return;
                }
            }
        };
        if background::start("measuring", measure).is_err() {
            break;
        }
        started = true;
    }
    if !started {
        for source in targets.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _engine_is_gone = messages.send(Message::RoundTrip { source, round_trip: None });
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
