//! Every requirement of RFC 9240 on servers has a check, or a reason why there is none; the table of it all.

use std::collections::BTreeMap;

use rfc_conformance::checks;

use super::documentation::{self, cell};

const LEDGER: &str = include_str!("../../ledger/rfc9240.tsv");

/// ID, level, whom it binds, and the requirement in a line.
fn rows() -> Vec<[&'static str; 4]> {
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        <[_; 4]>::try_from(columns).unwrap_or_else(|_| panic!("{line:?} has not four columns"))
    };
    LEDGER.lines().map(row).collect()
}

#[test]
fn every_requirement_of_rfc9240_has_a_check_or_a_reason() {
    let rows = rows();
    assert_eq!(rows.len(), 91);
    let all: BTreeMap<_, _> = checks::requirements().into_iter().map(|it| (it.id, it.level.to_string())).collect();
    let reasons: BTreeMap<_, _> = checks::NOT_OBSERVABLE.iter().copied().collect();
    let mut lines = vec!["| Requirement | Level | Binds | Servers |\n|---|---|---|---|\n".to_owned()];
    let mut without = Vec::new();
    let (mut checked, mut excused) = (0, 0);
    for [id, level, who, text] in &rows {
        let server = match (all.get(id), reasons.get(id)) {
            (Some(known), None) => {
                checked += 1;
                assert_eq!(known, level, "{id}");
                "checked".to_owned()
            }
            (None, Some(reason)) => {
                excused += 1;
                format!("not observable: {}", cell(reason))
            }
            (None, None) if *who == "C" => "–".to_owned(),
            (known, reason) => {
                without.push((id, known, reason));
                continue;
            }
        };
        let binds = match *who {
            "S" => "server",
            "C" => "client",
            "B" => "both",
            "P" => "operator",
            _ => "extension",
        };
        lines.push(format!("| `{id}` {} | {level} | {binds} | {server} |\n", cell(text)));
    }
    assert!(without.is_empty(), "neither a check nor a reason, or both: {without:?}");
    let ids = all.keys().chain(reasons.keys()).filter(|id| id.starts_with("rfc9240/"));
    let unknown: Vec<_> = ids.filter(|id| !rows.iter().any(|[known, ..]| known == *id)).collect();
    assert!(unknown.is_empty(), "not in the ledger: {unknown:?}");
    let clients = rows.len() - checked - excused;
    let summary = format!(
        "Of {} requirements, {checked} are checked of servers; {excused} cannot be observed, and {clients} bind clients \
         alone, which are not asked about property maps.\n\n",
        rows.len()
    );
    documentation::hold("coverage-rfc9240", &(summary + &lines.concat()));
}
