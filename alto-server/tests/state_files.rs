//! The folder `state`: a copy of it restores everything, and files of the first version are read.

use std::fs;
use std::path::Path;

use redb::{Database, TableDefinition};

use crate::support::swarm::{Peer, entry};
use crate::support::{Request, Server, data, program};
use serde_json::{Value, json};

const TOKEN: &str = "a-token-for-everything";

fn start(state: &Path) -> Server {
    let mut command = program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--map-interval", "0", "--topology"]);
    Server::start(command.arg(data("two-isps.json")).arg("--state").arg(state))
}

fn stop(server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
}

fn admin(server: &Server, method: &str, path: &str, (media_type, body): (&str, &str)) -> Value {
    let request = Request::new(method, path).field("Authorization", &format!("Bearer {TOKEN}"));
    let answer = request.field("Content-Type", media_type).body(body).send(server.address);
    assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
    answer.json()
}

fn change(server: &Server, cost: u32) {
    let body = json!({"source": "a1", "destination": "a2", "cost": cost}).to_string();
    admin(server, "POST", "/admin/links", ("application/json", &body));
}

/// Everything that an operator would miss.
fn whole(server: &Server) -> Value {
    let get = |path| admin(server, "GET", path, ("application/json", ""));
    let mut sources = get("/admin/prefixes");
    // Whether a map is pending depends on the time.
    for source in sources["sources"].as_array_mut().unwrap() {
        source.as_object_mut().unwrap().remove("publish-in");
    }
    json!({
        "status": get("/admin/status"), "links": get("/admin/links"), "audit": get("/admin/audit"), "sources": sources,
        "files": server.get("/swarm/files").json(), "costs": server.get("/costmap/numerical/routingcost").json()
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_copy_of_the_folder_restores_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (state, backup) = (folder.path().join("state"), folder.path().join("backup"));
    let server = start(&state);
    let abilene = fs::read_to_string(data("abilene.json")).unwrap();
    admin(&server, "PUT", "/admin/topology", ("application/json", &abilene));
    admin(&server, "POST", "/admin/topology/previous", ("application/json", ""));
    change(&server, 50);
    admin(&server, "PUT", "/admin/prefixes/bgp?sequence=7", ("text/plain", "10.9.0.0/16 isp-a-1\n"));
    Peer::at(server.address, "127.1.1.1").registered("seed", 6881, &[entry(1)]);
    let before = whole(&server);
    stop(server);
    copy(&state, &backup);

    let server = start(&state);
    assert_eq!(whole(&server), before, "a restart changes nothing");
    change(&server, 99);
    admin(&server, "PUT", "/admin/topology", ("application/json", &abilene));
    assert_ne!(whole(&server), before);
    stop(server);

    fs::remove_dir_all(&state).unwrap();
    copy(&backup, &state);
    assert_eq!(whole(&start(&state)), before);
}

/// The tables of the first version, without those that came later.
#[test]
fn files_of_the_first_version_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let links: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("link-changes");
    let topology: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topology");
    let database = Database::create(folder.path().join("network.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(links).unwrap();
        let change = json!({"source": "a1", "destination": "a2", "index": 0, "cost": 50.0}).to_string();
        table.insert("a1 a2 0", change.as_bytes()).unwrap();
        transaction.open_table(topology).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let server = start(folder.path());
    let status = admin(&server, "GET", "/admin/status", ("application/json", ""));
    assert_eq!((&status["overrides"], &status["previous"]), (&json!(1), &json!(false)));
    change(&server, 60);
    stop(server);
    let audit = admin(&start(folder.path()), "GET", "/admin/audit", ("application/json", ""));
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
}
