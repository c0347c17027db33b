//! Checks of links: both ends exist, and all values are in range.

use super::nodes::Names;
use crate::error::Problems;
use crate::file::{CostModel, LinkFile};
use crate::model::limits;
use crate::model::parts::Link;

/// Checks the links of a file and returns them in the order of the file.
pub(super) fn links(files: &[LinkFile], model: &CostModel, names: &Names, problems: &mut Problems) -> Vec<Link> {
    let mut links = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let path = |key: &str| format!("links[{i}].{key}");
        let mut end = |key: &str, name: &str| {
            let node = names.find(name);
            if node.is_none() && !names.is_refused(name) {
                problems.add(path(key), format!("{name:?} is neither a host nor a switch of this file"));
            }
            node
        };
        let ends = (end("source", &file.source), end("destination", &file.destination));
        if ends.0.is_some() && ends.0 == ends.1 {
            let message = format!("leads from {} to itself; remove the link", file.source);
            problems.add(format!("links[{i}]"), message);
        }
        let before = problems.count();
        for (key, value, limit) in [
            ("bandwidth", Some(file.bandwidth), limits::BANDWIDTH),
            ("delay", Some(file.delay.0), limits::DELAY),
            ("cost", file.cost, limits::COST),
            ("price", Some(file.price), limits::COST),
            ("loss", file.loss, limits::LOSS),
        ] {
            if let Some(Err(message)) = value.map(|value| limit.check(value)) {
                problems.add(path(key), message);
            }
        }
        let (Some(source), Some(destination)) = ends else { continue };
        if problems.count() > before {
            continue;
        }
        let mut link = Link {
            source: names.name(source).clone(),
            destination: names.name(destination).clone(),
            bandwidth: file.bandwidth,
            delay: file.delay.0,
            measured_delay: None,
            loss: file.loss.unwrap_or_default(),
            measured_loss: None,
            directed: file.directed,
            up: file.up,
            utilisation: 0.0,
            override_cost: file.cost,
            price: file.price,
            ends: (source, destination),
            weight: None,
        };
        if problems.take(format!("links[{i}]"), link.weigh(model)).is_some() {
            links.push(link);
        }
    }
    links
}
