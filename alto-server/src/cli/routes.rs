//! `alto-server routes`: prints the routes of a topology file.

use std::io::{self, Write};
use std::sync::Arc;

use topo::{Metric, Route, View};

use super::arguments::RoutesOptions;
use crate::admin::export::ExportedRoute;
use crate::config::{Config, ConfigError};
use command_line::Exit;

/// Prints all routes that the options select.
pub(super) fn print(config: &Config, options: &RoutesOptions) -> Result<Exit, ConfigError> {
    let topology = Arc::new(config.topology()?.load()?);
    for name in [&options.from, &options.to].into_iter().flatten() {
        if !topology.hosts().any(|host| host.name().as_str() == name) {
            eprintln!("alto-server: the topology {} has no host named {name:?}", topology.name());
            return Ok(Exit::Usage);
        }
    }
    let view = View::compute(topology);
    match command_line::write_out(|out| write(out, &view, options)) {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            eprintln!("alto-server: cannot write the routes to standard output: {error}");
            Ok(Exit::Failure)
        }
    }
}

fn write(out: &mut dyn Write, view: &View, options: &RoutesOptions) -> io::Result<()> {
    let selected = |filter: &Option<String>, name: &str| filter.as_deref().is_none_or(|wanted| wanted == name);
    let routes = view.routes().map(|route| (ExportedRoute::from(&route), route));
    let routes = routes.filter(|(r, _)| selected(&options.from, &r.source) && selected(&options.to, &r.destination));
    let mut routes = routes.map(|(mut exported, route)| {
        exported.alternatives = alternatives(view, &route, options.alternatives);
        exported
    });
    if options.json {
        // One route per line inside an array, which both programs and people can read.
        write!(out, "[")?;
        if let Some(first) = routes.next() {
            write!(out, "\n{}", serde_json::to_string(&first)?)?;
        }
        routes.try_for_each(|route| write!(out, ",\n{}", serde_json::to_string(&route)?))?;
        writeln!(out, "\n]")
    } else {
        for route in routes {
            let number = |metric| route.value(metric).map_or("-".to_owned(), |value| value.to_string());
            let (cost, delay) = (number(Metric::RoutingCost), number(Metric::DelayOneWay));
            writeln!(out, "{} cost {cost} delay {delay} us", route.path.join(" "))?;
            for path in route.alternatives {
                writeln!(out, "    or {}", path.join(" "))?;
            }
        }
        Ok(())
    }
}

/// Returns alternatives to a route: up to `count` routes in total, without the one that is taken.
fn alternatives(view: &View, route: &Route, count: usize) -> Vec<Vec<String>> {
    let (Some(source), Some(destination)) = (route.nodes().first(), route.nodes().last()) else { return Vec::new() };
    if count < 2 {
        return Vec::new();
    }
    let found = view.alternatives(source, destination, count).into_iter().filter(|path| path != route.nodes());
    found.take(count - 1).map(|path| path.iter().map(ToString::to_string).collect()).collect()
}
