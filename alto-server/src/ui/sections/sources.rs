//! The programs that give prefixes to PIDs, and when each was last heard of.

use maud::{Markup, html};

use super::super::format::{ago, count, moment};
use super::super::scene::Scene;
use super::{MOST_ROWS, rest, scrolling, section as titled};

/// Lists the sources of prefixes.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Markup {
    titled(
        "sources",
        "Sources of prefixes",
        &match scene.site.network.sources_at_once() {
            None => html! { p { "The network is being changed; reload this page for the state of the sources." } },
            Some(sources) if sources.is_empty() => html! {
                p { "All prefixes are from the topology: no program has given others (/admin/prefixes)." }
            },
            Some(sources) => scrolling(
                "Table: sources of prefixes",
                &html! {
                    table {
                        caption { "Prefixes of these programs take precedence over those of the topology." }
                        thead { tr {
                            th scope="col" { "Source" }
                            th.n scope="col" { "Prefixes" }
                            th.n scope="col" { "Left out, PID unknown" }
                            th.n scope="col" { "Sequence" }
                            th scope="col" { "Last seen" }
                            th scope="col" { "Published" }
                        } }
                        tbody {
                            @for source in sources.iter().take(MOST_ROWS) {
                                tr {
                                    th scope="row" { (source.source) }
                                    td.n { (count(source.prefixes)) }
                                    td.n { (count(source.unknown_pids)) }
                                    td.n { (source.sequence) }
                                    td {
                                        @match source.seen {
                                            Some(seen) => span title=(moment(seen)) { (ago(seen, scene.now)) },
                                            None => "not since the start",
                                        }
                                    }
                                    td {
                                        @match source.publish_in {
                                            Some(time) => { "in " (time.as_secs() + 1) " s" },
                                            None => "yes",
                                        }
                                    }
                                }
                            }
                        }
                    }
                    (rest(MOST_ROWS, sources.len(), "source", "GET /admin/prefixes"))
                },
            ),
        },
    )
}
