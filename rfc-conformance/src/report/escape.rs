//! Text that comes from a target, made harmless for where it goes.

/// For a terminal: nothing that it would obey, and nothing that turns the direction of text.
pub(super) fn terminal(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// For HTML and XML, between tags and in quoted attributes. Characters that XML 1.0 does not have are replaced.
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

/// For a cell of a Markdown table, and as a word rather than as Markdown.
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

/// For the description of a TAP line: one line, and no `#` that would begin a directive.
pub(super) fn tap(text: &str) -> String {
    terminal(text).replace(['\n', '\t'], " ").replace('#', "\\#")
}

/// Whether a terminal shows a character and does nothing else.
pub(super) fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let missing = matches!(c, '\u{fffe}' | '\u{ffff}');
    (!c.is_control() || matches!(c, '\n' | '\t')) && !turns && !missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_obey_nobody() {
        assert_eq!(terminal("a\u{1b}[2Jb\u{9b}c\u{202e}d\ne"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\ne");
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(markup("<b a='1'>&\0\"</b>"), "&lt;b a=&#39;1&#39;&gt;&amp;\u{fffd}&quot;&lt;/b&gt;");
        assert_eq!(markdown("a|b\nc<d>"), "a\\|b c\\<d\\>");
        assert_eq!(tap("x # SKIP\ny"), "x \\# SKIP y");
    }
}
