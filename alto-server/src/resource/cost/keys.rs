//! Keys of the objects in a cost answer.

use crate::resource::json::append;

/// Keys of an object, quoted and escaped, each with its colon: once instead of once per pair.
pub(super) struct Keys {
    text: Vec<u8>,
    /// End of each key in the text.
    ends: Vec<usize>,
}

impl Keys {
    /// Writes the keys of a list of members.
    pub(super) fn of<K: AsRef<str>, T>(members: &[(K, T)]) -> Self {
        let (mut text, mut ends) = (Vec::with_capacity(members.len() * 24), Vec::with_capacity(members.len()));
        for (key, _) in members {
            append(&mut text, key.as_ref());
            text.push(b':');
            ends.push(text.len());
        }
        Self { text, ends }
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Length of all keys in the text of an object.
    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Bytes that the keys take in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }

    /// Key at a place.
    pub(super) fn get(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }
}
