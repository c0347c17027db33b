//! Text of a server made safe for a terminal.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Makes text of a server safe to show: control characters become blanks, invisible ones are marked by U+FFFD, and the text
/// ends after 300 characters.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 300;
    let safe = |c: char| match c {
        c if is_printable(c) => c,
        c if c.is_control() => ' ',
        _ => char::REPLACEMENT_CHARACTER,
    };
    let mut shown: String = text.chars().take(LONGEST).map(safe).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str(" ...");
    }
    shown
}

/// Tells whether a character shows itself and leaves the order of the others as it is: it is neither a control character
/// nor one of directions, joiners, tags and line ends (the general categories Cc, Cf, Zl and Zp of Unicode).
pub fn is_printable(character: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    !matches!(get_general_category(character), Control | Format | LineSeparator | ParagraphSeparator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_says_moves_the_cursor_or_turns_the_text() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(
            printable("annexe\u{202e}fdp.exe\u{200b}\u{2028}\u{e0041}"),
            "annexe\u{fffd}fdp.exe\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("Überraschung – 映画.mkv"), "Überraschung – 映画.mkv");
        assert_eq!(printable(&"x".repeat(301)), format!("{} ...", "x".repeat(300)));
    }
}
