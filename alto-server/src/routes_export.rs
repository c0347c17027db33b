//! The route between every two hosts, exactly as costs are computed, for whoever builds the same network elsewhere and
//! must not disagree: printed by `alto-server routes`, and answered by `/admin/routes` for the present state.

use std::io::{BufWriter, Write, stdout};
use std::sync::Arc;

use serde::Serialize;
use topo::{Metric, Route, View};

use crate::config::Config;
use crate::exit::Exit;
use crate::settings::RoutesOptions;

/// One route as JSON.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Exported {
    source: String,
    destination: String,
    /// All nodes on the way, both hosts included.
    path: Vec<String>,
    /// The links between them, by their places in the topology file, from 0.
    links: Vec<u32>,
    routingcost: Option<f64>,
    hopcount: Option<f64>,
    /// Microseconds.
    delay_ow: Option<f64>,
    /// Percent.
    lossrate: Option<f64>,
    /// Bytes per second.
    bw_residual: Option<f64>,
    bw_available: Option<f64>,
    /// Further routes, best first, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternatives: Vec<Vec<String>>,
}

/// The routes between all hosts, each with its values.
pub(crate) fn all(view: &View) -> Vec<Exported> {
    view.routes().map(|route| exported(&route)).collect()
}

/// Prints all routes that the options ask for.
pub(crate) fn print(config: &Config, options: &RoutesOptions) -> Exit {
    let topology = match config.load_topology() {
        Ok(topology) => Arc::new(topology),
        Err(error) => {
            eprintln!("alto-server: {error}");
            return Exit::Config;
        }
    };
    for name in [&options.from, &options.to].into_iter().flatten() {
        if !topology.hosts().any(|host| host.name().as_str() == name) {
            eprintln!("alto-server: {name:?} is not a host of the topology {}", topology.name());
            return Exit::Usage;
        }
    }
    let view = View::compute(topology);
    match write(&view, options) {
        // A reader that has enough, such as `head`, is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("alto-server: cannot write: {error}");
            Exit::Failure
        }
        _ => Exit::Success,
    }
}

fn write(view: &View, options: &RoutesOptions) -> std::io::Result<()> {
    let wanted = |filter: &Option<String>, name: &str| filter.as_deref().is_none_or(|wanted| wanted == name);
    let routes = view.routes().map(|route| (exported(&route), route));
    let routes = routes.filter(|(r, _)| wanted(&options.from, &r.source) && wanted(&options.to, &r.destination));
    let mut routes = routes.map(|(mut exported, route)| {
        exported.alternatives = alternatives(view, &route, options.alternatives);
        exported
    });
    let mut out = BufWriter::new(stdout().lock());
    if options.json {
        // One route a line inside one array: readable by programs whole, and by people line by line.
        write!(out, "[")?;
        if let Some(first) = routes.next() {
            write!(out, "\n{}", serde_json::to_string(&first)?)?;
        }
        routes.try_for_each(|route| write!(out, ",\n{}", serde_json::to_string(&route)?))?;
        writeln!(out, "\n]")?;
    } else {
        for route in routes {
            let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
            let (cost, delay) = (number(route.routingcost), number(route.delay_ow));
            writeln!(out, "{} cost {cost} delay {delay} us", route.path.join(" "))?;
            for path in route.alternatives {
                writeln!(out, "    or {}", path.join(" "))?;
            }
        }
    }
    out.flush()
}

/// Up to `count` routes in all, less the one that is taken.
fn alternatives(view: &View, route: &Route, count: usize) -> Vec<Vec<String>> {
    let (Some(source), Some(destination)) = (route.nodes().first(), route.nodes().last()) else { return Vec::new() };
    if count < 2 {
        return Vec::new();
    }
    let found = view.alternatives(source, destination, count).into_iter().filter(|path| path != route.nodes());
    found.take(count - 1).map(|path| path.iter().map(ToString::to_string).collect()).collect()
}

fn exported(route: &Route) -> Exported {
    let value = |metric| route.value(metric).map(topo::Value::as_f64);
    let path: Vec<String> = route.nodes().iter().map(ToString::to_string).collect();
    Exported {
        source: path.first().cloned().unwrap_or_default(),
        destination: path.last().cloned().unwrap_or_default(),
        routingcost: value(Metric::RoutingCost),
        hopcount: value(Metric::HopCount),
        delay_ow: value(Metric::DelayOneWay),
        lossrate: value(Metric::LossRate),
        bw_residual: value(Metric::ResidualBandwidth),
        bw_available: value(Metric::AvailableBandwidth),
        path,
        links: route.links().to_vec(),
        alternatives: Vec::new(),
    }
}
