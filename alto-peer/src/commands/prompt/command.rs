//! What can be said at the prompt.

use std::path::PathBuf;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Register,
    Unregister,
    Get(String),
    Best(String),
    Files,
    Share(PathBuf),
    Status,
    Help,
    Quit,
}

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Nothing,
    /// A name or an ID.
    File,
    /// A path.
    Path,
}

/// Name, subject and explanation of each, in the order of the help.
pub(super) const COMMANDS: [(&str, Subject, &str); 9] = [
    ("register", Subject::Nothing, "lets others find this peer"),
    ("unregister", Subject::Nothing, "lets nobody find it any more; it goes on serving"),
    ("get", Subject::File, "fetches a file in the background, and shares it"),
    ("best", Subject::File, "ranks those who have the whole file by their cost"),
    ("files", Subject::Nothing, "lists the files that anybody shares"),
    ("share", Subject::Path, "shares a file, or a folder"),
    ("status", Subject::Nothing, "shows what the peer does"),
    ("help", Subject::Nothing, "shows this"),
    ("quit", Subject::Nothing, "unregisters and ends"),
];

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("a quotation mark is open")]
    Quote,
    #[error("{0:?} is not a command; help lists them")]
    Unknown(String),
    #[error("{command} takes {takes}; put quotation marks round a name with spaces")]
    Arguments { command: &'static str, takes: &'static str },
}

impl Command {
    /// Nothing for an empty line, or a remark after `#`.
    pub(crate) fn parse(line: &str) -> Result<Option<Self>, CommandError> {
        let words = shlex::split(line).ok_or(CommandError::Quote)?;
        let Some((first, arguments)) = words.split_first() else { return Ok(None) };
        let known = COMMANDS.iter().find(|(name, ..)| name == first);
        let (command, subject, _) = *known.ok_or_else(|| CommandError::Unknown(first.chars().take(40).collect()))?;
        let takes = match subject {
            Subject::Nothing => "nothing",
            Subject::File => "the name or ID of one file",
            Subject::Path => "one path",
        };
        let one = match (subject, arguments) {
            (Subject::Nothing, []) => String::new(),
            (Subject::File | Subject::Path, [one]) if !one.is_empty() => one.clone(),
            _ => return Err(CommandError::Arguments { command, takes }),
        };
        Ok(Some(match command {
            "register" => Self::Register,
            "unregister" => Self::Unregister,
            "get" => Self::Get(one),
            "best" => Self::Best(one),
            "files" => Self::Files,
            "share" => Self::Share(one.into()),
            "status" => Self::Status,
            "quit" => Self::Quit,
            _ => Self::Help,
        }))
    }

    /// What there is to say.
    pub(super) fn help() -> String {
        let line = |(name, subject, explanation): &(&str, Subject, &str)| {
            let subject = match subject {
                Subject::Nothing => "",
                Subject::File => "FILE",
                Subject::Path => "PATH",
            };
            format!("  {:<16} {explanation}", format!("{name} {subject}"))
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
        for (name, subject, _) in COMMANDS {
            let line = if subject == Subject::Nothing { name.to_owned() } else { format!("{name} x") };
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
