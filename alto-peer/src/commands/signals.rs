//! Being told to end: once in order, twice at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals as Iterator;

use super::Exit;

/// The signals that end a peer.
pub(crate) struct Signals(Iterator);

impl Signals {
    /// Listens from now on. Before anything says that the peer runs: a signal that comes early is obeyed, too.
    pub(crate) fn listen() -> io::Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second one finds the flag set.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&told))?;
            flag::register(signal, Arc::clone(&told))?;
        }
        Ok(Self(Iterator::new([SIGINT, SIGTERM])?))
    }

    /// Tells `end` when one comes, from a thread of its own.
    pub(crate) fn tell(mut self, end: Sender<Exit>) -> io::Result<()> {
        let wait = move || {
            self.0.forever().next();
            let _ended_already = end.send(Exit::Success);
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
    }
}
