//! Lists of names that would be too long for a line.

/// Names with commas between them, as many as fit into this number of characters, but at least one, and the number of others.
pub(super) fn shortened<T: AsRef<str>>(names: &[T], width: usize) -> String {
    let mut text = String::new();
    for (shown, name) in names.iter().map(AsRef::as_ref).enumerate() {
        if shown > 0 && text.chars().count() + 2 + name.chars().count() > width {
            return format!("{text} and {} more", names.len() - shown);
        }
        text = if shown == 0 { name.to_owned() } else { format!("{text}, {name}") };
    }
    text
}

/// Names with commas between them, in lines of at most this number of characters, unless a name is longer.
pub(super) fn wrapped<T: AsRef<str>>(names: &[T], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + name.chars().count() <= width => {
                *line = format!("{line}, {name}");
            }
            Some(line) => {
                line.push(',');
                lines.push(name.to_owned());
            }
            None => lines.push(name.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened_or_wrapped() {
        let names = ["ab", "cd", "ef", "gh"];
        assert_eq!(shortened(&names, 14), "ab, cd, ef, gh");
        assert_eq!(shortened(&names, 13), "ab, cd, ef and 1 more");
        assert_eq!(shortened(&names, 1), "ab and 3 more");
        assert_eq!(shortened::<&str>(&[], 1), "");
        assert_eq!(wrapped(&names, 11), ["ab, cd, ef,", "gh"]);
        assert_eq!(wrapped(&names, 1), ["ab,", "cd,", "ef,", "gh"]);
        assert!(wrapped::<&str>(&[], 1).is_empty());
    }
}
