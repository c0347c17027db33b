//! Discovery: reads the root directory and all directories reachable from it, with loops and endless chains bounded.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::{DeadEnd, Directory, Kind, Resource, Subject};
use crate::http::{Client, Exchange, NoAnswer, Request};

/// Maximum number of directories that are read.
const MOST_DIRECTORIES: usize = 64;
/// Maximum number of entries over all directories.
const MOST_RESOURCES: usize = 4096;
/// Accept field of requests for directories.
const ACCEPT: &str = "application/alto-directory+json,application/alto-error+json";

impl Subject {
    /// Reads all directories reachable from a root. An error means that the root URI gave no answer.
    pub fn discover(client: &Client, root: &str) -> Result<Self, NoAnswer> {
        client.set_home(root);
        let first = client.follow(Request::get(root).with("Accept", ACCEPT))?;
        let mut subject = Self {
            root: root.to_owned(),
            first: Arc::clone(&first),
            directories: Vec::new(),
            resources: Vec::new(),
            by_id: HashMap::new(),
            by_uri: HashMap::new(),
            dead_ends: Vec::new(),
            withheld: BTreeMap::new(),
            unfinished: None,
        };
        let mut seen: HashSet<String> = [root.to_owned(), first.request.uri.clone()].into();
        let mut queue = VecDeque::new();
        if is_directory(&first) {
            subject.add_directory(first, None, &mut queue);
        }
        while let Some((id, uri)) = queue.pop_front() {
            if !seen.insert(uri.clone()) {
                continue;
            }
            if subject.directories.len() + subject.dead_ends.len() >= MOST_DIRECTORIES {
                subject.unfinished =
                    Some(format!("there are more than {MOST_DIRECTORIES} directories; {uri} was not read"));
                break;
            }
            match client.follow(Request::get(&uri).with("Accept", ACCEPT)) {
                Ok(exchange) if is_directory(&exchange) => {
                    // A redirect may lead to a directory that is known already.
                    if exchange.request.uri == uri || seen.insert(exchange.request.uri.clone()) {
                        subject.add_directory(exchange, Some(id), &mut queue);
                    }
                }
                answer => subject.dead_ends.push(DeadEnd { id, answer }),
            }
            if subject.unfinished.is_some() {
                break;
            }
        }
        Ok(subject)
    }

    /// Adds a directory and its entries.
    fn add_directory(&mut self, exchange: Arc<Exchange>, id: Option<String>, queue: &mut VecDeque<(String, String)>) {
        let base = exchange.request.uri.clone();
        let index = self.directories.len();
        let entries = exchange.value().and_then(|value| value.get("resources")).and_then(Value::as_object).cloned();
        self.directories.push(Directory { exchange, base: base.clone(), id });
        for (id, entry) in entries.into_iter().flatten() {
            let Some(resource) = read(id, entry, index, &base) else {
                continue;
            };
            let same = |known: &Resource| {
                (&known.id, &known.uri, &known.media_type, &known.accepts)
                    == (&resource.id, &resource.uri, &resource.media_type, &resource.accepts)
            };
            if self.at(&resource.uri).any(same) {
                continue;
            }
            if self.resources.len() == MOST_RESOURCES {
                self.unfinished = Some(format!("there are more than {MOST_RESOURCES} resources"));
                return;
            }
            if resource.kind == Kind::Directory {
                queue.push_back((resource.id.clone(), resource.uri.clone()));
            }
            self.by_id.entry(resource.id.clone()).or_insert(self.resources.len());
            self.by_uri.entry(resource.uri.clone()).or_default().push(self.resources.len());
            self.resources.push(resource);
        }
    }
}

/// Reads an entry with URI and media type; invalid entries are graded by the schema.
fn read(id: String, entry: Value, directory: usize, base: &str) -> Option<Resource> {
    let uri = crate::http::resolve(entry.get("uri")?.as_str()?, base)?;
    let media_type = entry.get("media-type")?.as_str()?.to_owned();
    let accepts = entry.get("accepts").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let kind = Kind::of(&media_type, accepts.as_deref());
    Some(Resource { id, uri, media_type, accepts, kind, entry, directory })
}

/// Tests whether an answer can be read as a directory; its validity is graded by checks.
fn is_directory(exchange: &Exchange) -> bool {
    exchange.answer.status == 200
        && exchange.value().and_then(|value| value.get("resources")).is_some_and(Value::is_object)
}
