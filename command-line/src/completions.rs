//! The command `completions`, which prints what a shell needs to complete a command line.

use structopt::clap::{App, Arg, ArgMatches, Shell, SubCommand};

/// Name of the command.
const COMMAND: &str = "completions";

/// Shells whose completions are tested.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Adds the command to the parser of a program.
pub(crate) fn add<'a, 'b>(app: App<'a, 'b>) -> App<'a, 'b> {
    let shell = Arg::with_name("SHELL").help("Shell that reads the completions").possible_values(SHELLS).required(true);
    app.subcommand(
        SubCommand::with_name(COMMAND).about("Prints what a shell needs to complete commands and options").arg(shell),
    )
}

/// Completions of a program, if its command line asks for them.
pub(crate) fn asked_for(mut app: App<'_, '_>, matches: &ArgMatches<'_>) -> Option<String> {
    let shell: Shell = matches.subcommand_matches(COMMAND)?.value_of("SHELL")?.parse().ok()?;
    let name = app.get_name().to_owned();
    let mut script = Vec::new();
    app.gen_completions_to(name, shell, &mut script);
    Some(String::from_utf8_lossy(&script).into_owned())
}
