//! Changes of the subject's data, which the user of the suite knows how to make.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use command_line::note;

/// Environment variable with the number of the change, from 1.
const NUMBER: &str = "CHANGE";
/// Interval at which the end of a command is looked for.
const INTERVAL: Duration = Duration::from_millis(5);

type Make = dyn Fn(usize) -> Result<(), String> + Send + Sync;

/// Function that makes the data of the subject change; it is called with 1, 2, 3 and so on.
#[derive(Clone)]
pub struct Change {
    make: Arc<Make>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Change {
    /// Uses a function, whose error text explains why there is no change.
    pub fn by(make: impl Fn(usize) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), failure: Arc::default() }
    }

    /// Uses a shell command, which gets the number of the change in the environment variable CHANGE and may take `limit`.
    pub fn by_command(command: &str, limit: Duration) -> Self {
        let command = command.to_owned();
        Self::by(move |number| run(&command, number, limit))
    }

    /// Makes the change with a number. A failure is reported at once, and kept for the outcome of the run.
    pub(crate) fn make(&self, number: usize) -> Result<(), ()> {
        (self.make)(number).map_err(|reason| {
            let text = format!("change {number} failed: {reason}");
            note!("rfc-conformance: {text}");
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        })
    }

    /// Returns why the first change that failed did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

fn run(command: &str, number: usize, limit: Duration) -> Result<(), String> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env(NUMBER, number.to_string());
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut child = shell.spawn().map_err(|error| format!("sh cannot be started: {error}"))?;
    let end = Instant::now() + limit;
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{command:?} ended with {status}")),
            None if Instant::now() >= end => {
                // Its children may outlive it; they hold nothing that the suite waits for.
                let _gone = child.kill();
                let _reaped = child.wait();
                return Err(format!("{command:?} did not end within {} s", limit.as_secs_f32()));
            }
            None => std::thread::sleep(INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_the_number_of_the_change_and_a_time_limit() {
        let change = |command: &str, limit| Change::by_command(command, limit);
        let long = Duration::from_mins(1);
        assert_eq!(change("test \"$CHANGE\" = 3", long).make(3), Ok(()));
        for (command, limit, reason) in [
            ("exit 7", long, "change 5 failed: \"exit 7\" ended with exit status: 7"),
            ("exec sleep 600", Duration::from_millis(50), "did not end within"),
        ] {
            let change = change(command, limit);
            assert_eq!((change.failure(), change.make(5), change.make(6)), (None, Err(()), Err(())));
            let failure = change.failure();
            assert!(failure.as_ref().is_some_and(|failure| failure.contains(reason)), "{failure:?}");
        }
    }
}
