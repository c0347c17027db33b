//! Has the disk keep up with a fast download, so that the file does not wait for it at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::content::PartialFile;
use crate::fetch::background;

/// Bytes after which the disk is reminded.
const ENOUGH: u64 = 32 * 1024 * 1024;

/// Flushes now and then, one at a time.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    written: u64,
    running: Arc<AtomicBool>,
}

impl Flusher {
    /// So much more was written.
    pub(super) fn wrote(&mut self, bytes: u64, partial: &Arc<PartialFile>) {
        self.written += bytes;
        if self.written < ENOUGH || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        self.written = 0;
        let (running, partial) = (Arc::clone(&self.running), Arc::clone(partial));
        let flush = move || {
            // A disk that fails says so again when the file is finished.
            let _told_later = partial.flush();
            running.store(false, Ordering::Release);
        };
        if background::start("flushing", flush).is_err() {
            self.running.store(false, Ordering::Release);
        }
    }
}
