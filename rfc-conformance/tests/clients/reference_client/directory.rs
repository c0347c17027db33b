//! Discovery of all resources, starting at the root directory.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::super::fault::Fault;
use super::{DIRECTORY, Entry, Failed, NETWORK_MAP, Run, resolve};

impl Run<'_> {
    pub(super) fn entry(&self, fits: impl Fn(&Entry) -> bool) -> Failed<Entry> {
        self.entries.iter().find(|entry| fits(entry)).cloned().ok_or_else(|| "no such resource".to_owned())
    }

    pub(super) fn discover(&mut self) -> Failed<()> {
        if !self.entries.is_empty() {
            return Ok(());
        }
        if self.is(Fault::GuessesDirectory) {
            let _ = self.ask("GET", &resolve(&self.root, "/.well-known/alto")?, DIRECTORY, None);
        }
        let (mut waiting, mut read, mut count) = (vec![self.root.clone()], HashSet::new(), 0);
        let mut names = HashMap::new();
        while let Some(uri) = waiting.pop() {
            count += 1;
            if (!read.insert(uri.clone()) && !self.is(Fault::RereadsDirectories)) || count > 40 {
                continue;
            }
            let answer = self.ask("GET", &uri, DIRECTORY, None)?;
            let base = match self.fault {
                Some(Fault::ResolvesAgainstRoot) => self.root.clone(),
                Some(Fault::ResolvesAgainstHost) => resolve(&self.root, "/")?,
                _ => answer.uri.clone(),
            };
            let document = self.decode(&answer, DIRECTORY)?;
            let meta = &document["meta"];
            if let Some(default) = meta.get("default-alto-network-map").and_then(Value::as_str) {
                self.default_map.get_or_insert_with(|| default.to_owned());
            }
            if !self.is(Fault::GlobalNames) {
                names.clear();
            }
            for (name, cost_type) in meta["cost-types"].as_object().into_iter().flatten() {
                let text = |member: &str| cost_type[member].as_str().unwrap_or_default().to_owned();
                let mode = text("cost-mode");
                if self.is(Fault::OnlyKnownModes) && !matches!(mode.as_str(), "numerical" | "ordinal") {
                    return Err(format!("{mode} is no mode"));
                }
                names.entry(name.clone()).or_insert((text("cost-metric"), mode));
            }
            for (id, entry) in document["resources"].as_object().ok_or("no resources")? {
                let entry = self.read_entry(id, entry, &base, &names)?;
                if entry.media_type == DIRECTORY {
                    if !self.is(Fault::NoDelegation) {
                        waiting.push(entry.uri);
                    }
                } else if !self.entries.iter().any(|known| known.id == entry.id) {
                    self.entries.push(entry);
                }
            }
        }
        if self.is(Fault::FirstMapIsDefault) {
            self.default_map =
                self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_none()).ok().map(|e| e.id);
        }
        if self.is(Fault::GetsFilters) {
            self.entries.retain(|entry| entry.id != "nm-a");
            for entry in self.entries.iter_mut().filter(|entry| entry.id == "fnm-a") {
                (entry.id, entry.accepts) = ("nm-a".into(), None);
            }
        }
        Ok(())
    }

    fn read_entry(
        &self,
        id: &str,
        entry: &Value,
        base: &str,
        names: &HashMap<String, (String, String)>,
    ) -> Failed<Entry> {
        let strings = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let capabilities = entry.get("capabilities");
        if self.is(Fault::NeedsCapabilities) && capabilities.is_none() {
            return Err(format!("{id} has no capabilities"));
        }
        let capability = |name: &str| capabilities.and_then(|capabilities| capabilities.get(name));
        let accepts = entry.get("accepts").and_then(Value::as_str);
        let accepts = accepts.filter(|accepts| !accepts.is_empty() || self.is(Fault::EmptyAcceptsIsPost));
        let cost_types =
            strings(capability("cost-type-names")).iter().filter_map(|name| names.get(name).cloned()).collect();
        Ok(Entry {
            id: id.to_owned(),
            uri: resolve(base, entry["uri"].as_str().ok_or("an entry without uri")?)?,
            media_type: entry["media-type"].as_str().ok_or("an entry without media-type")?.to_ascii_lowercase(),
            accepts: accepts.map(str::to_owned),
            cost_types,
            constraints: capability("cost-constraints") == Some(&json!(true)),
            properties: strings(capability("prop-types")),
            uses: strings(entry.get("uses")),
        })
    }
}
