//! Versions of ALTO documents, and the patches that lead from one to another.
//!
//! An update stream (RFC 8895) and a TIPS view (RFC 9569) tell clients what changed in a resource. Both read the same
//! [`History`]: a ring of versions, each rendered once for everybody, with an [`Item`] that leads from each version to the
//! next, and others that skip some.
//!
//! * A [`Content`] is one version as typed maps: [`Costs`] in numbers, or [`Rows`] of texts and lists. What changed
//!   between two of them is a [`Difference`], found by comparing numbers; JSON is never parsed or compared.
//! * A [`Difference`] is written as a merge patch (RFC 7396) or a JSON patch (RFC 6902). Differences that follow each other
//!   combine into one ([`Difference::then`]), which is exact: its patch leads to the same document as theirs, one by one.
//! * A [`History`] chooses the shortest form of every update, the whole document included, and is bounded in bytes,
//!   versions and age.
//!
//! The crate does no I/O and reads no clock: callers pass the time in.

mod content;
mod difference;
mod history;
mod text;

pub use content::costs::{Column, Costs, Shown, Unit};
pub use content::keys::{Key, Keys};
pub use content::rows::{Cell, List, Row, Rows};
pub use content::{Content, Meta, Table, Vtag};
pub use difference::Difference;
pub use history::item::{Form, Item, Text};
pub use history::{History, Limits, Missing, Patches, Sequence, Successor};
