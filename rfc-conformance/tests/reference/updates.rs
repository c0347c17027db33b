//! Variant of the reference server for RFC 8895 and RFC 9569: what it offers, and how its network changes.

use std::sync::{Arc, Mutex};

use rfc_conformance::Change;
use rfc_conformance::mock_server::network::Network;
use rfc_conformance::mock_server::resource::{Followed, ResourceKind, ServedResource};
use rfc_conformance::mock_server::updates::{SentEvent, StreamView, Updates};
use serde_json::Value;

use super::server::Reference;

pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const JSON: &str = "application/json-patch+json";
const BOTH: &str = "application/merge-patch+json,application/json-patch+json";

/// Resources that can be followed, with their patches.
const FOLLOWED: &[(&str, &str)] = &[
    ("nm-a", JSON),
    ("nm-b", JSON),
    ("cm-a-num", MERGE),
    ("cm-a-ord", MERGE),
    ("fnm-a", BOTH),
    ("fcm-a", MERGE),
    ("eps", ""),
    ("ecs", MERGE),
    ("pm", BOTH),
    ("fpm", BOTH),
];

/// Resources of the second update stream service.
const FOLLOWED_TWICE: &[(&str, &str)] =
    &[("nm-a", JSON), ("nm-b", JSON), ("cm-a-num", MERGE), ("fnm-a", BOTH), ("pm", MERGE)];

fn followed(list: &[(&str, &str)]) -> Vec<Followed> {
    list.iter().map(|(id, patches)| Followed { id: (*id).into(), patches: (*patches).into() }).collect()
}

impl Reference {
    /// Adds two update stream services and TIPS.
    pub(crate) fn offer_updates(&mut self) {
        self.service.updates = Some(Arc::new(Updates::default()));
        self.changes = Some(changes);
        let kinds = [
            ("live", "updates", ResourceKind::UpdateStream(followed(FOLLOWED))),
            ("live-too", "second/updates", ResourceKind::UpdateStream(followed(FOLLOWED_TWICE))),
            ("views", "tips", ResourceKind::Tips(followed(FOLLOWED))),
        ];
        for (id, path, kind) in kinds {
            self.service.directories[0].entries.push((id.into(), path.into()));
            self.service.resources.push(ServedResource { id: id.into(), path: format!("/{path}"), kind });
        }
    }

    /// Changes the settings and hooks of updates.
    pub(crate) fn updates(&mut self, change: impl FnOnce(&mut Updates)) {
        let updates = self.service.updates.as_mut().expect("the variant offers updates");
        change(Arc::get_mut(updates).expect("nobody else has it before the start"));
    }

    /// Changes the events of streams before they are sent.
    pub(crate) fn on_events(&mut self, change: fn(&StreamView<'_>, &mut Vec<SentEvent>)) {
        self.updates(|updates| updates.on_events = Some(Box::new(change)));
    }

    /// Changes each event of streams before it is sent.
    pub(crate) fn each_event(&mut self, change: fn(&mut SentEvent)) {
        self.updates(|updates| updates.on_events = Some(Box::new(move |_, events| events.iter_mut().for_each(change))));
    }
}

/// Changes the JSON of an event.
pub(crate) fn edit(event: &mut SentEvent, change: impl FnOnce(&mut Value)) {
    let mut data = serde_json::from_str(&event.data).expect("events are JSON");
    change(&mut data);
    event.data = data.to_string();
}

/// Makes the changes that the suite asks for: costs, prefixes, a property that becomes null, a cost outside of constraints.
pub(crate) fn changes(updates: Arc<Updates>, first: Network) -> Change {
    let present = Mutex::new(first);
    Change::by(move |number| {
        let mut network = present.lock().map_err(|error| error.to_string())?;
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let costs = &mut network.maps[0].costs;
        match number % 4 {
            1 => {
                for (from, to, change) in [("pidA", "pidB", 1.0), ("pidB", "pidA", 100.0)] {
                    *costs.entry(pair(from, to)).or_default() += change;
                }
                if costs.remove(&pair("pidA", "pidC")).is_none() {
                    costs.insert(pair("pidA", "pidC"), 5.0);
                }
            }
            2 => {
                let prefix = "203.0.113.0/24".parse().expect("a prefix");
                let prefixes = network.maps[0].pids.entry("pidC".into()).or_default();
                match prefixes.iter().position(|known| *known == prefix) {
                    Some(place) => drop(prefixes.remove(place)),
                    None => prefixes.push(prefix),
                }
            }
            3 => {
                let property = ("192.0.2.0/24".parse().expect("a prefix"), ".priv:x-tier".to_owned());
                if !network.absent.remove(&property) {
                    network.absent.insert(property);
                }
            }
            _ => *costs.entry(pair("pidC", "pidZ")).or_default() += 1.0,
        }
        updates.publish(network.clone());
        Ok(())
    })
}
