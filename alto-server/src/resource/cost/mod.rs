//! Costs in answers: their types, the selection by a request, the matrix of values with its keys, the `meta`, and the
//! text of the answer.

mod filter;
pub(crate) mod kind;
pub(super) mod matrix;
pub(super) mod meta;
pub(super) mod selection;
pub(super) mod text;
