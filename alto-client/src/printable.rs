//! Text of a server made safe for a terminal.

/// Makes text of a server safe to show: control characters become blanks, and it ends after 300 characters.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str(" ...");
    }
    shown
}
