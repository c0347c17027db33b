//! The links: those that were changed, and the busiest.

use maud::{Markup, html};
use topo::{Link, LinkChange, Measured, Override, Samples};

use super::super::format::{counted, percent, value};
use super::super::scene::Scene;
use super::{MOST_ROWS, rest, scrolling, section as titled};

/// Number of links whose values are listed.
const LISTED: usize = 50;

/// Lists the changes that are in force, then links with their values.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Markup {
    let overrides = scene.published.overrides();
    titled(
        "links",
        "Links",
        &html! {
            h3 { "Changed above the topology" }
            @if overrides.is_empty() {
                p #overrides { "Every link is as the topology has it." }
            } @else {
                ul #overrides {
                    @for (_, change) in overrides.iter().take(MOST_ROWS) {
                        li {
                            b { (change.source) " – " (change.destination) }
                            @if let Some(index) = change.index.filter(|index| *index > 0) { " (" (index + 1) ")" }
                            ": " (described(change))
                        }
                    }
                }
                (rest(MOST_ROWS, overrides.len(), "change", "GET /admin/links"))
            }
            (table(scene))
        },
    )
}

/// Describes what a change sets.
fn described(change: &LinkChange) -> String {
    let mut parts = Vec::new();
    let sample = |samples: &Samples| match samples {
        Samples::One(sample) => *sample,
        Samples::Several(samples) => samples.last().copied().unwrap_or_default(),
    };
    if let Some(up) = change.up {
        parts.push(if up { "up" } else { "down" }.to_owned());
    }
    parts.extend(change.utilisation.as_ref().map(|share| format!("{} in use", percent(sample(share)))));
    parts.extend(change.bandwidth.map(|rate| format!("bandwidth {} Mbit/s", value(rate))));
    parts.extend(change.delay.as_ref().map(|delay| format!("delay {} ms", value(delay.0))));
    parts.extend(change.loss.map(|loss| format!("loss {} %", value(loss))));
    for (what, unit, measured) in [("delay", "ms", &change.measured_delay), ("loss", "%", &change.measured_loss)] {
        parts.extend(measured.as_ref().map(|measured| match measured {
            Measured::Samples(samples) => format!("measured {what} {} {unit}", value(sample(samples))),
            Measured::Forget => format!("{what} as configured"),
        }));
    }
    parts.extend(change.cost.map(|cost| match cost {
        Override::Set(cost) => format!("cost {}", value(cost)),
        Override::Clear => "cost as computed".to_owned(),
    }));
    parts.extend(change.price.map(|price| format!("price {}", value(price))));
    parts.join(", ")
}

/// Lists links, those that are down first, then by utilisation.
fn table(scene: &Scene<'_>) -> Markup {
    let topology = scene.view().topology();
    let mut links: Vec<&Link> = topology.links().collect();
    let order = |link: &&Link| (link.is_up(), std::cmp::Reverse(ordered(link.utilisation())));
    // The sort is stable, so that equal links keep the order of the file.
    links.sort_by_key(order);
    let table = html! {
        table {
            caption { "Values as configured or last reported; links that are down first, then the busiest." }
            thead { tr {
                th scope="col" { "Link" }
                th scope="col" { "State" }
                th.n scope="col" { "In use" }
                th.n scope="col" { "Free of Mbit/s" }
                th.n scope="col" { "Delay ms" }
                th.n scope="col" { "Loss %" }
                th.n scope="col" { "Cost" }
            } }
            tbody {
                @for link in links.iter().take(LISTED) {
                    tr {
                        th scope="row" { (link.source()) " – " (link.destination()) }
                        td { @if link.is_up() { "up" } @else { span.bad { "down" } } }
                        td.n { (percent(link.utilisation())) }
                        td.n { (value(link.available())) " of " (value(link.bandwidth())) }
                        td.n { (value(link.delay())) }
                        td.n { (value(link.loss())) }
                        td.n { @if let Some(cost) = link.cost() { (value(cost.as_f64())) } @else { "–" } }
                    }
                }
            }
        }
    };
    let which = if links.len() > LISTED {
        format!("{LISTED} of {}", counted(links.len(), "link"))
    } else {
        counted(links.len(), "link")
    };
    html! {
        details {
            summary { "Values of " (which) }
            (scrolling("Table: links", &table))
        }
    }
}

/// Converts a share to a number that can be compared.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 0.99")]
fn ordered(share: f64) -> u32 {
    (share * 1e6) as u32
}
