//! The one decision whether work runs on the event loop or in the pool of blocking threads.

use super::HttpError;

/// Heaviest work done on the event loop, counted in costs looked up and written. More would stall other requests.
const INLINE_WEIGHT: usize = 10_000;

/// Weight of work that always leaves the event loop, such as computing a view or writing to disk.
pub(crate) const HEAVY: usize = usize::MAX;

/// Runs `work` on the event loop if it is light, else on a blocking thread.
pub(crate) async fn run<T: Send + 'static>(
    weight: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HttpError> {
    if weight <= INLINE_WEIGHT {
        return Ok(work());
    }
    // The pool drops work only at shutdown, or if the work panicked, which the panic hook has logged.
    tokio::task::spawn_blocking(work).await.map_err(|_| HttpError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_heavy_work_leaves_the_thread_of_the_event_loop() {
        let here = std::thread::current().id();
        let thread = |weight| run(weight, || std::thread::current().id());
        assert_eq!(thread(0).await.ok(), Some(here));
        assert_eq!(thread(INLINE_WEIGHT).await.ok(), Some(here));
        assert_ne!(thread(INLINE_WEIGHT + 1).await.ok(), Some(here));
        assert_ne!(thread(HEAVY).await.ok(), Some(here));
    }
}
