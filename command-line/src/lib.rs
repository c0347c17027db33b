//! What the command lines of all programs share, around a parser that `structopt` derives.
//!
//! * [`parse`] parses arguments; the parser gets help texts with [`Section`]s and a command `completions`.
//! * [`Ending`] is why a program ends before it does anything, [`Exit`] its exit code.
//! * [`print`] and [`write_out`] write to standard output, whose reader may go at any time; [`note!`] writes a line to standard error.

// Both end a program whose output nobody reads any more; `command_line` has what does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod completions;
mod exit;
mod help;
mod output;
mod parse;

pub use exit::Exit;
pub use help::Section;
pub use output::{print, write_note, write_out};
pub use parse::{Ending, parse};
