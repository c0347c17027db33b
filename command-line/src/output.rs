//! Standard output.

use std::io::{self, BufWriter, ErrorKind, Write};

use crate::Exit;

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
            eprintln!("{program}: cannot write to standard output: {error}");
            Exit::Failure
        }
    }
}
