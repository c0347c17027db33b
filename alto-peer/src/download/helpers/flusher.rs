//! Flushing of written data during a download, so that the file does not have to wait for the disk at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::spawn;
use crate::content::PartialFile;

/// Bytes written between two flushes.
const FLUSH_EVERY: u64 = 32 * 1024 * 1024;

/// Flushes a file in the background, one flush at a time.
#[derive(Debug, Default)]
pub(in crate::download) struct Flusher {
    written: u64,
    running: Arc<AtomicBool>,
}

impl Flusher {
    /// Counts bytes that were written, and flushes when there are enough of them.
    pub(in crate::download) fn wrote(&mut self, bytes: u64, partial: &Arc<PartialFile>) {
        self.written += bytes;
        if self.written < FLUSH_EVERY || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        self.written = 0;
        let (running, partial) = (Arc::clone(&self.running), Arc::clone(partial));
        let flush = move || {
            // A disk that fails says so again when the file is finished.
            let _reported_later = partial.flush();
            running.store(false, Ordering::Release);
        };
        if spawn("flush", flush).is_err() {
            self.running.store(false, Ordering::Release);
        }
    }
}
