//! Following of the costs and PIDs of holders, where the ALTO server tells of changes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use alto_client::follow::{Followed, Follower, Handle, Way};
use alto_client::{Client, Error, NetworkMap};

use super::cost_view::{CostQuestion, CostReport};
use super::{Reporter, spawn};
use crate::download::follow::Follow;
use crate::events::CostSource;

/// Place of the costs in the list of what is followed.
const COSTS: usize = 0;
/// Place of the network map, if there is one.
const MAP: usize = 1;

/// Follows costs in a thread of its own, until dropped.
pub(super) struct CostFollower {
    shared: Arc<Shared>,
    handle: Handle,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: Option<CostQuestion>,
    /// Addresses whose costs the present session has told.
    told: BTreeSet<IpAddr>,
    has_ended: bool,
}

/// The thread that waits for changes.
struct Waiter {
    client: Client,
    follower: Follower,
    shared: Arc<Shared>,
    reporter: Reporter<CostReport>,
}

impl CostFollower {
    /// Starts the thread; none if costs are not to be followed, or the system has no more threads.
    pub(super) fn start(client: &Client, follow: Follow, reporter: &Reporter<CostReport>) -> Option<Self> {
        if follow.ways().is_empty() {
            return None;
        }
        let follower = client.follow(Vec::new()).by(follow.ways());
        let (shared, handle) = (Arc::<Shared>::default(), follower.handle());
        let (client, reporter) = (client.clone(), reporter.clone());
        let waiter = Waiter { client, follower, shared: Arc::clone(&shared), reporter };
        spawn("cost-changes", move || waiter.run()).ok()?;
        Some(Self { shared, handle })
    }

    /// Follows the answer to a question from now on, instead of those before.
    pub(super) fn follow(&self, question: CostQuestion) {
        let mut state = self.shared.state();
        if state.wanted.as_ref() == Some(&question) {
            return;
        }
        state.wanted = Some(question);
        state.told.clear();
        drop(state);
        self.shared.changed.notify_all();
        self.handle.interrupt();
    }

    /// Tells whether changes of the costs of all these holders are being told.
    pub(super) fn covers(&self, addresses: &[IpAddr]) -> bool {
        let state = self.shared.state();
        self.handle.way().is_some() && addresses.iter().all(|address| state.told.contains(address))
    }
}

impl Drop for CostFollower {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.changed.notify_all();
        self.handle.interrupt();
    }
}

impl Shared {
    /// Waits for a question other than this one; none at the end.
    fn next(&self, last: Option<&CostQuestion>) -> Option<CostQuestion> {
        let mut state = self.state();
        loop {
            if state.has_ended {
                return None;
            }
            if let Some(wanted) = state.wanted.as_ref().filter(|wanted| Some(*wanted) != last) {
                return Some(wanted.clone());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells whether a question is still the one whose answer is to be followed.
    fn is_wanted(&self, question: &CostQuestion) -> bool {
        let state = self.state();
        !state.has_ended && state.wanted.as_ref() == Some(question)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn run(mut self) {
        let mut last = None;
        while let Some(question) = self.shared.next(last.as_ref()) {
            if let Err(error) = self.follow(&question) {
                // Costs are asked for instead.
                tracing::debug!(%error, "costs are not followed");
                if !matches!(error, Error::Alto(_) | Error::Status { .. }) {
                    return;
                }
            }
            last = Some(question);
        }
    }

    /// Reports the answer to a question and its changes, until another question is to be followed.
    fn follow(&mut self, question: &CostQuestion) -> Result<(), Error> {
        let mut list = vec![self.client.endpoint_costs_to_follow(&question.query)?];
        let directory = self.client.directory()?;
        list.extend(directory.default_network_map().map(|id| Followed { resource_id: id.clone(), input: None }));
        let has_map = list.len() > MAP;
        self.follower.follow_instead(list);
        let mut map: Option<NetworkMap> = None;
        loop {
            let update = match self.follower.update() {
                Ok(update) => update,
                // It may have been meant for the question before.
                Err(Error::Interrupted) if self.shared.is_wanted(question) => continue,
                Err(Error::Interrupted) => return Ok(()),
                Err(error) => return Err(error),
            };
            if update.place == MAP || map.is_none() {
                map = self.follower.document(MAP).map(|map| self.client.network_map_in(map)).transpose()?;
            }
            let Some(costs) = self.follower.document(COSTS) else { continue };
            if has_map && map.is_none() {
                continue;
            }
            let mut view = question.view(&self.client.endpoint_costs_in(costs, &question.query)?, map.as_ref());
            view.by = match update.way {
                Way::Stream => CostSource::Stream,
                Way::Views => CostSource::Tips,
                Way::Polling => CostSource::Polling,
            };
            let mut state = self.shared.state();
            if state.wanted.as_ref() == Some(question) {
                state.told.clone_from(&view.asked);
            }
            drop(state);
            if !self.reporter.report(Ok(view)) {
                return Ok(());
            }
        }
    }
}
