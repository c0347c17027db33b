//! Commands of the prompt.

use std::path::PathBuf;

/// Command of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Register,
    Unregister,
    Get(String),
    Cancel(String),
    Best(String),
    Files,
    Share(PathBuf),
    Status,
    Help,
    Quit,
}

/// Argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Nothing,
    /// Name or ID of a file.
    File,
    /// Path of a file or folder.
    Path,
}

/// Name, argument and explanation of each command, in the order of the help.
pub(super) const COMMANDS: [(&str, Argument, &str); 10] = [
    ("register", Argument::Nothing, "registers this peer, so that others find it"),
    ("unregister", Argument::Nothing, "unregisters this peer; it goes on serving"),
    ("get", Argument::File, "fetches a file in the background and shares it"),
    ("cancel", Argument::File, "ends a download; get continues it from there"),
    ("best", Argument::File, "ranks the holders of the whole file by their cost"),
    ("files", Argument::Nothing, "lists all files that are shared"),
    ("share", Argument::Path, "shares a file or a folder"),
    ("status", Argument::Nothing, "shows the state of the peer"),
    ("help", Argument::Nothing, "shows this list"),
    ("quit", Argument::Nothing, "unregisters the peer and ends it"),
];

/// Reason why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("a quotation mark is not closed")]
    Quote,
    #[error("{0:?} is not a command; help lists all of them")]
    Unknown(String),
    #[error("{command} takes {takes}; put a name with spaces in quotation marks")]
    Arguments { command: &'static str, takes: &'static str },
}

impl Command {
    /// Parses a line; `None` for an empty line or a comment after `#`.
    pub(crate) fn parse(line: &str) -> Result<Option<Self>, CommandError> {
        let words = shlex::split(line).ok_or(CommandError::Quote)?;
        let Some((first, words)) = words.split_first() else { return Ok(None) };
        let known = COMMANDS.iter().find(|(name, ..)| name == first);
        let (command, argument, _) = *known.ok_or_else(|| CommandError::Unknown(first.chars().take(40).collect()))?;
        let takes = match argument {
            Argument::Nothing => "nothing",
            Argument::File => "the name or ID of one file",
            Argument::Path => "one path",
        };
        let one = match (argument, words) {
            (Argument::Nothing, []) => String::new(),
            (Argument::File | Argument::Path, [one]) if !one.is_empty() => one.clone(),
            _ => return Err(CommandError::Arguments { command, takes }),
        };
        Ok(Some(match command {
            "register" => Self::Register,
            "unregister" => Self::Unregister,
            "get" => Self::Get(one),
            "cancel" => Self::Cancel(one),
            "best" => Self::Best(one),
            "files" => Self::Files,
            "share" => Self::Share(one.into()),
            "status" => Self::Status,
            "quit" => Self::Quit,
            _ => Self::Help,
        }))
    }

    /// List of all commands, for people.
    pub(super) fn help() -> String {
        let line = |(name, argument, explanation): &(&str, Argument, &str)| {
            let argument = match argument {
                Argument::Nothing => "",
                Argument::File => "FILE",
                Argument::Path => "PATH",
            };
            format!("  {:<16} {explanation}", format!("{name} {argument}"))
        };
        let lines: Vec<String> = COMMANDS.iter().map(line).collect();
        format!("{}\nFILE is a name, an ID, or the beginning of an ID.", lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_words() {
        let parse = |line: &str| Command::parse(line);
        assert_eq!(parse("get movie.bin"), Ok(Some(Command::Get("movie.bin".to_owned()))));
        assert_eq!(parse("  get 'my movie.bin'\n"), Ok(Some(Command::Get("my movie.bin".to_owned()))));
        assert_eq!(parse("share my\\ folder"), Ok(Some(Command::Share("my folder".into()))));
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("# a remark"), Ok(None));
        assert_eq!(parse("get 'movie"), Err(CommandError::Quote));
        assert!(parse("fetch x").unwrap_err().to_string().contains("help"));
        for wrong in ["get", "get a b", "get ''", "quit now", "share"] {
            assert!(matches!(parse(wrong), Err(CommandError::Arguments { .. })), "{wrong}");
        }
        for (name, argument, _) in COMMANDS {
            let line = if argument == Argument::Nothing { name.to_owned() } else { format!("{name} x") };
            let command = parse(&line).unwrap().unwrap();
            assert_eq!(format!("{command:?}").to_lowercase().split('(').next(), Some(name));
            assert!(Command::help().contains(name));
        }
    }

    proptest! {
        #[test]
        fn anything_is_a_command_or_refused(line in ".{0,40}") {
            let _either = Command::parse(&line);
        }
    }
}
