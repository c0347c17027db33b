//! Prompt of a running peer: commands from a terminal, with history and completion, or from standard input.

mod command;
mod complete;
mod shell;

use std::io::{BufRead, stdin};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config};

pub(crate) use shell::Shell;

use super::output::Output;
use command::Command;
use complete::Completer;

/// Line editor of a terminal.
pub(crate) type Editor = rustyline::Editor<Completer, DefaultHistory>;

/// Length of the longest line, in bytes.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Reason why no more commands are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The command `quit` was read.
    Quit,
    /// The input has ended.
    Input,
}

/// State of the terminal before a line was edited on it.
pub(crate) struct Screen(Termios);

impl Screen {
    /// State of the terminal now.
    pub(crate) fn remember() -> Option<Self> {
        tcgetattr(stdin()).ok().map(Self)
    }

    /// Restores the terminal, which a process that ends while a line is being edited leaves in raw mode.
    pub(crate) fn restore(&self) {
        let _gone = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
        Output::stdout().say("");
    }
}

/// Line editor for the terminal of this process.
pub(crate) fn editor() -> std::io::Result<Editor> {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    Editor::with_config(config).map_err(std::io::Error::other)
}

/// Reads and runs commands from the terminal until they end.
pub(crate) fn converse(mut editor: Editor, shell: &Shell) -> Ended {
    editor.set_helper(Some(Completer::new(shell.names().clone())));
    shell.say("help lists the commands, quit ends the peer");
    let prompt = format!("{}> ", shell.name());
    loop {
        match editor.readline(&prompt) {
            Ok(line) => {
                if obey_line(&line, shell) == Some(Ended::Quit) {
                    return Ended::Quit;
                }
            }
            Err(ReadlineError::Interrupted) => shell.say("quit ends the peer"),
            Err(ReadlineError::Eof) => return Ended::Input,
            Err(error) => {
                tracing::warn!("the prompt cannot go on: {error}");
                return Ended::Input;
            }
        }
    }
}

/// Runs the commands in lines of input until they end.
pub(crate) fn obey(mut lines: impl BufRead, shell: &Shell) -> Ended {
    let mut line = Vec::new();
    loop {
        line.clear();
        match std::io::Read::take(&mut lines, MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Ended::Input,
            Ok(_) => {
                if obey_line(&String::from_utf8_lossy(&line), shell) == Some(Ended::Quit) {
                    return Ended::Quit;
                }
            }
        }
    }
}

fn obey_line(line: &str, shell: &Shell) -> Option<Ended> {
    match Command::parse(line) {
        Ok(Some(Command::Quit)) => return Some(Ended::Quit),
        Ok(Some(command)) => shell.obey(command),
        Ok(None) => {}
        Err(error) => shell.say(&error.to_string()),
    }
    None
}
