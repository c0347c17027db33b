//! The text of `show ip ospf database router` and `show ip ospf database network` (FRR, Quagga).

use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

use super::{Database, NetworkLsa, RouterLink, RouterLsa};
use crate::input::{InputError, Text};

/// State of the parser after the lines read so far.
#[derive(Default)]
struct Reader {
    database: Database,
    age: u32,
    link_state_id: Option<Ipv4Addr>,
    /// The link whose lines are being read.
    link: Option<Link>,
}

#[derive(Clone, Copy)]
enum Kind {
    Router,
    Transit,
    Stub,
}

struct Link {
    kind: Kind,
    id: Option<Ipv4Addr>,
    data: Option<Ipv4Addr>,
}

/// One line, with its number for errors.
struct Line<'a> {
    file: &'a Text,
    number: usize,
    text: &'a str,
}

/// Reads LSAs of both kinds.
pub(super) fn read(file: &Text) -> Result<Database, InputError> {
    let mut reader = Reader::default();
    for (number, text) in (1..).zip(file.content.lines()) {
        reader.line(&Line { file, number, text })?;
    }
    if reader.database.routers.is_empty() && reader.database.networks.is_empty() {
        let message = "has neither a router LSA nor a network LSA: save the output of `show ip ospf database router` and of \
                       `show ip ospf database network`";
        return Err(file.error(message));
    }
    Ok(reader.database)
}

impl Reader {
    fn line(&mut self, line: &Line<'_>) -> Result<(), InputError> {
        if let Some((_, area)) = line.text.split_once("Link States (Area ") {
            self.database.areas.insert(area.trim_end().trim_end_matches(')').to_owned());
            return Ok(());
        }
        let Some((key, value)) = line.text.split_once(':') else { return Ok(()) };
        match key.trim() {
            "LS age" => self.age = line.value(value)?,
            "Link State ID" => self.link_state_id = Some(line.value(value)?),
            "LS Type" => self.link = None,
            "Number of Links" => self.start_router(line)?,
            "Network Mask" => self.start_network(line, value)?,
            "Attached Router" => {
                let router = line.value(value)?;
                let network = self.database.networks.last_mut();
                network.ok_or_else(|| line.error(1, "is outside of a network LSA"))?.attached.push(router);
            }
            "Link connected to" => {
                let kind = match value.trim() {
                    kind if kind.starts_with("Stub") => Kind::Stub,
                    kind if kind.contains("Transit") => Kind::Transit,
                    _ => Kind::Router,
                };
                self.link = Some(Link { kind, id: None, data: None });
            }
            key if key.starts_with("(Link ID)") => self.link(line)?.id = Some(line.value(value)?),
            key if key.starts_with("(Link Data)") => self.link(line)?.data = line.value(value).ok(),
            "TOS 0 Metric" => {
                let metric = line.value(value)?;
                self.end_link(line, metric)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Starts a router LSA, of which the link state identifier is the router's.
    fn start_router(&mut self, line: &Line<'_>) -> Result<(), InputError> {
        let router = self.link_state_id.ok_or_else(|| line.error(1, "has no \"Link State ID\" before it"))?;
        self.database.routers.push(RouterLsa { age: self.age, router, links: Vec::new() });
        Ok(())
    }

    fn start_network(&mut self, line: &Line<'_>, value: &str) -> Result<(), InputError> {
        let designated = self.link_state_id.ok_or_else(|| line.error(1, "has no \"Link State ID\" before it"))?;
        let lan = match value.trim().strip_prefix('/') {
            Some(length) => Ipv4Net::new(designated, line.value(length)?).ok(),
            None => Ipv4Net::with_netmask(designated, line.value(value)?).ok(),
        };
        let lan =
            lan.ok_or_else(|| line.error(line.column(value), format!("{:?} is not a network mask", value.trim())))?;
        self.database.networks.push(NetworkLsa { age: self.age, lan, attached: Vec::new() });
        Ok(())
    }

    fn link(&mut self, line: &Line<'_>) -> Result<&mut Link, InputError> {
        self.link.as_mut().ok_or_else(|| line.error(1, "has no \"Link connected to\" before it"))
    }

    fn end_link(&mut self, line: &Line<'_>, metric: u32) -> Result<(), InputError> {
        let Some(Link { kind, id, data }) = self.link.take() else { return Ok(()) };
        let id = id.ok_or_else(|| line.error(1, "has no \"(Link ID)\" before it"))?;
        let told = match kind {
            Kind::Router => RouterLink::Router { neighbour: id, interface: data, metric },
            Kind::Transit => RouterLink::Transit { designated: id, interface: data, metric },
            Kind::Stub => {
                let prefix = data.and_then(|mask| Ipv4Net::with_netmask(id, mask).ok());
                let prefix = prefix
                    .ok_or_else(|| line.error(1, format!("the stub network {id} has no valid mask before it")))?;
                RouterLink::Stub { prefix: prefix.trunc(), metric }
            }
        };
        let router = self.database.routers.last_mut().ok_or_else(|| line.error(1, "is outside of a router LSA"))?;
        router.links.push(told);
        Ok(())
    }
}

impl Line<'_> {
    /// Parses the first word of a part of the line.
    fn value<T: FromStr>(&self, text: &str) -> Result<T, InputError> {
        let word = text.split_whitespace().next().unwrap_or_default();
        word.parse().map_err(|_| self.error(self.column(word), format!("{word:?} is not what belongs here")))
    }

    /// Returns the column of a part of the line, from 1.
    fn column(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.text.get(..offset).map_or(1, |before| before.chars().count() + 1)
    }

    fn error(&self, column: usize, message: impl Into<String>) -> InputError {
        self.file.error_at(self.number, column, message)
    }
}
