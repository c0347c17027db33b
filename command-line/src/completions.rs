//! The command `completions`, which prints what a shell needs to complete a command line.

use std::collections::btree_map::Entry;

use structopt::clap::{App, Arg, ArgMatches, Shell, SubCommand};

/// Name of the command.
const COMMAND: &str = "completions";

/// Name of its argument.
const SHELL: &str = "SHELL";

/// Shells whose completions are tested.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Adds the command to the parser of a program.
pub(crate) fn add<'a, 'b>(app: App<'a, 'b>) -> App<'a, 'b> {
    let shell = Arg::with_name(SHELL).help("Shell that reads the completions").possible_values(SHELLS).required(true);
    app.subcommand(
        SubCommand::with_name(COMMAND).about("Prints what a shell needs to complete commands and options").arg(shell),
    )
}

/// Completions of a program, if its command line asks for them.
pub(crate) fn asked_for(mut app: App<'_, '_>, matches: &ArgMatches<'_>) -> Option<String> {
    let shell: Shell = matches.subcommand_matches(COMMAND)?.value_of(SHELL)?.parse().ok()?;
    let name = app.get_name().to_owned();
    without_help_of_arguments(&mut app);
    let mut script = Vec::new();
    app.gen_completions_to(name.as_str(), shell, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Some(if matches!(shell, Shell::Bash) { mended(&script, &name) } else { script })
}

/// Drops the help of positional arguments, in which `clap` 2 does not quote apostrophes for zsh.
fn without_help_of_arguments(app: &mut App<'_, '_>) {
    for index in 1..=app.p.positionals.len() {
        if let Entry::Occupied(mut argument) = app.p.positionals.entry(index) {
            let base = &mut argument.get_mut().b;
            (base.help, base.long_help) = (None, None);
        }
    }
    app.p.subcommands.iter_mut().for_each(without_help_of_arguments);
}

/// The script for bash without two faults of `clap` 2: a name with hyphens matches no label of its own script, and
/// placeholders such as `<FILE>` are offered as words.
fn mended(script: &str, name: &str) -> String {
    let label = name.replace('-', "__");
    let mut among_commands = false;
    let line = |line: &str| {
        let text = line.trim();
        among_commands |= text == "case \"${cmd}\" in";
        let is_label = among_commands && text == format!("{name})");
        if is_label || text == format!("cmd=\"{name}\"") {
            line.replace(name, &label)
        } else if let Some(words) = text.strip_prefix("opts=\"") {
            let words = words.replace(&format!("<{SHELL}>"), &SHELLS.join(" "));
            let words: Vec<&str> =
                words.trim_end_matches('"').split_whitespace().filter(|word| !word.starts_with('<')).collect();
            format!("            opts=\"{}\"", words.join(" "))
        } else {
            line.to_owned()
        }
    };
    let mut mended = script.lines().map(line).collect::<Vec<_>>().join("\n");
    mended.push('\n');
    mended
}
