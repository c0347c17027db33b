//! Data-parallel work on scoped threads.

use std::thread;

/// Largest number of items that are faster to process on one thread than to distribute.
const SEQUENTIAL: usize = 32;

/// Maps slices of the items on all cores and concatenates the results in order.
pub(crate) fn map_slices<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    if items.len() <= SEQUENTIAL {
        return work(items);
    }
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let work = &work;
        let slices: Vec<_> = items.chunks(share).map(|slice| scope.spawn(move || work(slice))).collect();
        let finished = |slice: thread::ScopedJoinHandle<'_, Vec<R>>| {
            slice.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        slices.into_iter().flat_map(finished).collect()
    })
}
