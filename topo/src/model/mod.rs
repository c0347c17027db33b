//! The checked network, and the changes that can be made to its links.

pub(crate) mod change;
pub(crate) mod limits;
pub(crate) mod link_changes;
pub(crate) mod parts;
pub(crate) mod properties;
pub(crate) mod samples;
pub(crate) mod topology;
