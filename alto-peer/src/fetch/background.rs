//! Threads that end by themselves.

use std::io;
use std::thread::Builder;

/// Starts one. The system may have no more of them, which is for the caller to live with.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
