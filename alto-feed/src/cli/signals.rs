//! Signals: the first one ends the program in good order, the second one at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Reports the first signal to `end`; the second one ends the program at once.
pub(super) fn listen(end: Sender<()>) -> io::Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that only the second signal finds the flag set.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&told))?;
        flag::register(signal, Arc::clone(&told))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        signals.forever().next();
        let _ended_already = end.send(());
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
