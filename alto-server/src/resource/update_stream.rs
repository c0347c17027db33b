//! The update stream service in the directory (RFC 8895 §6). What it does is in [`crate::update`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use alto_history::Patches;
use alto_types::{Capabilities, MediaType};

use super::catalogue::{Entry, Resource, Service};

/// Resource ID of the update stream service.
pub(crate) const ID: &str = "update-stream";

/// Path of the service.
pub(crate) const PATH: &str = "updates";

/// Defines the service for the resources of a list that are followed.
pub(super) fn resource(all: &[Resource]) -> Resource {
    let media_types = patch_media_types(all);
    let capabilities = move |_: &_| Capabilities {
        incremental_change_media_types: media_types.clone(),
        support_stream_control: Some(true),
        ..Capabilities::default()
    };
    Resource {
        id: ID.into(),
        path: PATH.into(),
        media_type: MediaType::EVENT_STREAM,
        service: Service::Separate(MediaType::UPDATE_STREAM_PARAMS),
        entry: Some(Entry { uses: followed(all), capabilities: Box::new(capabilities) }),
        patches: None,
    }
}

/// Lists the resources that are followed.
pub(super) fn followed(all: &[Resource]) -> Vec<Cow<'static, str>> {
    all.iter().filter(|resource| resource.patches.is_some()).map(|resource| resource.id.clone()).collect()
}

/// Lists the media types of patches by resource (RFC 8895 §6.3). The order is the one that RFC 9569 §5.2 prescribes.
pub(super) fn patch_media_types(all: &[Resource]) -> BTreeMap<String, String> {
    let media_types = |Patches { merge, json }: Patches| {
        let merge = merge.then_some(MediaType::MERGE_PATCH.as_str());
        merge.into_iter().chain(json.then_some(MediaType::JSON_PATCH.as_str())).collect::<Vec<_>>().join(",")
    };
    all.iter().filter_map(|resource| Some((resource.id.to_string(), media_types(resource.patches?)))).collect()
}
