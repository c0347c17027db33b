//! What `/admin` does.

use serde_json::{Value, json};
use topo::LinkChange;
use topo::file::TopologyFile;

use super::operation::Operation;
use crate::admin::call::Report;
use crate::admin::export::ExportedRoute;
use crate::admin::links::{Batch, Links};
use crate::admin::operation::{Audit, Status};
use crate::admin::prefixes::{Conflict, Overview, PrefixReport, SourceState};

/// Form of the name of a node.
const NODE: &str = "^[A-Za-z0-9:@_.-]{1,64}$";
/// Form of the name of a source.
const SOURCE: &str = "^[A-Za-z0-9_.-]{1,64}$";
/// Errors of every operation.
const ALWAYS: [(u16, &str); 4] = [
    (401, "No token, or an unknown one"),
    (403, "A token without the scope for this"),
    (404, "Nothing of this name, or no administration over TCP"),
    (503, "Too busy; Retry-After says when to ask again"),
];
/// Errors of operations with a body.
const WITH_BODY: [(u16, &str); 5] = [
    (400, "A body or parameter that cannot be read, with its place"),
    (408, "The body did not arrive in time"),
    (413, "A body that is too long, or has too many elements"),
    (415, "A body of another media type"),
    (422, "A change that cannot be made, with the reason; nothing was changed"),
];

/// Body of `POST /admin/links`.
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described")]
enum Changes {
    /// Several changes, which succeed or fail together.
    Batch(Batch),
    /// One change.
    One(LinkChange),
}

/// Lists the operations.
pub(super) fn operations() -> Vec<Operation> {
    let get = |path, id, summary| operation("get", path, id, summary);
    let change = |method, path, id, summary| {
        operation(method, path, id, summary).answer::<Report>(200, "The change is in force").errors(&[UNMADE])
    };
    let whole = |minimum: u64| json!({"type": "integer", "minimum": minimum});
    let of_source = |operation: Operation| operation.segment("source", "Name of the source", SOURCE);
    let of_link = |operation: Operation| {
        let index = "Which of several links between the two, from 0 in the order of the topology";
        operation
            .segment("source", "Node at one end", NODE)
            .segment("destination", "Node at the other end", NODE)
            .query("index", index, (false, whole(0)))
            .errors(&[(400, "An index that is not a whole number")])
    };
    let lines = |operation: Operation| {
        let example = "192.0.2.0/24 isp-a-1\n";
        let operation = operation
            .query("sequence", "Number of this request, which grows", (true, whole(0)))
            .other_body("text/plain", &json!({"type": "string"}), example)
            .answer::<PrefixReport>(200, "The set is in force, or was before")
            .errors(&WITH_BODY);
        operation.answer::<Conflict>(409, "Another sequence number is expected, or PIDs are unknown")
    };
    vec![
        get("/admin/status", "status", "Describes the network and what of it is not the file")
            .answer::<Status>(200, "The status"),
        get("/admin/links", "links", "Lists all links: in force, configured, measured and overriding values")
            .answer::<Links>(200, "The links, in the order of the topology"),
        operation("post", "/admin/links", "changeLinks", "Changes links, or reports measurements of them")
            .body::<Changes>()
            .answer::<Report>(200, "The changes are in force")
            .errors(&WITH_BODY),
        change("delete", "/admin/links", "resetLinks", "Undoes the changes of all links"),
        of_link(change("delete", "/admin/links/{source}/{destination}", "undoLink", "Undoes the changes of one link")),
        get("/admin/routes", "routes", "Lists the route between every two hosts")
            .answer::<Vec<ExportedRoute>>(200, "The routes")
            .errors(&[(422, "Too many routes for one answer")]),
        get("/admin/topology", "topology", "Returns the topology in force as a file")
            .answer::<TopologyFile>(200, "The topology, with the changes to links")
            .errors(&[UNMADE]),
        operation("put", "/admin/topology", "replaceTopology", "Replaces the topology")
            .body::<TopologyFile>()
            .answer::<Report>(200, "The topology is in force")
            .errors(&WITH_BODY),
        change("delete", "/admin/topology", "restoreTopology", "Returns to the topology file"),
        change(
            "post",
            "/admin/topology/previous",
            "previousTopology",
            "Returns to the topology before the last replacement",
        ),
        change("post", "/admin/reload", "reload", "Reads settings and files again"),
        get("/admin/audit", "audit", "Lists who changed what, the newest first")
            .query("limit", "Most entries to list", (false, whole(0)))
            .answer::<Audit>(200, "The entries")
            .errors(&[(400, "A limit that is not a whole number")]),
        get("/admin/prefixes", "sources", "Lists the sources of prefixes").answer::<Overview>(200, "The sources"),
        of_source(get("/admin/prefixes/{source}", "source", "Describes a source"))
            .answer::<SourceState>(200, "The source")
            .errors(&[NAME]),
        lines(of_source(operation(
            "put",
            "/admin/prefixes/{source}",
            "replacePrefixes",
            "Replaces the prefixes of a source",
        ))),
        lines(of_source(operation(
            "patch",
            "/admin/prefixes/{source}",
            "changePrefixes",
            "Changes the prefixes of a source",
        )))
        .query("after", "Number of the request that the difference applies to", (true, whole(0))),
        of_source(operation("delete", "/admin/prefixes/{source}", "deletePrefixes", "Deletes a source"))
            .empty(204, "The source is deleted")
            .errors(&[NAME]),
    ]
}

const UNMADE: (u16, &str) = (422, "It cannot be done, with the reason; nothing was changed");
const NAME: (u16, &str) = (400, "A name that no source can have");

fn operation(method: &'static str, path: &str, id: &'static str, summary: &'static str) -> Operation {
    let security: Value = json!([{"token": []}]);
    Operation::new((method, path), id, summary, ("admin", security)).errors(&ALWAYS)
}
