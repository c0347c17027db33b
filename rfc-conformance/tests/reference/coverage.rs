//! Tests that every requirement of the ledgers has a check or a reason for its absence, and the generated tables.

use std::collections::BTreeMap;

use rfc_conformance::{catalogue, clients};

use crate::documentation::{self, cell};

/// Standards that client mode covers.
const OF_CLIENTS: [&str; 2] = ["rfc7285", "rfc9274"];

/// List of the requirements of a standard.
struct Ledger {
    /// Section of the documentation with its table.
    part: String,
    text: &'static str,
    /// True if client mode covers this standard.
    clients: bool,
}

/// Returns the ledgers of all standards.
fn ledgers() -> Vec<Ledger> {
    let standards = catalogue::STANDARDS.iter().filter(|standard| !standard.ledger.is_empty());
    let ledger = |standard: &catalogue::Standard| Ledger {
        part: format!("coverage-{}", standard.name),
        text: standard.ledger,
        clients: OF_CLIENTS.contains(&standard.name),
    };
    standards.map(ledger).collect()
}

/// Requirement in a ledger.
struct Row {
    id: &'static str,
    level: &'static str,
    /// Subject of the requirement: S server, C client, B both, P operator, I author of an extension.
    who: &'static str,
    text: &'static str,
}

impl Ledger {
    fn rows(&self) -> Vec<Row> {
        let row = |line: &'static str| {
            let columns: Vec<_> = line.split('\t').collect();
            let [id, level, who, text] = columns[..] else { panic!("{line:?} has not four columns") };
            Row { id, level, who, text }
        };
        self.text.lines().map(row).collect()
    }
}

fn all_rows() -> Vec<Row> {
    ledgers().iter().flat_map(Ledger::rows).collect()
}

/// Requirements on servers or on clients that are checked, and reasons for those that are not.
struct Side {
    checked: Vec<&'static str>,
    reasons: BTreeMap<&'static str, &'static str>,
}

impl Side {
    fn servers() -> Self {
        let checked = catalogue::requirements().iter().map(|requirement| requirement.id).collect();
        Self { checked, reasons: catalogue::not_observable().collect() }
    }

    fn clients() -> Self {
        let checked = clients::requirements().map(|requirement| requirement.id).collect();
        Self { checked, reasons: clients::NOT_OBSERVABLE.iter().copied().collect() }
    }

    /// Returns the table entry for a requirement.
    fn entry(&self, id: &str) -> Option<String> {
        if self.checked.contains(&id) {
            return Some("checked".to_owned());
        }
        self.reasons.get(id).map(|reason| format!("not observable: {}", cell(reason)))
    }

    /// Counts the requirements that are checked, and those that cannot be observed.
    fn counts(&self, rows: &[Row]) -> (usize, usize) {
        let count = |known: &dyn Fn(&&'static str) -> bool| rows.iter().filter(|row| known(&row.id)).count();
        (count(&|id| self.checked.contains(id)), count(&|id| self.reasons.contains_key(*id)))
    }
}

#[test]
fn every_requirement_has_a_check_or_a_reason() {
    let (servers, clients) = (Side::servers(), Side::clients());
    assert!(all_rows().len() >= 541, "{}", all_rows().len());
    for ledger in &ledgers() {
        let rows = ledger.rows();
        let mut without = Vec::new();
        for row in &rows {
            let (server, client) = (servers.entry(row.id), clients.entry(row.id));
            let missing = match row.who {
                "C" => ledger.clients && client.is_none(),
                "B" => server.is_none() || (ledger.clients && client.is_none()),
                _ => server.is_none(),
            };
            if missing {
                without.push(row.id);
            }
        }
        assert!(without.is_empty(), "neither a check nor a reason: {without:?}");
        documentation::hold(&ledger.part, &table(ledger, &rows, &servers, &clients));
    }
}

fn table(ledger: &Ledger, rows: &[Row], servers: &Side, clients: &Side) -> String {
    let mut lines = vec!["| Requirement | Level | Binds | Servers | Clients |\n|---|---|---|---|---|\n".to_owned()];
    for row in rows {
        let binds = match row.who {
            "S" => "server",
            "C" => "client",
            "B" => "both",
            "P" => "operator",
            _ => "extension",
        };
        let short = |says: Option<String>| says.unwrap_or_else(|| "–".to_owned());
        let (text, server, client) = (cell(row.text), short(servers.entry(row.id)), short(clients.entry(row.id)));
        lines.push(format!("| `{}` {text} | {} | {binds} | {server} | {client} |\n", row.id, row.level));
    }
    let (server, client) = (servers.counts(rows), clients.counts(rows));
    let summary = if ledger.clients {
        format!(
            "Of {} requirements, {} are checked of servers and {} of clients; {} and {} cannot be observed.\n\n",
            rows.len(),
            server.0,
            client.0,
            server.1,
            client.1
        )
    } else {
        let bound = rows.iter().filter(|row| row.who != "C").count();
        format!(
            "Of {} requirements, {bound} bind servers. {} are checked of servers, some of them by what a server does when \
             a client breaks them; {} cannot be observed.\n\n",
            rows.len(),
            server.0,
            server.1
        )
    };
    summary + &lines.concat()
}

#[test]
fn every_checked_requirement_is_in_a_ledger() {
    let rows = all_rows();
    for (side, name) in [(Side::servers(), "server"), (Side::clients(), "client")] {
        for id in side.reasons.keys() {
            assert!(!side.checked.contains(id), "{id} has a check and a reason why there is none ({name})");
            assert!(rows.iter().any(|row| row.id == *id), "{id} is in no ledger ({name})");
        }
        let own = side.checked.iter().filter(|id| !id.starts_with("suite/"));
        let unknown: Vec<_> = own.filter(|id| !rows.iter().any(|row| row.id == **id)).collect();
        assert!(unknown.is_empty(), "{unknown:?} ({name})");
    }
}

#[test]
fn levels_match_the_ledger() {
    let rows = all_rows();
    let of = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.level);
    for requirement in catalogue::requirements() {
        if let Some(level) = of(requirement.id) {
            assert_eq!(requirement.level.to_string(), level, "{}", requirement.id);
        }
    }
}
