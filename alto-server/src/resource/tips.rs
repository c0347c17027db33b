//! The Transport Information Publication Service in the directory (RFC 9569 §5). What it does is in [`crate::update`].

use alto_types::{Capabilities, MediaType};

use super::catalogue::{Entry, Resource, Service};
use super::update_stream::{followed, patch_media_types};

/// Resource ID of the service.
pub(crate) const ID: &str = "tips";

/// Path of the service, below which its views are.
pub(crate) const PATH: &str = "tips";

/// Defines the service for the resources of a list that are followed.
pub(super) fn resource(all: &[Resource]) -> Resource {
    let media_types = patch_media_types(all);
    let capabilities =
        move |_: &_| Capabilities { incremental_change_media_types: media_types.clone(), ..Capabilities::default() };
    Resource {
        id: ID.into(),
        path: PATH.into(),
        media_type: MediaType::TIPS,
        service: Service::Separate(MediaType::TIPS_PARAMS),
        entry: Some(Entry { uses: followed(all), capabilities: Box::new(capabilities) }),
        patches: None,
    }
}
