//! Words that were probably meant in place of unknown ones.

/// Longest word that is compared, in bytes.
const LONGEST: usize = 60;

/// Returns whether two words differ in at most two letters, by insertions, deletions and replacements. Case, and hyphens
/// in place of underscores, do not count.
pub fn is_misspelt(word: &str, right: &str) -> bool {
    let (word, right) = (plain(word), plain(right));
    if word.len().abs_diff(right.len()) > 2 || word.len() > LONGEST {
        return false;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in word.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()] <= 2
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_letters_may_differ() {
        for (word, right) in [("nmae", "name"), ("Hop-Weight", "hop_weight"), ("log_levl", "log-level")] {
            assert!(is_misspelt(word, right), "{word} {right}");
        }
        for (word, right) in [("weight", "bandwidth"), ("topologies-of-all", "topology"), ("", "name")] {
            assert!(!is_misspelt(word, right), "{word} {right}");
        }
    }
}
