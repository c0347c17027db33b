//! Parsing of command lines.

use std::ffi::OsString;

use structopt::StructOpt;
use structopt::clap::{App, ArgMatches, Error, ErrorKind};

use crate::help::Section;
use crate::{Exit, completions, help, note, output};

/// Why a program ends before it does anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Help, version or completions were asked for; this is the text.
    Answered(String),
    /// The command line is invalid for this reason.
    Misused(String),
}

impl Ending {
    /// Prints the text where it belongs. Returns the exit code.
    pub fn report(&self, program: &str) -> Exit {
        match self {
            Self::Answered(text) => output::print(program, text),
            Self::Misused(reason) => {
                note!("{reason}");
                Exit::Usage
            }
        }
    }
}

/// Parses arguments, the first of which is the program's own name. Help texts get the sections.
///
/// # Errors
/// Whatever ends the program: an invalid command line, or a question that is answered with a text.
pub fn parse<T: StructOpt>(
    sections: &[Section],
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(T, ArgMatches<'static>), Ending> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let texts = help::texts(&completions::add(T::clap()), sections);
    let mut app = completions::add(T::clap());
    help::install(&mut app, &mut texts.iter());
    let matches = app.get_matches_from_safe(&arguments).map_err(|error| ending::<T>(&error, &arguments))?;
    match completions::asked_for(completions::add(T::clap()), &matches) {
        Some(script) => Err(Ending::Answered(script)),
        None => Ok((T::from_clap(&matches), matches)),
    }
}

fn ending<T: StructOpt>(error: &Error, arguments: &[OsString]) -> Ending {
    match error.kind {
        ErrorKind::HelpDisplayed => Ending::Answered(error.message.clone()),
        // The parser has printed the version itself; writing on tells a closed pipe from other errors.
        ErrorKind::VersionDisplayed | ErrorKind::Io => Ending::Answered(String::new()),
        ErrorKind::UnknownArgument => Ending::Misused(
            no_such_command(&completions::add(T::clap()), error, arguments).unwrap_or_else(|| error.message.clone()),
        ),
        _ => Ending::Misused(in_plain_words(&error.message)),
    }
}

/// Words for a command that does not exist, which the parser calls an argument.
fn no_such_command(app: &App<'_, '_>, error: &Error, arguments: &[OsString]) -> Option<String> {
    let unknown = error.info.as_ref()?.first()?;
    let (mut command, mut path) = (app, app.get_name().to_owned());
    for argument in arguments.iter().skip(1) {
        let Some(next) = command.p.subcommands.iter().find(|next| argument == next.get_name()) else { break };
        command = next;
        path = format!("{path} {}", next.get_name());
    }
    if unknown.starts_with('-') || command.p.subcommands.is_empty() || !command.p.positionals.is_empty() {
        return None;
    }
    let known: Vec<&str> = command.p.subcommands.iter().map(App::get_name).collect();
    Some(format!(
        "error: {path} has no command {unknown:?}; it has {}\n\nFor more information try {path} --help",
        known.join(", ")
    ))
}

/// Replaces what the standard library says about numbers.
fn in_plain_words(message: &str) -> String {
    [
        ("invalid digit found in string", "give a whole number of 0 or more"),
        ("cannot parse integer from empty string", "give a whole number of 0 or more"),
        ("number too large to fit in target type", "the number is too large"),
    ]
    .into_iter()
    .fold(message.to_owned(), |message, (library, plain)| message.replace(library, plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print;

    // Has what the real programs have: options below headings, commands, a default and possible values.
    #[derive(Debug, StructOpt)]
    #[structopt(name = "tool", about = "Does one thing.", after_help = "EXAMPLES:\n    tool fetch x")]
    enum Tool {
        /// Fetches a thing
        ///
        /// More is said about it here.
        Fetch {
            /// Name of the thing
            #[structopt(value_name = "NAME")]
            name: String,
            /// Limit of the rate
            #[structopt(long, default_value = "7")]
            rate_limit: u32,
            /// Way of choosing
            #[structopt(long, possible_values = &["near", "far"])]
            policy: Option<String>,
        },
        /// Lists things
        List,
    }

    const SECTIONS: &[Section] =
        &[Section { title: "LIMITS", options: &["*-limit"] }, Section { title: "UNUSED", options: &["nothing"] }];

    fn run(arguments: &[&str]) -> Result<Tool, Ending> {
        parse(SECTIONS, arguments.iter().map(OsString::from)).map(|(tool, _)| tool)
    }

    fn answer(arguments: &[&str]) -> String {
        match run(arguments) {
            Err(Ending::Answered(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn complaint(arguments: &[&str]) -> String {
        match run(arguments) {
            Err(Ending::Misused(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_line_says_what_the_program_is() {
        let version = env!("CARGO_PKG_VERSION");
        for arguments in [&["tool", "--help"][..], &["tool", "-h"], &["tool", "help"]] {
            assert_eq!(answer(arguments).lines().next().unwrap(), format!("tool {version}: Does one thing"));
        }
        for arguments in [&["tool", "fetch", "--help"], &["tool", "help", "fetch"]] {
            assert_eq!(answer(arguments).lines().next().unwrap(), format!("tool fetch {version}: Fetches a thing"));
        }
        let whole = answer(&["tool", "--help"]);
        assert!(whole.ends_with("EXAMPLES:\n    tool fetch x\n"), "{whole}");
        let headings: Vec<&str> = whole.lines().filter(|line| line.ends_with(':')).collect();
        assert_eq!(headings, ["USAGE:", "SUBCOMMANDS:", "OPTIONS:", "EXAMPLES:"]);
    }

    #[test]
    fn options_stand_below_their_headings() {
        let help = answer(&["tool", "fetch", "--help"]);
        assert!(help.contains("\nMore is said about it here.\n"), "{help}");
        let (general, limits) = help.split_once("\nLIMITS:\n").unwrap();
        assert!(general.contains("tool fetch [OPTIONS] <NAME>"), "{help}");
        assert!(general.contains("--policy") && general.contains("[possible values: near, far]"), "{help}");
        assert!(general.contains("--help") && general.contains("\nARGS:\n"), "{help}");
        assert_eq!(limits.trim(), "--rate-limit <rate-limit>    Limit of the rate [default: 7]");
    }

    #[test]
    fn typing_errors_get_suggestions() {
        let text = complaint(&["tool", "fetc", "x"]);
        assert!(text.contains("Did you mean 'fetch'?"), "{text}");
        let text = complaint(&["tool", "fetch", "x", "--rate-limt", "1"]);
        assert!(text.contains("Did you mean --rate-limit?"), "{text}");
        let text = complaint(&["tool", "frob"]);
        assert!(text.starts_with("error: tool has no command \"frob\"; it has fetch, list, completions\n"), "{text}");
    }

    #[test]
    fn completions_know_commands_options_and_values() {
        for shell in ["bash", "zsh", "fish"] {
            let script = answer(&["tool", "completions", shell]);
            for word in ["fetch", "rate-limit", "near", "completions"] {
                assert!(script.contains(word), "{shell}: {word}: {script}");
            }
        }
        assert!(complaint(&["tool", "completions", "dos"]).contains("[possible values: bash, fish, zsh]"));
    }

    #[test]
    fn arguments_reach_the_program() {
        let Tool::Fetch { name, rate_limit, policy } = run(&["tool", "fetch", "x", "--policy", "far"]).unwrap() else {
            panic!("another command");
        };
        assert_eq!((name.as_str(), rate_limit, policy.as_deref()), ("x", 7, Some("far")));
        assert_eq!(print("tool", ""), Exit::Success);
    }
}
