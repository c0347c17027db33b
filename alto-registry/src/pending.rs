//! Changes that are made and may still wait to be saved.

use tokio::sync::oneshot;

use crate::refusal::Refusal;

/// Answer to a change, to be given to the peer once the change is saved.
///
/// It lets a backend save many changes together without a blocked thread for each. Dropping it does not cancel the
/// change.
#[must_use = "a change may be acknowledged only once it is saved"]
pub struct Pending<T> {
    answer: T,
    commit: Option<oneshot::Receiver<()>>,
}

/// Backend's handle to a [`Pending`]. Dropping it reports that the change was not saved.
pub struct Committer(oneshot::Sender<()>);

impl<T> Pending<T> {
    /// Answer to a change that is as durable as the backend makes it.
    pub const fn settled(answer: T) -> Self {
        Self { answer, commit: None }
    }

    /// Answer to a change that the holder of the committer is about to save.
    pub fn new(answer: T) -> (Self, Committer) {
        let (sender, receiver) = oneshot::channel();
        (Self { answer, commit: Some(receiver) }, Committer(sender))
    }

    /// Waits until the change is saved. Works in any asynchronous runtime.
    pub async fn saved(self) -> Result<T, Refusal> {
        if let Some(commit) = self.commit {
            commit.await.map_err(|_| Refusal::NotSaved)?;
        }
        Ok(self.answer)
    }

    /// Blocks until the change is saved. Panics within an asynchronous runtime, whose threads must not block.
    pub fn wait(self) -> Result<T, Refusal> {
        if let Some(commit) = self.commit {
            commit.blocking_recv().map_err(|_| Refusal::NotSaved)?;
        }
        Ok(self.answer)
    }
}

impl Committer {
    /// Reports that the change is saved.
    pub fn confirm(self) {
        // Fails only if the answer was dropped.
        let _ignored = self.0.send(());
    }
}
