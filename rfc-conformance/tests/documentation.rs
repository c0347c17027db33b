//! Generated tables in `docs/conformance-tables.md`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Asserts that the table between two marks is up to date, or rewrites it if `UPDATE_GOLDEN` is set.
pub(crate) fn hold(name: &str, table: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance-tables.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("{} has no {begin}", path.display())) + begin.len();
    let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("{} has no {end}", path.display()));
    if text[from..to] == *table {
        return;
    }
    assert!(
        env::var_os("UPDATE_GOLDEN").is_some(),
        "docs/conformance-tables.md: the table {name:?} is out of date; UPDATE_GOLDEN=1 cargo test -p rfc-conformance rewrites it"
    );
    fs::write(&path, [&text[..from], table, &text[to..]].concat()).unwrap();
}

/// Escapes text for a table cell.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// Formats IDs with their explanations as a list.
pub(crate) fn list(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(id, text)| format!("- `{id}`: {text}\n")).collect::<Vec<_>>().concat()
}
