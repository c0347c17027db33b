//! Standard output, and standard error.

use std::io::{self, BufWriter, ErrorKind, Write};

use crate::{Exit, note};

/// Writes to standard output. A reader that closes the pipe early, such as `head`, is not an error.
///
/// # Errors
/// Any other error of the output, such as a full disk.
pub fn write_out(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    match write(&mut output).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            // What is still buffered would be written again.
            let _unwritten = output.into_parts();
            Ok(())
        }
        other => other,
    }
}

/// Prints text that ends with one line break, and returns the exit code of `program`, which reports an error.
pub fn print(program: &str, text: &str) -> Exit {
    match write_out(|output| writeln!(output, "{}", text.trim_end_matches('\n'))) {
        Ok(()) => Exit::Success,
        Err(error) => {
            note!("{program}: cannot write to standard output: {error}");
            Exit::Failure
        }
    }
}

/// Writes a line for people to standard error, formatted as [`format!`] does. That nobody reads it any more, as when a pipe is
/// closed, does not keep a program from its work.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => {
        $crate::write_note(&::std::format!($($text)*))
    };
}

/// Writes a line to standard error at once, so that lines of several threads do not mix.
#[doc(hidden)]
pub fn write_note(text: &str) {
    let _nobody_reads = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
