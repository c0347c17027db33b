//! Every requirement of the ledger has a check, or a reason why there is none; the table of it all.

use std::collections::BTreeMap;

use rfc_conformance::{checks, client_mode};

use super::documentation::{self, cell};

const LEDGER: &str = include_str!("../../ledger/rfc7285.tsv");

/// One requirement of the ledger.
struct Row {
    id: &'static str,
    level: &'static str,
    /// S server, C client, B both, P operator, I author of an extension.
    who: &'static str,
    text: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, level, who, text] = columns[..] else { panic!("{line:?} has not four columns") };
        Row { id, level, who, text }
    };
    LEDGER.lines().map(row).collect()
}

/// One side: what is checked, and what is not and why.
struct Side {
    checked: Vec<&'static str>,
    reasons: BTreeMap<&'static str, &'static str>,
}

impl Side {
    fn servers() -> Self {
        let checked = checks::requirements().iter().map(|requirement| requirement.id).collect();
        let reasons = checks::NOT_OBSERVABLE.iter().copied().filter(|(id, _)| !id.starts_with("rfc9240/"));
        Self { checked, reasons: reasons.collect() }
    }

    fn clients() -> Self {
        let checked = client_mode::requirements().map(|requirement| requirement.id).collect();
        Self { checked, reasons: client_mode::NOT_OBSERVABLE.iter().copied().collect() }
    }

    /// What the table says about a requirement.
    fn says(&self, id: &str) -> Option<String> {
        if self.checked.contains(&id) {
            return Some("checked".to_owned());
        }
        self.reasons.get(id).map(|reason| format!("not observable: {}", cell(reason)))
    }
}

#[test]
fn every_requirement_has_a_check_or_a_reason() {
    let (servers, clients, rows) = (Side::servers(), Side::clients(), rows());
    assert_eq!(rows.len(), 296);
    let mut lines = vec!["| Requirement | Level | Binds | Servers | Clients |\n|---|---|---|---|---|\n".to_owned()];
    let mut without = Vec::new();
    for row in &rows {
        let (server, client) = (servers.says(row.id), clients.says(row.id));
        let missing = match row.who {
            "C" => client.is_none(),
            "B" => server.is_none() || client.is_none(),
            _ => server.is_none(),
        };
        if missing {
            without.push(row.id);
        }
        let binds = match row.who {
            "S" => "server",
            "C" => "client",
            "B" => "both",
            "P" => "operator",
            _ => "extension",
        };
        let short = |says: Option<String>| says.unwrap_or_else(|| "–".to_owned());
        let (text, server, client) = (cell(row.text), short(server), short(client));
        lines.push(format!("| `{}` {text} | {} | {binds} | {server} | {client} |\n", row.id, row.level));
    }
    assert!(without.is_empty(), "neither a check nor a reason: {without:?}");
    for (side, name) in [(&servers, "server"), (&clients, "client")] {
        for id in side.reasons.keys() {
            assert!(!side.checked.contains(id), "{id} has a check and a reason why there is none ({name})");
            assert!(rows.iter().any(|row| row.id == *id), "{id} is not in the ledger ({name})");
        }
        let unknown = side.checked.iter().find(|id| {
            let elsewhere = id.starts_with("rfc8189/") || id.starts_with("rfc9240/") || id.starts_with("suite/");
            !elsewhere && !rows.iter().any(|row| row.id == **id)
        });
        assert_eq!(unknown, None, "{name}");
    }
    let counts = |side: &Side| {
        let bound: Vec<_> = rows.iter().filter(|row| side.checked.contains(&row.id)).collect();
        let beyond = side.checked.iter().filter(|id| !id.starts_with("rfc9240/"));
        let beyond = beyond.filter(|id| !rows.iter().any(|row| row.id == **id)).count();
        (bound.len(), side.reasons.len(), beyond)
    };
    let (server, client) = (counts(&servers), counts(&clients));
    let summary = format!(
        "Of {} requirements, {} are checked of servers and {} of clients; {} and {} cannot be observed. {} more of \
         servers are those of RFC 8189 and of the suite itself.\n\n",
        rows.len(),
        server.0,
        client.0,
        server.1,
        client.1,
        server.2
    );
    documentation::hold("coverage", &(summary + &lines.concat()));
}

#[test]
fn levels_are_those_of_the_ledger() {
    let rows = rows();
    let of = |id: &str| rows.iter().find(|row| row.id == id).map(|row| row.level);
    for requirement in checks::requirements() {
        if let Some(level) = of(requirement.id) {
            assert_eq!(requirement.level.to_string(), level, "{}", requirement.id);
        }
    }
}
