//! The sections of the page, each complete in text and tables.

pub(super) mod answer;
pub(super) mod costs;
pub(super) mod links;
pub(super) mod log;
pub(super) mod map;
pub(super) mod pids;
pub(super) mod sources;
pub(super) mod swarms;
pub(super) mod tiles;
pub(super) mod views;

use maud::{Markup, html};

use super::format::{count, counted};

/// Largest number of rows of a table. The resources of the server have all of what is left out.
const MOST_ROWS: usize = 200;

/// Section with a heading.
fn section(id: &str, title: &str, content: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! {
        section id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (title) }
            (content)
        }
    }
}

/// Table that scrolls by itself where it is wider than the screen, by keyboard as well.
fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" tabindex="0" aria-label=(label) { (table) } }
}

/// Note about the rows of a table that are left out, if there are any.
fn rest(shown: usize, total: usize, noun: &str, all: &str) -> Markup {
    html! {
        @if total > shown {
            p.note { "Shown are " (count(shown)) " of " (counted(total, noun)) "; " (all) " has all." }
        }
    }
}

/// Beginning of a tag, with the whole of it for those who need it.
fn short_tag(tag: &str) -> Markup {
    html! { code title=(tag) { (tag.get(..12).unwrap_or(tag)) } }
}
