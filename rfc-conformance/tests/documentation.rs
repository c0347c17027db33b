//! Tables in `docs/conformance.md` that are made by tests.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Holds the part of the document between two marks against a table; with `UPDATE_GOLDEN` set, writes it there.
pub(crate) fn hold(name: &str, table: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("{} has no {begin}", path.display())) + begin.len();
    let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("{} has no {end}", path.display()));
    if text[from..to] == *table {
        return;
    }
    assert!(
        env::var_os("UPDATE_GOLDEN").is_some(),
        "docs/conformance.md is out of date: its part {name:?} is made by UPDATE_GOLDEN=1 cargo test -p rfc-conformance"
    );
    fs::write(&path, [&text[..from], table, &text[to..]].concat()).unwrap();
}

/// Text in a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// IDs with what is said about them, as a list.
pub(crate) fn list(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(id, text)| format!("- `{id}`: {text}\n")).collect::<Vec<_>>().concat()
}
