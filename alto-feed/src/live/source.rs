//! Sources: the output of a command or the content of a file, within limits of time and size.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::config::Source;
use crate::input::{InputError, Text, read_bytes};

/// Time that a command has.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Largest output of a command in bytes.
const MAX_OUTPUT: u64 = 512 * 1024 * 1024;
/// Number of bytes of a command's error output that are reported.
const MAX_REPORTED: u64 = 500;

impl Source {
    /// Reads the source as text.
    pub fn text(&self) -> Result<Text, InputError> {
        Text::from_bytes(self.name(), self.bytes()?)
    }

    /// Reads the bytes of the source.
    pub fn bytes(&self) -> Result<Vec<u8>, InputError> {
        match self {
            Self::File(path) => read_bytes(path),
            Self::Command(words) => {
                run(words, TIME_LIMIT).map_err(|message| InputError { file: self.name(), place: None, message })
            }
        }
    }

    /// Name of the source in errors.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Command(words) => format!("`{}`", words.join(" ")),
        }
    }
}

/// A child that is killed unless it has ended.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}

/// Runs a command and returns its standard output.
fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().map_err(|error| format!("cannot be run: {error}"))?);
    let (output, errors) = (child.0.stdout.take(), child.0.stderr.take());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _nobody_waits = sender.send(read(output, MAX_OUTPUT + 1));
    });
    let (error_sender, error_receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _nobody_waits = error_sender.send(read(errors, MAX_REPORTED));
    });
    let output = receiver.recv_timeout(limit).map_err(|_| format!("does not end within {} s", limit.as_secs()))?;
    let output = output.map_err(|error| format!("its output cannot be read: {error}"))?;
    if output.len() as u64 > MAX_OUTPUT {
        return Err(format!("prints more than {MAX_OUTPUT} bytes"));
    }
    let status = child.0.wait().map_err(|error| format!("its end cannot be observed: {error}"))?;
    if !status.success() {
        let errors = error_receiver.recv_timeout(Duration::from_secs(1)).ok().and_then(Result::ok).unwrap_or_default();
        return Err(format!("failed ({status}): {}", String::from_utf8_lossy(&errors).trim()));
    }
    Ok(output)
}

fn read(pipe: Option<impl Read>, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        run(&words, limit).map(|output| String::from_utf8(output).unwrap())
    }

    #[test]
    fn output_counts_and_failures_are_explained() {
        assert_eq!(sh("echo out; echo err >&2", TIME_LIMIT), Ok("out\n".to_owned()));
        assert_eq!(sh("echo why >&2; exit 3", TIME_LIMIT), Err("failed (exit status: 3): why".to_owned()));
        assert!(run(&["/no/such/program".to_owned()], TIME_LIMIT).unwrap_err().starts_with("cannot be run"));
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        assert_eq!(sh("exec sleep 1000", Duration::from_millis(50)), Err("does not end within 0 s".to_owned()));
    }
}
