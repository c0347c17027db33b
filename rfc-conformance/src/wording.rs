//! Counted nouns in reports.

/// Words that end the noun in a phrase: `2 requests without a body`.
const PREPOSITIONS: &[&str] =
    &["after", "as", "asked", "from", "in", "of", "on", "over", "that", "to", "whose", "with", "without", "written"];

/// Returns a count with its noun in singular or plural: `1 prefix`, `3 entries`, `4 costs of a pair`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        return format!("1 {noun}");
    }
    let words: Vec<_> = noun.split(' ').collect();
    let head = words.iter().position(|word| PREPOSITIONS.contains(word)).unwrap_or(words.len()).saturating_sub(1);
    let words =
        words.iter().enumerate().map(|(index, word)| if index == head { plural(word) } else { (*word).to_owned() });
    format!("{count} {}", words.collect::<Vec<_>>().join(" "))
}

fn plural(noun: &str) -> String {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| noun.ends_with(suffix));
    match noun.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        _ if ends(&["s", "x", "ch"]) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_noun_takes_the_plural() {
        assert_eq!(counted(1, "prefix"), "1 prefix");
        assert_eq!(counted(2, "ipv4 prefix"), "2 ipv4 prefixes");
        assert_eq!(counted(3, "dependency"), "3 dependencies");
        assert_eq!(counted(0, "valid request after a malformed one"), "0 valid requests after a malformed one");
        assert_eq!(counted(2, "pair without a cost"), "2 pairs without a cost");
    }
}
