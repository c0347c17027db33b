//! The GraphML that the Internet Topology Zoo writes: attributes by name, because key identifiers differ per file.

use std::collections::HashMap;

use roxmltree::{Document, Node as Element, ParsingOptions};

use crate::input::{InputError, Text};

/// Largest number of XML nodes in a file, about a hundred times that of the largest in the Zoo.
const MAX_XML_NODES: u32 = 5_000_000;

/// A graph as its file describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Name of the network.
    pub label: Option<String>,
    /// Layer of the network, such as `IP` or `Fibre`.
    pub layer: Option<String>,
    /// Nodes in the order of the file.
    pub nodes: Vec<Node>,
    /// Edges in the order of the file.
    pub edges: Vec<Edge>,
}

/// Node with its attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Identifier, unique in the file.
    pub id: String,
    /// Label, often the name of a place; not unique.
    pub label: String,
    /// True for nodes of the network, false for those of peers and customers.
    pub internal: bool,
    /// True for a junction of links without a place of its own.
    pub junction: bool,
    /// Latitude and longitude in degrees.
    pub position: Option<(f64, f64)>,
    /// Country in which the node is.
    pub country: Option<String>,
}

/// An edge between two nodes of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Indices of the nodes at both ends.
    pub ends: (usize, usize),
    /// Speed in bit/s.
    pub raw_speed: Option<f64>,
    /// Speed in units, and the unit.
    pub speed: Option<(f64, String)>,
    /// Free text, which often tells a bandwidth.
    pub label: Option<String>,
}

/// Attributes of one element by name.
type Attributes<'a> = HashMap<&'a str, (&'a str, Element<'a, 'a>)>;

/// Names of attributes by the kind of element and the key's identifier.
type Keys<'a> = HashMap<(&'a str, &'a str), &'a str>;

/// Reads a graph. What the Zoo does not contain (directed edges, hyperedges, nested graphs) is refused, not guessed.
pub fn read(text: &Text) -> Result<Graph, InputError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_XML_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text.content, options).map_err(|error| {
        let place = error.pos();
        let message = error.to_string();
        // The library ends its messages with the place, too.
        let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message);
        text.error_at(place.row as usize, place.col as usize, message)
    })?;
    Reader { text, document: &document }.graph()
}

struct Reader<'a> {
    text: &'a Text,
    document: &'a Document<'a>,
}

impl<'a> Reader<'a> {
    fn graph(&self) -> Result<Graph, InputError> {
        let root = self.document.root_element();
        if root.tag_name().name() != "graphml" {
            return Err(self.error(root, "the root element is not <graphml>: this file is not GraphML"));
        }
        let mut graphs = children(root, "graph");
        let graph = graphs.next().ok_or_else(|| self.error(root, "there is no <graph> in this file"))?;
        if let Some(second) = graphs.next() {
            return Err(self.error(second, "there is a second <graph>; split the file"));
        }
        if graph.attribute("edgedefault") == Some("directed") {
            return Err(self.error(graph, "edges are directed by default, which the Topology Zoo never uses"));
        }
        if let Some(hyperedge) = children(graph, "hyperedge").next() {
            return Err(self.error(hyperedge, "<hyperedge> is not supported; write a node with an edge to each end"));
        }
        let keys = Self::keys(root);
        let attributes = self.attributes(graph, "graph", &keys)?;
        let text = |key: &str| attributes.get(key).map(|(value, _)| (*value).to_owned());
        let mut read =
            Graph { label: text("label").or_else(|| text("Network")), layer: text("Layer"), ..Graph::default() };
        let mut places = HashMap::new();
        for element in children(graph, "node") {
            let node = self.node(element, &keys)?;
            if places.insert(node.id.clone(), read.nodes.len()).is_some() {
                return Err(self.error(element, format!("there is a second node with the id {:?}", node.id)));
            }
            read.nodes.push(node);
        }
        for element in children(graph, "edge") {
            read.edges.push(self.edge(element, &keys, &places)?);
        }
        Ok(read)
    }

