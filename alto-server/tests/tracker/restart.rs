//! Swarms across a restart, as the operator chooses.

use super::{addresses, announce, leecher, seed, start};

#[test]
fn peers_survive_a_restart_if_they_are_to() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    for (more, named) in [(&["--tracker-save"][..], 1), (&[], 0)] {
        let arguments = [&["--state", state], more].concat();
        let server = start(&arguments);
        announce(&server, "127.1.1.1", &seed(6881));
        server.signal("TERM");
        assert_eq!(server.wait(), Some(0));
        let server = start(&arguments);
        assert_eq!(addresses(&announce(&server, "127.1.1.2", &leecher(1))).len(), named, "{more:?}");
        drop(server);
        let _absent = std::fs::remove_file(folder.path().join("tracker.swarms"));
    }
}
