//! Walks along updates graphs.

use serde_json::Value;

use crate::context::Context;
use crate::http::NoAnswer;
use crate::updates::view::View;

/// Maximum number of edges of a walk.
const MOST_EDGES: u64 = 64;

/// Returns the document of the newest version, from the recommended edge on; `None` if the way is broken.
pub(super) fn at_end(context: &Context<'_>, view: &View<'_>) -> Result<Option<Value>, NoAnswer> {
    if view.summary.from != 0 {
        return Ok(None);
    }
    along(context, view, view.summary.to, view.summary.end)
}

/// Returns the document of a version, from a snapshot and the edges after it; `None` if the way is broken.
pub(super) fn along(
    context: &Context<'_>,
    view: &View<'_>,
    snapshot: u64,
    version: u64,
) -> Result<Option<Value>, NoAnswer> {
    let mut document = view.apply(None, &*view.edge(context, 0, snapshot)?).ok();
    for from in (snapshot..version).take(usize::try_from(MOST_EDGES).unwrap_or(64)) {
        let edge = view.edge(context, from, from + 1)?;
        let Some(held) = document.take() else { return Ok(None) };
        document = view.apply(Some(held), &edge).ok().filter(|_| edge.answer.status == 200);
    }
    Ok(document)
}
