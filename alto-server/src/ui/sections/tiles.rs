//! The size of everything, at a glance.

use maud::{Markup, html};

use super::super::format::{count, counted};
use super::super::scene::Scene;

/// Lists counts, each with what it counts.
pub(in crate::ui) fn tiles(scene: &Scene<'_>) -> Markup {
    let (view, map) = (scene.view(), scene.view().network_map());
    let topology = view.topology();
    let down = topology.links().filter(|link| !link.is_up()).count();
    let registry =
        scene.site.swarm.as_ref().and_then(|swarm| swarm.call_here(|registry, now| registry.stats(now)).ok());
    let tracker = scene.site.tracker.as_ref().map(|tracker| tracker.stats());
    html! {
        dl #tiles {
            (tile(map.len(), "PIDs", &counted(map.prefix_count(), "prefix")))
            (tile(topology.hosts().len(), "hosts", &format!("at {}", counted(topology.switches().len(), "switch"))))
            (tile(topology.links().len(), "links", &if down == 0 { "all up".to_owned() } else { format!("{} down", count(down)) }))
            (tile(scene.published.overrides().len(), "changed links", "above the topology"))
            (tile(scene.site.streams.open_count(), "open pages", "that follow changes"))
            @if let Some(stats) = registry {
                (tile(stats.peers, "peers", &format!("hold {}", counted(stats.files, "file"))))
            }
            @if let Some(stats) = tracker {
                (tile(stats.peers, "BitTorrent peers", &format!("in {}", counted(stats.swarms, "torrent"))))
            }
        }
    }
}

fn tile(number: usize, what: &str, more: &str) -> Markup {
    html! {
        div {
            dt { (what) }
            dd.number { (count(number)) }
            dd.note { (more) }
        }
    }
}
