//! The prompt of a running peer: lines in, from a terminal with history and completion or from anywhere.

mod command;
mod complete;
mod shell;

use std::io::{BufRead, stdin};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config};

pub(crate) use shell::Shell;

use command::Command;
use complete::Completer;

/// The line editor of a terminal.
pub(crate) type Editor = rustyline::Editor<Completer, DefaultHistory>;

/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// How reading commands came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// By the command.
    Quit,
    /// There is nothing more to read.
    Nothing,
}

/// A terminal as it was before a line was edited on it.
pub(crate) struct Screen(Termios);

impl Screen {
    pub(crate) fn remember() -> Option<Self> {
        tcgetattr(stdin()).ok().map(Self)
    }

    /// A process that ends while a line is being edited would leave the terminal as editing needs it.
    pub(crate) fn restore(&self) {
        let _gone = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
        println!();
    }
}

/// For the terminal this runs on.
pub(crate) fn editor() -> std::io::Result<Editor> {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    Editor::with_config(config).map_err(std::io::Error::other)
}

/// Talks with whoever is at the terminal.
pub(crate) fn converse(mut editor: Editor, shell: &Shell) -> Told {
    editor.set_helper(Some(Completer::new(shell.names().clone())));
    shell.say("help lists the commands, quit ends the peer");
    let prompt = format!("{}> ", shell.name());
    loop {
        match editor.readline(&prompt) {
            Ok(line) => {
                if obey_line(&line, shell) == Some(Told::Quit) {
                    return Told::Quit;
                }
            }
            Err(ReadlineError::Interrupted) => shell.say("quit ends the peer"),
            Err(ReadlineError::Eof) => return Told::Nothing,
            Err(error) => {
                tracing::warn!("the prompt cannot go on: {error}");
                return Told::Nothing;
            }
        }
    }
}

/// Does what the lines say.
pub(crate) fn obey(mut lines: impl BufRead, shell: &Shell) -> Told {
    let mut line = Vec::new();
    loop {
        line.clear();
        match std::io::Read::take(&mut lines, MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Told::Nothing,
            Ok(_) => {
                if obey_line(&String::from_utf8_lossy(&line), shell) == Some(Told::Quit) {
                    return Told::Quit;
                }
            }
        }
    }
}

fn obey_line(line: &str, shell: &Shell) -> Option<Told> {
    match Command::parse(line) {
        Ok(Some(Command::Quit)) => return Some(Told::Quit),
        Ok(Some(command)) => shell.obey(command),
        Ok(None) => {}
        Err(error) => shell.say(&error.to_string()),
    }
    None
}
