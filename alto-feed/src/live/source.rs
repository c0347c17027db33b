//! Sources: the output of a command or the content of a file, within limits of time and size.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::config::Source;
use crate::excerpt::excerpt;
use crate::input::{InputError, Text, read_bytes};

/// Time that a command has.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Largest output of a command in bytes.
const MAX_OUTPUT: u64 = 512 * 1024 * 1024;
/// Time between two looks whether a command has ended that has closed its output.
const END_POLL: Duration = Duration::from_millis(10);
/// Number of bytes of a command's error output that are reported.
const MAX_REPORTED: u64 = 500;

impl Source {
    /// Reads the source as text.
    pub fn text(&self) -> Result<Text, InputError> {
        Text::from_bytes(self.name(), self.bytes()?)
    }

    /// Reads the bytes of the source.
    pub fn bytes(&self) -> Result<Vec<u8>, InputError> {
        let failed = |message| InputError { file: self.name(), place: None, message };
        match self {
            // Opening a named pipe would wait for its other end.
            Self::File(path) if is_special(path) => Err(failed("is no regular file".to_owned())),
            Self::File(path) => read_bytes(path),
            Self::Command(words) => run(words, TIME_LIMIT).map_err(failed),
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

fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// A child in a process group of its own, which is killed as a whole unless the child has ended.
struct Killed {
    child: Child,
    ended: bool,
}

impl Killed {
    /// Waits for the end of the child; `None` if it has not ended by then.
    fn end_by(&mut self, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
        loop {
            let status = self.child.try_wait()?;
            self.ended = status.is_some();
            if self.ended || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(END_POLL);
        }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A shell leaves its own children behind when it alone is killed.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ended_already = kill_process_group(group, Signal::KILL);
        }
        let _ended_already = self.child.wait();
    }
}

/// Runs a command and returns its standard output.
fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let deadline = Instant::now() + limit;
    let child = command.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let mut child = Killed { child, ended: false };
    let (output, errors) = (child.child.stdout.take(), child.child.stderr.take());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _nobody_waits = sender.send(read(output, MAX_OUTPUT + 1));
    });
    let (error_sender, error_receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _nobody_waits = error_sender.send(read(errors, MAX_REPORTED));
    });
    let late = || format!("does not end within {} s", limit.as_secs());
    let output = receiver.recv_timeout(limit).map_err(|_| late())?;
    let output = output.map_err(|error| format!("its output cannot be read: {error}"))?;
    if output.len() as u64 > MAX_OUTPUT {
        return Err(format!("prints more than {MAX_OUTPUT} bytes"));
    }
    let status = child.end_by(deadline).map_err(|error| format!("its end cannot be observed: {error}"))?;
    let status = status.ok_or_else(late)?;
    if !status.success() {
        let errors = error_receiver.recv_timeout(Duration::from_secs(1)).ok().and_then(Result::ok).unwrap_or_default();
        return Err(format!("failed ({status}): {}", excerpt(String::from_utf8_lossy(&errors).trim())));
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
        let closes_its_output = "exec >&- 2>&-; sleep 1000";
        assert_eq!(sh(closes_its_output, Duration::from_millis(50)), Err("does not end within 0 s".to_owned()));
    }

    #[test]
    fn nothing_is_left_of_a_command_that_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", file.display());
        // A busy machine may need some time to get that far.
        let limits = [1, 10, 100].map(Duration::from_secs);
        assert!(limits.into_iter().any(|limit| sh(&script, limit).is_err() && file.exists()));
        let pid = std::fs::read_to_string(file).unwrap();
        let state = Path::new("/proc").join(pid.trim()).join("stat");
        let deadline = Instant::now() + Duration::from_mins(1);
        // Where nobody collects orphans, they stay as zombies.
        while std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "the child of the command is still there");
            std::thread::sleep(END_POLL);
        }
    }

    #[test]
    fn files_that_are_no_regular_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = Source::File(pipe).bytes().unwrap_err().to_string();
        assert!(error.ends_with("pipe: is no regular file"), "{error}");
    }
}
