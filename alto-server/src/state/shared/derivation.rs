//! What this program makes of a network, as a short hash: servers that differ in it serve other tags or bodies of the same
//! state, as two releases may.

use std::sync::LazyLock;
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use topo::View;

use crate::http::encoding::Encoding;
use crate::http::representation::Representation as _;
use crate::resource;
use crate::state::published::Published;
use crate::state::source::Loaded;

/// Network with one of everything that tags and documents depend on.
const SAMPLE: &str = include_str!("derivation.json");
/// Number of digits of the hash.
const DIGITS: usize = 8;

/// Hash of the tags and documents of a small network.
pub(super) fn derivation() -> &'static str {
    static DERIVATION: LazyLock<String> = LazyLock::new(|| of(SAMPLE));
    &DERIVATION
}

fn of(topology: &str) -> String {
    let loaded = Loaded::from_json(topology.as_bytes(), "sample").expect("a test reads it");
    let maps: Vec<_> = loaded.topology.map_names().cloned().collect();
    let catalogue = resource::catalogue(None, &maps).into();
    let view = View::compute(loaded.topology);
    let mut hash = Sha256::new().chain_update(view.tag()).chain_update(view.network_map().tag());
    let published = Published::new(catalogue, (view, std::sync::Arc::default()), None, SystemTime::UNIX_EPOCH);
    for document in (0..published.catalogue_len()).filter_map(|position| published.document(position)) {
        hash.update(document.entity_tag(Encoding::Identity));
    }
    hash.finalize().iter().take(DIGITS / 2).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_tags_or_documents_changes_the_derivation() {
        assert_eq!((derivation().len(), derivation()), (DIGITS, of(SAMPLE).as_str()));
        for (from, to) in [("\"delay\": 8", "\"delay\": 9"), ("fibre", "fiber"), ("48,2", "48,3"), ("0.01", "0.02")] {
            assert!(SAMPLE.contains(from), "{from}");
            assert_ne!(of(&SAMPLE.replace(from, to)), derivation(), "{from}");
        }
    }
}
