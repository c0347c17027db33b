//! Computations that give way to requests.

use std::thread;

/// Amount by which background threads are nicer than the others: they get what requests leave of a busy processor.
const NICER: i32 = 10;

/// Does work on a thread of lower priority, and returns its result. Threads that the work starts have that priority too.
pub(super) fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            lower_priority();
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Lowers the priority of the calling thread. Elsewhere than on Linux, priorities belong to whole processes.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICER) {
        tracing::debug!(%error, "the state is computed at ordinary priority");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn threads_of_the_work_have_its_priority_and_the_caller_keeps_its_own() {
        let own = getpriority_process(None).unwrap();
        let inner = || thread::spawn(|| getpriority_process(None).unwrap()).join().unwrap();
        // 19 is the lowest priority that there is.
        assert_eq!(in_background(inner), (own + NICER).min(19));
        assert_eq!(getpriority_process(None).unwrap(), own);
    }
}
