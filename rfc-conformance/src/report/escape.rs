//! Escaping of text from the server under test for the formats of reports.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Replaces characters that control a terminal or change the direction of text.
pub(super) fn terminal(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// Escapes text for HTML and XML, and replaces characters that XML 1.0 excludes.
pub(crate) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_harmless(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Escapes text for a cell of a Markdown table.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            c if is_harmless(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Escapes text for the description of a TAP line, so that it cannot start a directive.
pub(super) fn tap(text: &str) -> String {
    terminal(text).replace(['\n', '\t'], " ").replace('#', "\\#")
}

/// Returns whether a character shows itself and affects neither the terminal nor the direction of text, and XML 1.0 allows
/// it.
pub(super) fn is_harmless(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    let is_hidden = matches!(get_general_category(c), Control | Format | LineSeparator | ParagraphSeparator);
    let is_excluded = matches!(c, '\u{fffe}' | '\u{ffff}');
    (!is_hidden || matches!(c, '\n' | '\t')) && !is_excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_obey_nobody() {
        assert_eq!(terminal("a\u{1b}[2Jb\u{9b}c\u{202e}d\ne"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\ne");
        assert_eq!(terminal("a\u{200b}b\u{ad}c\u{2028}d\u{e0041}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(markup("<b a='1'>&\0\"</b>"), "&lt;b a=&#39;1&#39;&gt;&amp;\u{fffd}&quot;&lt;/b&gt;");
        assert_eq!(markdown("a|b\nc<d>"), "a\\|b c\\<d\\>");
        assert_eq!(tap("x # SKIP\ny"), "x \\# SKIP y");
    }
}
