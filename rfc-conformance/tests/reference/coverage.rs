//! Every requirement of the ledgers has a check, or a reason why there is none; the tables of it all.

use std::collections::BTreeMap;

use rfc_conformance::{catalogue, clients};

use crate::documentation::{self, cell};

/// The requirements of a standard.
struct Ledger {
    /// The part of the documentation that has its table.
    part: &'static str,
    text: &'static str,
    /// How many there are.
    length: usize,
    /// Whether client mode plays servers of this standard.
    clients: bool,
}

/// RFC 7285 with what updates it (RFC 8896, RFC 9274), then its extensions.
const LEDGERS: &[Ledger] = &[
    Ledger { part: "coverage", text: include_str!("../../ledger/rfc7285.tsv"), length: 296, clients: true },
    Ledger { part: "coverage-rfc8189", text: include_str!("../../ledger/rfc8189.tsv"), length: 67, clients: false },
    Ledger { part: "coverage-rfc9439", text: include_str!("../../ledger/rfc9439.tsv"), length: 50, clients: false },
    Ledger { part: "coverage-rfc9240", text: include_str!("../../ledger/rfc9240.tsv"), length: 91, clients: false },
];

/// One requirement of a ledger.
struct Row {
    id: &'static str,
    level: &'static str,
    /// S server, C client, B both, P operator, I author of an extension.
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
    LEDGERS.iter().flat_map(Ledger::rows).collect()
}

/// One side: what is checked, and what is not and why.
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

    /// What the table says about a requirement.
    fn says(&self, id: &str) -> Option<String> {
        if self.checked.contains(&id) {
            return Some("checked".to_owned());
        }
        self.reasons.get(id).map(|reason| format!("not observable: {}", cell(reason)))
    }

    /// How many of these are checked, and how many cannot be observed.
    fn counts(&self, rows: &[Row]) -> (usize, usize) {
        let count = |known: &dyn Fn(&&'static str) -> bool| rows.iter().filter(|row| known(&row.id)).count();
        (count(&|id| self.checked.contains(id)), count(&|id| self.reasons.contains_key(*id)))
    }
}

#[test]
fn every_requirement_has_a_check_or_a_reason() {
    let (servers, clients) = (Side::servers(), Side::clients());
    for ledger in LEDGERS {
        let rows = ledger.rows();
        assert_eq!(rows.len(), ledger.length, "{}", ledger.part);
        let mut without = Vec::new();
        for row in &rows {
            let (server, client) = (servers.says(row.id), clients.says(row.id));
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
        documentation::hold(ledger.part, &table(ledger, &rows, &servers, &clients));
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
        let (text, server, client) = (cell(row.text), short(servers.says(row.id)), short(clients.says(row.id)));
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
fn nothing_is_checked_that_no_ledger_has() {
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
fn levels_are_those_of_the_ledger() {
    let rows = all_rows();
    let of = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.level);
    for requirement in catalogue::requirements() {
        if let Some(level) = of(requirement.id) {
            assert_eq!(requirement.level.to_string(), level, "{}", requirement.id);
        }
    }
}
