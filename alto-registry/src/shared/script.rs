//! Scripts that run inside the store, each of which is one kind of write.

use sha1::{Digest as _, Sha1};

/// A script with its name, for messages. `log`, `head` and `base` are the keys of the log, and what `append(kind, data)`
/// adds to it has a place of its own in the history.
pub struct Script {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) hash: String,
}

/// Start of every script.
const PRELUDE: &str = include_str!("prelude.lua");

impl Script {
    /// Makes a script of its own text, to which the prelude is added.
    pub fn new(name: &'static str, text: &str) -> Self {
        let text = format!("{PRELUDE}\n{text}");
        let digest = Sha1::digest(&text);
        let hash = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self { name, text, hash }
    }
}
