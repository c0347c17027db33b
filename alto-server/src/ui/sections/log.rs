//! The latest warnings and errors.

use maud::{Markup, html};

use super::super::format::{ago, moment};
use super::super::scene::Scene;
use super::section as titled;

/// Lists warnings and errors, the newest first. Visitors that are not known see neither addresses nor paths.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Markup {
    let entries = scene.site.journal.latest();
    let is_restricted = scene.site.access.is_restricted();
    titled(
        "log",
        "Warnings and errors",
        &html! {
            @if entries.is_empty() {
                p { "None since the start." }
            } @else {
                ol {
                    @for entry in &entries {
                        li {
                            span title=(moment(entry.at)) { (ago(entry.at, scene.now)) }
                            @if entry.is_error { span.bad { " error" } } @else { " warning" }
                            ": " @if is_restricted { (entry.text) } @else { (entry.anonymous()) }
                        }
                    }
                }
            }
        },
    )
}
