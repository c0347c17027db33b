//! Network maps (RFC 7285 §11.2.1, §11.2.2).

use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::target::Kind;
use crate::verdict::{Finding, Sheet};

const OFFERED: Requirement = Requirement::must("rfc7285/11.2.1/1", "At least one network map is provided");
const VTAG: Requirement = Requirement::must("rfc7285/11.2.1.6/1", "A network map has `meta.vtag`");
const OWN_ID: Requirement =
    Requirement::def("rfc7285/11.2.1.6/2", "The version tag's `resource-id` is the map's own resource ID");

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[Check::new(&[OFFERED], offered), Check::new(&[VTAG, OWN_ID], tagged)];

fn offered(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some(root) = context.target.directories.first() else {
        return Ok(());
    };
    let entry = sheet.on(OFFERED);
    entry.saw(&root.exchange, context.target.resources.len(), "entry");
    if context.target.of(Kind::NetworkMap).next().is_none() {
        let expected = "an entry with `media-type` application/alto-networkmap+json and no `accepts`";
        entry.broken(Finding::new(expected, "none").at("/resources").from(&root.exchange));
    }
    Ok(())
}

fn tagged(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no network map is listed");
    for map in context.target.of(Kind::NetworkMap) {
        let exchange = context.known(map)?;
        let vtag = exchange.value().and_then(|value| value.pointer("/meta/vtag"));
        let entry = sheet.on(VTAG);
        entry.saw(&exchange, 1, "network map");
        let Some(vtag) = vtag else {
            entry.broken(Finding::new("`meta.vtag`", exchange.outline()).at("/meta/vtag").from(&exchange));
            continue;
        };
        let entry = sheet.on(OWN_ID);
        entry.saw(&exchange, 1, "network map");
        if vtag.get("resource-id").and_then(serde_json::Value::as_str) != Some(&map.id) {
            let seen = vtag.get("resource-id").map_or_else(|| "none".to_owned(), crate::json::brief);
            let finding = Finding::new(format!("{:?}", map.id), seen);
            entry.broken(finding.at("/meta/vtag/resource-id").from(&exchange));
        }
    }
    Ok(())
}
