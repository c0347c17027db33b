//! The state that is served, by the tags that clients see.

use std::time::SystemTime;

use maud::{Markup, html};

use super::super::chronicle::{Change, Difference};
use super::super::format::{ago, counted, moment};
use super::super::scene::Scene;
use super::{scrolling, section as titled, short_tag};

/// Number of links of a change that are named.
const NAMED: usize = 4;

/// Lists the tags, each with its age.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Markup {
    let (snapshot, view) = (scene.published.snapshot(), scene.view());
    let map = view.network_map();
    let contents = format!("{}, {}", counted(map.len(), "PID"), counted(map.prefix_count(), "prefix"));
    let rows: [(&str, &str, Option<SystemTime>, String); 3] = [
        ("Network map", map.tag(), Some(snapshot.network_map_since()), contents),
        ("Costs", view.tag(), Some(snapshot.costs_since()), "every cost map and cost service".to_owned()),
        ("Properties", view.properties().tag(), None, "property maps".to_owned()),
    ];
    let table = html! {
        table {
            caption { "Equal tags mean equal content, on every replica and after every restart." }
            thead { tr {
                th scope="col" { "View" }
                th scope="col" { "Tag" }
                th scope="col" { "Since" }
                th scope="col" { "Covers" }
            } }
            tbody {
                @for (what, tag, since, covers) in rows {
                    tr {
                        th scope="row" { (what) }
                        td { (short_tag(tag)) }
                        td { @if let Some(since) = since { span title=(moment(since)) { (ago(since, scene.now)) } } @else { "–" } }
                        td { (covers) }
                    }
                }
            }
        }
    };
    titled("views", "Views", &html! { (scrolling("Table: views", &table)) (latest(scene)) })
}

/// Lists the latest changes, the newest first.
fn latest(scene: &Scene<'_>) -> Markup {
    let changes = scene.site.chronicle.latest();
    html! {
        h3 { "Latest changes" }
        @if changes.is_empty() {
            p { "None since the start." }
        } @else {
            ol #changes {
                @for Change { at, tag, what } in &changes {
                    li { span title=(moment(*at)) { (ago(*at, scene.now)) } ": " (described(what)) ", costs " (short_tag(tag)) }
                }
            }
        }
    }
}

/// Describes a change in words.
fn described(what: &Difference) -> String {
    let mut parts = Vec::new();
    if what.nodes {
        parts.push("another topology".to_owned());
    }
    if what.map {
        parts.push("another network map".to_owned());
    }
    let number = what.links.len() + what.more;
    if number > 0 {
        let named = what.links.iter().take(NAMED).map(|(source, destination)| format!("{source} – {destination}"));
        let named = named.collect::<Vec<_>>().join(", ");
        parts.push(format!("{} ({named}{})", counted(number, "link"), if number > NAMED { ", …" } else { "" }));
    }
    if parts.is_empty() { "other costs".to_owned() } else { parts.join(", ") }
}
