//! `alto-server routes`: prints the routes of a topology file, between its hosts, switches or PIDs.

use std::io::{self, Write};

use topo::{Metric, NodeName, Route, View};

use super::arguments::{Between, RoutesOptions};
use crate::admin::export::ExportedRoute;
use crate::config::{Config, ConfigError};
use command_line::{Exit, note};

/// Prints all routes that the options select.
pub(super) fn print(config: &Config, options: &RoutesOptions) -> Result<Exit, ConfigError> {
    let topology = config.topology()?.load()?.topology;
    let natural = if topology.hosts().len() > 0 { Between::Hosts } else { Between::Pids };
    let between = options.between.unwrap_or(natural);
    let view = View::compute(topology);
    for name in [&options.from, &options.to].into_iter().flatten() {
        if !exists(&view, between, name) {
            note!("alto-server: {}", unknown(&view, between, name));
            return Ok(Exit::Usage);
        }
    }
    match command_line::write_out(|out| write(out, &view, between, options)) {
        Ok(()) => Ok(Exit::Success),
        Err(error) => {
            note!("alto-server: cannot write the routes to standard output: {error}");
            Ok(Exit::Failure)
        }
    }
}

fn exists(view: &View, between: Between, name: &str) -> bool {
    let topology = view.topology();
    match between {
        Between::Hosts => topology.hosts().any(|host| host.name().as_str() == name),
        Between::Switches => topology.switches().any(|switch| switch.name().as_str() == name),
        Between::Pids => view.network_map().id(name).is_some(),
    }
}

fn unknown(view: &View, between: Between, name: &str) -> String {
    let kinds =
        [(Between::Hosts, "host", "hosts"), (Between::Switches, "switch", "switches"), (Between::Pids, "PID", "pids")];
    let wanted = kinds.iter().find(|(kind, ..)| *kind == between).map_or("node", |(_, one, _)| one);
    let other = kinds.iter().find(|(kind, ..)| exists(view, *kind, name));
    let hint = other.map_or_else(String::new, |(_, one, all)| format!("; it is a {one}: give --between {all}"));
    format!("the topology {} has no {wanted} named {name:?}{hint}", view.topology().name())
}

/// Routes of one kind, each with the names of both ends.
fn routes<'a>(view: &'a View, between: Between) -> Box<dyn Iterator<Item = (ExportedRoute, Route)> + 'a> {
    let exported = |route: Route| (ExportedRoute::from(&route), route);
    match between {
        Between::Hosts => Box::new(view.routes().map(exported)),
        Between::Switches => Box::new(view.switch_routes().map(exported)),
        Between::Pids => Box::new(view.pid_routes().map(|(source, destination, route)| {
            let name = |pid| view.network_map().pid(pid).name().to_string();
            let mut exported = ExportedRoute::from(&route);
            (exported.source, exported.destination) = (name(source), name(destination));
            (exported, route)
        })),
    }
}

fn write(out: &mut dyn Write, view: &View, between: Between, options: &RoutesOptions) -> io::Result<()> {
    let selected = |filter: &Option<String>, name: &str| filter.as_deref().is_none_or(|wanted| wanted == name);
    let is_wanted = |r: &ExportedRoute| selected(&options.from, &r.source) && selected(&options.to, &r.destination);
    let mut routes = routes(view, between).filter(|(route, _)| is_wanted(route)).map(|(mut exported, route)| {
        exported.alternatives = alternatives(view, route.nodes(), options.alternatives);
        (exported, route)
    });
    if options.json {
        // One route per line inside an array, which both programs and people can read.
        write!(out, "[")?;
        if let Some((first, _)) = routes.next() {
            write!(out, "\n{}", serde_json::to_string(&first)?)?;
        }
        routes.try_for_each(|(route, _)| write!(out, ",\n{}", serde_json::to_string(&route)?))?;
        writeln!(out, "\n]")
    } else {
        for (exported, route) in routes {
            let number = |metric| route.value(metric).map_or("-".to_owned(), |value| value.to_string());
            let (cost, delay) = (number(Metric::RoutingCost), number(Metric::DelayOneWay));
            if between == Between::Pids {
                write!(out, "{} {} over ", exported.source, exported.destination)?;
            }
            writeln!(out, "{} cost {cost} delay {delay} us", exported.path.join(" "))?;
            for path in exported.alternatives {
                writeln!(out, "    or {}", path.join(" "))?;
            }
        }
        Ok(())
    }
}

/// Returns alternatives to a route: up to `count` routes in total, without the one that is taken.
fn alternatives(view: &View, nodes: &[NodeName], count: usize) -> Vec<Vec<String>> {
    let (Some(source), Some(destination)) = (nodes.first(), nodes.last()) else { return Vec::new() };
    if count < 2 {
        return Vec::new();
    }
    let found = view.alternatives(source, destination, count).into_iter().filter(|path| path != nodes);
    found.take(count - 1).map(|path| path.iter().map(ToString::to_string).collect()).collect()
}
