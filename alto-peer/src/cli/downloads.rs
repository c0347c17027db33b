//! Downloads of a running peer, each in a thread of its own.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::download::{Cancel, Fetcher, Options, Order, Wanted};

/// Downloads of a peer, shared by the threads that start them.
#[derive(Clone)]
pub(crate) struct Downloads(Arc<Inner>);

struct Inner {
    fetcher: Fetcher,
    folder: PathBuf,
    options: Options,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    active: Vec<Active>,
    /// True once the peer ends, so that no download may start.
    ending: bool,
}

/// Download in progress.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) wanted: Wanted,
    pub(crate) since: Instant,
    cancel: Cancel,
}

/// Reason why a download does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStarted {
    #[error("{0} is being fetched already")]
    Already(Wanted),
    #[error("the peer is about to end")]
    Ending,
    #[error("no thread for the download: {0}")]
    System(#[from] io::Error),
}

/// Time for which [`Downloads::stop`] waits for cancelled downloads.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

impl Downloads {
    /// Manager of downloads into this folder, with these options.
    pub(crate) fn new(fetcher: Fetcher, folder: PathBuf, options: Options) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Inner { fetcher, folder, options, state, changed }))
    }

    /// Starts a download in the background, whose progress is reported by events.
    pub(crate) fn start(&self, wanted: Wanted) -> Result<(), NotStarted> {
        let cancel = self.enter(&wanted)?;
        let downloads = self.clone();
        let entered = wanted.clone();
        let fetch = move || downloads.fetch(&wanted, &cancel, false);
        std::thread::Builder::new().name("download".to_owned()).spawn(fetch).map(drop).map_err(|error| {
            self.leave(&entered);
            error.into()
        })
    }

    /// Fetches files one after the other, waiting for each to be shared.
    pub(crate) fn fetch_all(&self, wanted: impl IntoIterator<Item = Wanted>) {
        for wanted in wanted {
            match self.enter(&wanted) {
                Ok(cancel) => self.fetch(&wanted, &cancel, true),
                Err(NotStarted::Ending) => return,
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    /// Downloads in progress.
    pub(crate) fn active(&self) -> Vec<Active> {
        self.state().active.clone()
    }

    /// Cancels the downloads that `is_meant` picks; returns how many there were. Pieces that have arrived are kept.
    pub(crate) fn cancel(&self, is_meant: impl Fn(&Wanted) -> bool) -> usize {
        let state = self.state();
        let meant = state.active.iter().filter(|active| is_meant(&active.wanted));
        meant.inspect(|active| active.cancel.cancel()).count()
    }

    /// Cancels all downloads and waits a moment for them to end. Pieces that have arrived are kept.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.ending = true;
        for active in &state.active {
            active.cancel.cancel();
        }
        let ended = self.0.changed.wait_timeout_while(state, STOP_TIMEOUT, |state| !state.active.is_empty());
        drop(ended);
    }

    fn enter(&self, wanted: &Wanted) -> Result<Cancel, NotStarted> {
        let mut state = self.state();
        if state.ending {
            return Err(NotStarted::Ending);
        }
        if state.active.iter().any(|active| active.wanted == *wanted) {
            return Err(NotStarted::Already(wanted.clone()));
        }
        let cancel = Cancel::default();
        state.active.push(Active { wanted: wanted.clone(), since: Instant::now(), cancel: cancel.clone() });
        Ok(cancel)
    }

    fn fetch(&self, wanted: &Wanted, cancel: &Cancel, wait: bool) {
        let Inner { fetcher, folder, options, .. } = &*self.0;
        let (folder, options) = (folder.clone(), options.clone());
        let order = Order { wanted: wanted.clone(), folder, name: None, wait, options };
        // Events tell how each file ends.
        if let Ok(done) = fetcher.fetch(&order, cancel)
            && let Err(error) = fetcher.fetch_tree(&order, &done, cancel)
        {
            tracing::warn!("{error}");
        }
        self.leave(wanted);
    }

    fn leave(&self, wanted: &Wanted) {
        self.state().active.retain(|active| active.wanted != *wanted);
        self.0.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
