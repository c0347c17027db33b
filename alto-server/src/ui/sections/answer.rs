//! The answer to the question: the PID of an address, and the costs from there to all others.

use std::net::IpAddr;

use ipnet::IpNet;
use maud::{Markup, html};
use topo::{Metric, Pid, PidId, Value, View};

use super::super::format::{counted, value};
use super::super::scene::Scene;
use super::{MOST_ROWS, rest};
use crate::http::offload::Abandoned;

/// Number of costs that are computed between two looks whether anybody still waits.
const AT_A_TIME: usize = 64;

/// Cost from the PID in question to another one.
struct Row {
    pid: PidId,
    /// Equal costs have equal ranks, from 1.
    rank: usize,
    cost: Value,
}

/// Costs to all other PIDs, the best first.
struct Ranking {
    rows: Vec<Row>,
    /// Number of PIDs to which the cost is undefined.
    undefined: usize,
    own: Option<Value>,
}

/// Answers the question, if there is one.
pub(in crate::ui) fn section(scene: &Scene<'_>) -> Result<Markup, Abandoned> {
    let (entered, view) = (&scene.question.entered, scene.view());
    let (said, ranked) = match scene.question.address() {
        _ if entered.is_empty() => (html! {}, None),
        None => (html! { span.bad { "“" (entered) "” is neither an IPv4 nor an IPv6 address." } }, None),
        Some(address) => {
            let address = address.to_canonical();
            match view.network_map().lookup(address) {
                None => (html! { (address) " is in no PID: no prefix of this network map covers it." }, None),
                Some(pid) => {
                    let ranking = Ranking::of(scene, pid)?;
                    (sentence(view, address, pid), Some((pid, ranking)))
                }
            }
        }
    };
    Ok(html! {
        section #answer aria-label="Answer" {
            p #said role="status" { (said) }
            @if let Some((pid, ranking)) = ranked { (ranking.show(view, pid, scene.question.metric)) }
        }
    })
}

fn sentence(view: &View, address: IpAddr, pid: PidId) -> Markup {
    let pid = view.network_map().pid(pid);
    let host = view.topology().hosts().find(|host| host.addresses().contains(&address));
    html! {
        (address) " is in " b { (pid.name()) }
        @if let Some(prefix) = longest_prefix(pid, address) { ", by its prefix " (prefix) }
        @if let Some(host) = host { ". It is the host " (host.name()) }
        "."
    }
}

/// Prefix of a PID that decides for an address.
fn longest_prefix(pid: &Pid, address: IpAddr) -> Option<IpNet> {
    match address {
        IpAddr::V4(address) => {
            let covering = pid.ipv4().iter().filter(|prefix| prefix.contains(&address));
            covering.max_by_key(|prefix| prefix.prefix_len()).map(|prefix| IpNet::V4(*prefix))
        }
        IpAddr::V6(address) => {
            let covering = pid.ipv6().iter().filter(|prefix| prefix.contains(&address));
            covering.max_by_key(|prefix| prefix.prefix_len()).map(|prefix| IpNet::V6(*prefix))
        }
    }
}

impl Ranking {
    fn of(scene: &Scene<'_>, from: PidId) -> Result<Self, Abandoned> {
        let (view, metric) = (scene.view(), scene.question.metric);
        let (mut rows, mut undefined) = (Vec::new(), 0);
        for (index, (pid, _)) in view.network_map().pids().enumerate() {
            if index % AT_A_TIME == 0 {
                scene.cancel.check()?;
            }
            match view.pid_cost(metric, from, pid) {
                _ if pid == from => {}
                Some(cost) => rows.push(Row { pid, rank: 0, cost }),
                None => undefined += 1,
            }
        }
        rows.sort_by_key(
            |row| if metric.larger_is_better() { u64::MAX - row.cost.micros() } else { row.cost.micros() },
        );
        for place in 0..rows.len() {
            let same =
                place.checked_sub(1).map(|before| &rows[before]).filter(|before| before.cost == rows[place].cost);
            rows[place].rank = same.map_or(place + 1, |before| before.rank);
        }
        Ok(Self { rows, undefined, own: view.pid_cost(metric, from, from) })
    }

    fn show(&self, view: &View, from: PidId, metric: Metric) -> Markup {
        let map = view.network_map();
        let name = |pid: PidId| map.pid(pid).name();
        let most = self.rows.iter().map(|row| row.cost).max().unwrap_or_default().as_f64();
        html! {
            p.note {
                @if let ([best, ..], [.., worst]) = (&self.rows[..], &self.rows[..]) {
                    "By " (metric.name()) ", the best other PID is " b { (name(best.pid)) } " (" (value(best.cost.as_f64()))
                    ") and the worst is " b { (name(worst.pid)) } " (" (value(worst.cost.as_f64())) ")"
                    @if let Some(own) = self.own { "; within the PID it is " (value(own.as_f64())) }
                    ". "
                }
                @if self.undefined > 0 { "No route leads to " (counted(self.undefined, "PID")) "." }
            }
            @if !self.rows.is_empty() {
                table.ranking {
                    caption { "From " (name(from)) " to all other PIDs by " (metric.name()) " (" (metric.description()) "), best first." }
                    thead { tr {
                        th.n scope="col" { "Rank" }
                        th scope="col" { "PID" }
                        th.n scope="col" { (metric.name()) }
                        td {}
                    } }
                    tbody {
                        @for row in self.rows.iter().take(MOST_ROWS) {
                            tr {
                                td.n { (row.rank) }
                                th scope="row" { (name(row.pid)) }
                                td.n { (value(row.cost.as_f64())) }
                                td.bar { (bar(row.cost.as_f64(), most)) }
                            }
                        }
                    }
                }
                (rest(MOST_ROWS, self.rows.len(), "PID", "the cost map"))
            }
        }
    }
}

/// Draws a value as a part of the largest one.
fn bar(cost: f64, most: f64) -> Markup {
    let width = if most > 0.0 { cost / most * 100.0 } else { 0.0 };
    html! {
        svg aria-hidden="true" { rect width=(format!("{width:.0}%")) height="9" {} }
    }
}