    fn keys(root: Element<'a, 'a>) -> Keys<'a> {
        children(root, "key")
            .filter_map(|key| {
                let kind = key.attribute("for").unwrap_or("all");
                Some(((kind, key.attribute("id")?), key.attribute("attr.name")?))
            })
            .collect()
    }

    fn attributes(&self, of: Element<'a, 'a>, kind: &str, keys: &Keys<'a>) -> Result<Attributes<'a>, InputError> {
        let mut attributes = Attributes::new();
        for data in children(of, "data") {
            let id = data.attribute("key").unwrap_or_default();
            let name = keys.get(&(kind, id)).or_else(|| keys.get(&("all", id)));
            let name = name.ok_or_else(|| self.error(data, format!("there is no <key> {id:?} for a {kind}")))?;
            attributes.insert(*name, (data.text().unwrap_or_default(), data));
        }
        Ok(attributes)
    }

    fn node(&self, element: Element<'a, 'a>, keys: &Keys<'a>) -> Result<Node, InputError> {
        if let Some(nested) = children(element, "graph").next() {
            return Err(self.error(nested, "a graph within a node is not supported"));
        }
        let attributes = self.attributes(element, "node", keys)?;
        let flag = |name: &str| attributes.get(name).map(|(value, _)| value.trim() != "0");
        let position = match (self.number(&attributes, "Latitude")?, self.number(&attributes, "Longitude")?) {
            (Some(latitude), Some(longitude)) if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
                Some((latitude, longitude))
            }
            (Some(_), Some(_)) => return Err(self.error(element, "the coordinates are out of range")),
            _ => None,
        };
        Ok(Node {
            id: element.attribute("id").ok_or_else(|| self.error(element, "the node has no id"))?.to_owned(),
            label: attributes.get("label").map(|(label, _)| (*label).to_owned()).unwrap_or_default(),
            internal: flag("Internal").unwrap_or(true),
            junction: flag("hyperedge").unwrap_or(false),
            position,
            country: attributes
                .get("Country")
                .map(|(country, _)| country.trim().to_owned())
                .filter(|name| !name.is_empty()),
        })
    }

    fn edge(
        &self,
        element: Element<'a, 'a>,
        keys: &Keys<'a>,
        places: &HashMap<String, usize>,
    ) -> Result<Edge, InputError> {
        if element.attribute("directed") == Some("true") {
            return Err(self.error(element, "directed edges are not supported"));
        }
        let end = |key: &str| {
            let id = element.attribute(key).unwrap_or_default();
            places
                .get(id)
                .copied()
                .ok_or_else(|| self.error(element, format!("{key} {id:?} is not a node of this file")))
        };
        let ends = (end("source")?, end("target")?);
        let attributes = self.attributes(element, "edge", keys)?;
        let speed = self.number(&attributes, "LinkSpeed")?;
        let units = attributes.get("LinkSpeedUnits").map(|(units, _)| units.trim().to_owned());
        Ok(Edge {
            ends,
            raw_speed: self.number(&attributes, "LinkSpeedRaw")?,
            speed: speed.zip(units),
            label: attributes.get("LinkLabel").map(|(label, _)| (*label).to_owned()),
        })
    }

    fn number(&self, attributes: &Attributes<'a>, name: &str) -> Result<Option<f64>, InputError> {
        let Some((value, element)) = attributes.get(name) else { return Ok(None) };
        match value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.error(*element, format!("{name} {value:?} is not a number"))),
        }
    }

    fn error(&self, element: Element<'_, '_>, message: impl Into<String>) -> InputError {
        let place = self.document.text_pos_at(element.range().start);
        self.text.error_at(place.row as usize, place.col as usize, message)
    }
}

fn children<'a>(of: Element<'a, 'a>, name: &'static str) -> impl Iterator<Item = Element<'a, 'a>> {
    of.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}
