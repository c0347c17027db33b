//! Signals: the first one ends the program in good order, the second one at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals as Iterator;

use command_line::Exit;

/// Listener for the signals that end a peer.
pub(crate) struct Signals(Iterator);

impl Signals {
    /// Starts listening. Called before anything reports that the peer runs, so that no signal is missed.
    pub(crate) fn listen() -> io::Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order, so that only the second signal finds the flag set.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&told))?;
            flag::register(signal, Arc::clone(&told))?;
        }
        Ok(Self(Iterator::new([SIGINT, SIGTERM])?))
    }

    /// Reports the first signal to `end`, from a thread of its own.
    pub(crate) fn tell(mut self, end: Sender<Exit>) -> io::Result<()> {
        let wait = move || {
            self.0.forever().next();
            let _ended_already = end.send(Exit::Success);
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
    }
}
