//! What `/swarm` does.

use alto_types::swarm::{
    Announcement, BestPeer, Credentials, FileList, FileSummary, Holders, Lease, Registered, Registration,
};
use serde_json::{Value, json};

use super::operation::Operation;

/// Form of a file ID.
const FILE_ID: &str = "^[0-9A-Fa-f]{64}$";
/// Errors of every operation.
const ALWAYS: [(u16, &str); 3] = [
    (400, "A parameter or member that cannot be used, named in the detail"),
    (401, "Wrong or missing credentials"),
    (503, "Too busy; Retry-After says when to ask again"),
];
/// Errors of operations with a body.
const WITH_BODY: [(u16, &str); 3] = [
    (408, "The body did not arrive in time"),
    (413, "A body, list or name that is too long"),
    (415, "A body that is not application/json"),
];

/// Lists the operations.
pub(super) fn operations() -> Vec<Operation> {
    let post = |path, id, summary| operation("post", path, id, summary).errors(&WITH_BODY);
    let get = |path, id, summary| operation("get", path, id, summary);
    let of_file = |operation: Operation| operation.segment("id", "SHA-256 of the content", FILE_ID);
    let limit = || (false, json!({"type": "integer", "minimum": 1, "maximum": 1000}));
    vec![
        post("/swarm/register", "register", "Registers a peer with the files that it holds")
            .body::<Registration>()
            .answer::<Registered>(201, "The peer is registered, on disk where there is a state")
            .errors(&[
                (403, "The secret is not that of the registration to renew"),
                (409, "Address and port have a registration"),
                (429, "A limit on peers or files is reached"),
            ]),
        post("/swarm/heartbeat", "heartbeat", "Renews the lease of a registration")
            .body::<Credentials>()
            .answer::<Lease>(200, "The lease begins anew")
            .errors(&UNKNOWN_PEER),
        post("/swarm/announce", "announce", "Changes the files of a registration")
            .body::<Announcement>()
            .answer::<Lease>(200, "The files are changed, and the lease begins anew")
            .errors(&UNKNOWN_PEER)
            .errors(&[(429, "A limit on files is reached")]),
        post("/swarm/unregister", "unregister", "Ends a registration")
            .body::<Credentials>()
            .empty(204, "The registration has ended")
            .errors(&UNKNOWN_PEER),
        get("/swarm/files", "files", "Lists the files that peers hold")
            .query("name", "Only files of this name", (false, json!({"type": "string"})))
            .query("after", "Only files after this one", (false, json!({"type": "string", "pattern": FILE_ID})))
            .query("limit", "Most files to list", limit())
            .answer::<FileList>(200, "Files, sorted by ID"),
        of_file(get("/swarm/files/{id}", "file", "Describes a file"))
            .answer::<FileSummary>(200, "The file")
            .errors(&UNKNOWN_FILE),
        of_file(get("/swarm/files/{id}/holders", "holders", "Lists the peers that have a file, whole or in part"))
            .query("except", "ID of a peer to leave out", (false, json!({"type": "string"})))
            .query("limit", "Most peers to list", limit())
            .answer::<Holders>(200, "The peers")
            .errors(&UNKNOWN_FILE),
        of_file(get(
            "/swarm/files/{id}/best",
            "best",
            "Ranks the peers that have a whole file by their cost to the caller",
        ))
        .query("except", "ID of a peer to leave out", (false, json!({"type": "string"})))
        .query("limit", "Most peers to list", limit())
        .answer::<BestPeer>(200, "The peers, least cost first")
        .errors(&UNKNOWN_FILE),
    ]
}

/// Errors of operations on a registration.
const UNKNOWN_PEER: [(u16, &str); 2] = [
    (403, "The secret is not that of the registration"),
    (404, "There is no such registration, or its lease has ended"),
];
/// Errors of operations on a file.
const UNKNOWN_FILE: [(u16, &str); 1] = [(404, "No peer holds this file")];

fn operation(method: &'static str, path: &str, id: &'static str, summary: &'static str) -> Operation {
    let security: Value = json!([{}, {"digest": []}]);
    Operation::new((method, path), id, summary, ("swarm", security)).errors(&ALWAYS)
}
