//! Costs in answers: their types, the selection by a request, the matrix of values and the `meta`.

mod filter;
pub(crate) mod kind;
pub(super) mod matrix;
pub(super) mod meta;
pub(super) mod selection;
