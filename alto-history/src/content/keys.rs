//! Names of the members of objects.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::text;

/// Number of bytes that are copied at once, which takes no call. Most keys have fewer.
const BLOCK: usize = 32;

/// Name of a member, as the JSON text between its quotes. Equal names have equal texts.
#[derive(Clone)]
pub struct Key(Arc<str>);

/// Names of all members of an object, in order, which many objects share.
///
/// Their text is kept in one piece, each after a comma and with quotes and colon, because cost maps repeat it for every
/// source.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The keys, and a block of zeros, so that a block can be read wherever a key begins.
    text: Vec<u8>,
    /// End of each key in the text.
    ends: Vec<usize>,
    /// The keys one by one, once they were needed.
    each: OnceLock<Box<[Key]>>,
}

impl Key {
    /// Creates the key of a name.
    pub fn new(name: &str) -> Self {
        Self(text::escaped(name).into())
    }

    /// JSON text of the name without quotes.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Keys {
    /// Collects names, which are distinct.
    pub fn of<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut keys = Self::default();
        for name in names {
            keys.text.push(b',');
            text::string(&mut keys.text, &text::escaped(name.as_ref()));
            keys.text.push(b':');
            keys.ends.push(keys.text.len());
        }
        keys.text.resize(keys.text.len() + BLOCK, 0);
        keys
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Tells whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Length of all keys in the text of an object, in bytes.
    pub fn text_len(&self) -> usize {
        self.ends.last().map_or(0, |end| end - self.len())
    }

    /// Bytes that the keys take in memory, about.
    pub fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }

    /// Key at a place, with quotes and colon.
    pub fn get(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start + 1..self.ends[place]]
    }

    /// Iterates over the places from one on, each with where its key is in the text, comma included.
    pub(crate) fn starting_at(&self, first: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends
            .iter()
            .enumerate()
            .skip(first)
            .map(move |(place, end)| (place, std::mem::replace(&mut start, *end)..*end))
    }

    /// Appends this part of the text, which is that of a key.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>, key: Range<usize>) {
        match self.text.get(key.start..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            Some(block) if key.len() <= BLOCK => {
                out.extend_from_slice(block);
                out.truncate(out.len() - (BLOCK - key.len()));
            }
            _ => out.extend_from_slice(&self.text[key]),
        }
    }

    /// Tells whether both lists have the same keys in the same order.
    pub(crate) fn are_same(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }

    /// The keys one by one.
    pub(crate) fn each(&self) -> &[Key] {
        self.each.get_or_init(|| {
            let key = |place| {
                let quoted = self.get(place);
                Key(String::from_utf8_lossy(&quoted[1..quoted.len() - 2]).into())
            };
            (0..self.len()).map(key).collect()
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_any_length_is_appended_as_it_is() {
        let names: Vec<String> = (0..3 * BLOCK).map(|length| "k".repeat(length)).collect();
        let keys = Keys::of(&names);
        let mut all = Vec::new();
        for (place, key) in keys.starting_at(0) {
            let mut only = Vec::new();
            keys.append(&mut only, key.start + 1..key.end);
            assert_eq!(only, keys.get(place));
            keys.append(&mut all, key);
        }
        let expected = names.iter().map(|name| format!(",\"{name}\":")).collect::<Vec<_>>().concat();
        assert_eq!(String::from_utf8(all).unwrap(), expected);
        assert_eq!(keys.text_len(), expected.len() - names.len());
        assert_eq!(keys.starting_at(5).next().map(|(place, _)| place), Some(5));
    }
}
