//! Version tags of information resources (RFC 7285 §10.3).

use serde::{Deserialize, Serialize};

use crate::name::{ResourceId, Tag};

/// The identity of one version of one resource; equal if and only if both members are (RFC 7285 §10.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionTag {
    /// Resource that the version belongs to.
    pub resource_id: ResourceId,
    /// Opaque tag of the version.
    pub tag: Tag,
}
