//! The map of the network.

use maud::{Markup, html};

use super::super::drawing::svg;
use super::super::scene::Scene;
use super::{scrolling, section as titled};
use crate::http::offload::Abandoned;

/// Draws the network, with the PID in question marked.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Result<Markup, Abandoned> {
    let plan = scene.site.plan(scene.view(), scene.cancel)?;
    let asked = scene.question.address().and_then(|address| scene.view().network_map().lookup(address.to_canonical()));
    Ok(titled(
        "map",
        "Map",
        &html! {
            p #map-text { (svg::text(&plan, &scene.published)) }
            figure {
                (scrolling("Drawing of the map", &svg::map(&plan, &scene.published, asked)))
                figcaption {
                    ul.legend {
                        @for (class, what) in [("u0", "below 10 %"), ("u1", "10 %"), ("u2", "30 %"), ("u3", "60 %"), ("u4", "85 % in use, or more")] {
                            li { svg.key aria-hidden="true" viewBox="0 0 28 8" { path.(class) d="M1 4h26" {} } (what) }
                        }
                        li { svg.key aria-hidden="true" viewBox="0 0 28 8" { path.down d="M1 4h26" {} } "down" }
                        li { svg.key.marks aria-hidden="true" viewBox="0 0 28 8" { path d="M1 4h26" {} } "changed" }
                    }
                }
            }
        },
    ))
}
