//! Version tags: which state of which map (RFC 7285 §10.3).

use serde::{Deserialize, Serialize};

use crate::name::{ResourceId, Tag};

/// Names one version of one resource; equal exactly when both members are (RFC 7285 §10.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionTag {
    /// The resource this is a version of.
    pub resource_id: ResourceId,
    /// The version.
    pub tag: Tag,
}
