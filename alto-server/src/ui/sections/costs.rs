//! The costs between PIDs, as a table of a few or a picture of many.

use maud::{Markup, html};

use super::super::format::{counted, value};
use super::super::heat::{Heat, SHADES};
use super::super::scene::Scene;
use super::{scrolling, section as titled};
use crate::http::offload::Abandoned;

/// Largest number of PIDs whose costs are written out.
const MOST_WRITTEN: usize = 14;

/// Shows the costs in the metric of the question.
pub(in crate::ui) fn section(scene: &Scene<'_>, folder: &str) -> Result<Markup, Abandoned> {
    let (view, metric) = (scene.view(), scene.question.metric);
    let heat = scene.site.heat(view, metric, scene.cancel)?;
    let (all, known) = (view.network_map().len(), heat.side() + heat.without_costs);
    let content = html! {
        p { (metric.name()) ": " (metric.description()) "." }
        @if heat.side() <= MOST_WRITTEN { (table(scene, &heat)) } @else { (picture(scene, &heat, folder)) }
        @if heat.without_costs > 0 { p.note { (counted(heat.without_costs, "PID")) " without any cost left out." } }
        @if all > known { p.note { "Of " (counted(all, "PID")) ", the first " (known) " are shown." } }
    };
    Ok(titled("costs", "Costs", &content))
}

fn table(scene: &Scene<'_>, heat: &Heat) -> Markup {
    let names: Vec<_> = heat.pids.iter().map(|pid| scene.view().network_map().pid(*pid).name()).collect();
    scrolling(
        "Table: costs between PIDs",
        &html! {
            table.heat {
                caption { "From the PID of a row to that of a column; the worse, the stronger the colour." }
                thead { tr { td {} @for name in &names { th.n scope="col" { (name) } } } }
                tbody {
                    @for (row, name) in names.iter().enumerate() {
                        tr {
                            th scope="row" { (name) }
                            @for column in 0..heat.side() {
                                @let cell = row * heat.side() + column;
                                td class={ "n h" (heat.shades[cell]) } {
                                    @match heat.costs[cell] { Some(cost) => (value(cost.as_f64())), None => "–" }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

fn picture(scene: &Scene<'_>, heat: &Heat, folder: &str) -> Markup {
    let metric = scene.question.metric;
    let range = heat.range(metric.larger_is_better());
    let range = range
        .map(|(best, worst)| format!("from {} (faint) to {} (strong)", value(best.as_f64()), value(worst.as_f64())));
    let range = range.unwrap_or_else(|| "none of them is defined".to_owned());
    // The tag makes a new picture of a new view, whatever a browser has kept.
    let source = format!("{folder}heat.png?metric={}&view={}", metric.name(), &scene.view().tag()[..12]);
    html! {
        figure.heat {
            img src=(source) width=(heat.side()) height=(heat.side()) alt={ "Costs between " (counted(heat.side(), "PID")) ", " (range) };
            figcaption {
                "Rows are sources and columns are destinations, in the order of the network map; " (range)
                ", in " (SHADES) " shades of equally many costs; blank where no route leads."
            }
        }
    }
}
