//! The page as a whole: its head, the question, and the sections in their order.

use std::net::IpAddr;

use maud::{DOCTYPE, Markup, html};
use topo::{Metric, View};

use super::question::Question;
use super::scene::Scene;
use super::sections::{answer, costs, links, log, map, pids, sources, swarms, tiles, views};
use super::site::Site;
use crate::http::offload::{Abandoned, Cancel};

/// Page in answer to a question.
pub(super) struct Page<'a> {
    pub(super) site: &'a Site,
    /// Path of the page's files, relative to its own.
    pub(super) folder: &'static str,
    pub(super) question: &'a Question,
    /// Address of the visitor.
    pub(super) visitor: IpAddr,
}

impl Page<'_> {
    /// Renders the page with the present state of the network.
    pub(super) fn render(&self, cancel: &Cancel) -> Result<String, Abandoned> {
        let Self { site, question, .. } = *self;
        let scene = Scene { site, question, published: site.network.current(), now: site.access.now(), cancel };
        let content = html! {
            (answer::section(&scene)?)
            (tiles::tiles(&scene))
            (map::section(&scene)?)
            (costs::section(&scene, self.folder)?)
            (pids::section(&scene)?)
            (links::section(&scene))
            (views::section(&scene))
            (sources::section(&scene))
            (swarms::section(&scene))
            (log::section(&scene))
        };
        Ok(self.frame(scene.view(), &content).into_string())
    }

    /// Wraps the sections in everything that comes before and after them.
    fn frame(&self, view: &View, content: &Markup) -> Markup {
        let (name, folder) = (view.topology().name(), self.folder);
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (name) " · ALTO" }
                    // Without an icon of its own, a browser asks for one at every visit.
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (folder) "base.css" };
                    link rel="stylesheet" href={ (folder) "page.css" };
                    script type="module" src={ (folder) "form.js" } {}
                    script type="module" src={ (folder) "live.js" } {}
                }
                body data-view=(view.tag()) {
                    a.skip href="#question" { "Skip to the question" }
                    header {
                        p.kind { "Network seen by ALTO" }
                        h1 { (name) }
                        p #live.note hidden {}
                    }
                    main {
                        (self.form())
                        (content)
                    }
                    footer {
                        p {
                            "alto-server " (env!("CARGO_PKG_VERSION")) ". Programs read the same at "
                            a href={ (self.above()) "directory" } { "directory" }
                            ", monitoring at " a href={ (self.above()) "metrics" } { "metrics" } "."
                        }
                    }
                }
            }
        }
    }

    /// Path from the page to the root of the server.
    fn above(&self) -> &'static str {
        if self.folder.is_empty() { "../" } else { "" }
    }

    /// The question, which works without scripts: the answer is another page.
    fn form(&self) -> Markup {
        let Question { entered, metric } = self.question;
        html! {
            form #question method="get" action=(if self.folder.is_empty() { "./" } else { self.folder }) {
                label.ask for="address" { "Which PID is this address?" }
                div.fields {
                    input #address name="address" type="text" value=(entered) placeholder=(self.visitor)
                        autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="64"
                        aria-label="Address" aria-describedby="said";
                    select #metric name="metric" aria-label="Metric" {
                        @for known in Metric::ALL {
                            option value=(known.name()) selected[known == *metric] { (known.name()) }
                        }
                    }
                    button type="submit" { "Show" }
                }
            }
        }
    }
}
