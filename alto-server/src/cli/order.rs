//! The order of words on the command line: settings may stand behind a command, too.

use std::collections::HashMap;
use std::ffi::OsString;

/// Moves the options of the program that stand behind a command to the front of it, where the parser wants them.
/// `options` tells which take a value; the rest belongs to the command.
pub(super) fn sorted(
    arguments: impl IntoIterator<Item = OsString>,
    options: &HashMap<String, bool>,
    commands: &[&str],
) -> Vec<OsString> {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    front.extend(arguments.next());
    while let Some(word) = arguments.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--" {
            back.push(word);
            back.extend(arguments);
            break;
        }
        let (name, has_value) = text.split_once('=').map_or((text.as_str(), false), |(name, _)| (name, true));
        match options.get(name) {
            Some(takes_value) => {
                front.push(word);
                if *takes_value && !has_value {
                    front.extend(arguments.next());
                }
            }
            None if back.is_empty() && !commands.contains(&text.as_str()) => front.push(word),
            None => back.push(word),
        }
    }
    front.extend(back);
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_move_in_front_of_the_command() {
        let options = HashMap::from([("--topology".to_owned(), true), ("--no-swarm".to_owned(), false)]);
        for (given, expected) in [
            ("p routes --json --topology t --from a", "p --topology t routes --json --from a"),
            ("p --no-swarm routes --topology=t", "p --no-swarm --topology=t routes"),
            ("p ctl set a b --no-swarm cost=1", "p --no-swarm ctl set a b cost=1"),
            ("p routes -- --topology t", "p routes -- --topology t"),
            ("p --unknown routes --topology", "p --unknown --topology routes"),
            ("p", "p"),
        ] {
            let words = given.split(' ').map(OsString::from);
            let found: Vec<_> = sorted(words, &options, &["routes", "ctl"])
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect();
            assert_eq!(found.join(" "), expected);
        }
    }
}
