//! Legal and distinct names for what other formats call by any text.

use std::collections::{HashMap, HashSet};

/// Longest slug; with a number and the suffix of a host it stays below the limit of 64 characters.
const MAX_SLUG: usize = 48;
/// Name of the PID that every network map has, and so no switch's.
const RESERVED: &str = "default";

/// Turns a text into a legal PID name: letters, digits, `:`, `@` and `_` stay, and each run of other characters becomes
/// one `-`. The result is empty if nothing is left.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() >= MAX_SLUG {
            break;
        }
        if character.is_ascii_alphanumeric() || ":@_".contains(character) {
            slug.push(character);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Gives each pair of text and identifier a distinct legal name: the slug of the text, followed by the slug of the
/// identifier where the first alone is empty, reserved or not unique. Identifiers must be distinct.
pub fn distinct<'a>(nodes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let nodes: Vec<(String, &str)> = nodes.into_iter().map(|(text, id)| (slug(text), id)).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for (slug, _) in &nodes {
        *uses.entry(slug).or_default() += 1;
    }
    let is_unique = |slug: &str| !slug.is_empty() && slug != RESERVED && uses.get(slug) == Some(&1);
    let mut taken: HashSet<String> =
        nodes.iter().map(|(slug, _)| slug.clone()).filter(|slug| is_unique(slug)).collect();
    taken.insert(RESERVED.to_owned());
    let mut names = Vec::with_capacity(nodes.len());
    // Numbers that are taken for a text stay so: a network may call all of its routers the same.
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for (text, id) in &nodes {
        if is_unique(text) {
            names.push(text.clone());
            continue;
        }
        let stem = if text.is_empty() { "node" } else { text };
        let mut name = format!("{stem}-{}", slug(id).chars().take(10).collect::<String>());
        while !taken.insert(name.clone()) {
            let number = numbers.entry(stem).or_insert(2);
            name = format!("{stem}--{number}");
            *number += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_legal_pid_names() {
        let cases = [
            ("Saint-Denis (Réunion)", "Saint-Denis-R-union"),
            (" New York, NY ", "New-York-NY"),
            ("a//b..c", "a-b-c"),
            ("10.255.0.1", "10-255-0-1"),
            ("???", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(slug(text), expected, "{text:?}");
        }
        assert_eq!(slug(&"x".repeat(70)).len(), MAX_SLUG);
    }

    #[test]
    fn equal_texts_get_distinct_names() {
        let nodes =
            [("None", "1"), ("None", "2"), ("?", "3"), ("None-1", "4"), ("default", "5"), ("A", "6"), ("A.", "7")];
        let names = distinct(nodes);
        assert_eq!(names, ["None--2", "None-2", "node-3", "None-1", "default-5", "A-6", "A-7"]);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}
