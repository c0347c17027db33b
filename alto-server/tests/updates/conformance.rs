//! Runs of the conformance suite while the network changes.

use std::sync::Mutex;

use rfc_conformance::{Change, Options, Verdict};

use super::{add_pid, change_cost, server};
use crate::conformance::TIMEOUT;

#[test]
fn updates_pass_the_suite_while_the_network_changes() {
    let server = server(&[]);
    let mut options = Options::new(&format!("http://{}/directory", server.address));
    options.timeout = TIMEOUT;
    options.strict = true;
    options.only = ["rfc8895", "rfc9569", "rfc6902"].map(str::to_owned).into();
    let server = Mutex::new(server);
    options.change = Some(Change::by(move |number| {
        let changed = server.lock().map_err(|error| error.to_string())?;
        match number % 2 {
            1 => change_cost(&changed, 7 * u32::try_from(number).map_err(|error| error.to_string())?),
            _ => add_pid(&changed, &format!("extra-{number}"), &format!("192.0.{number}.0/24")),
        }
        Ok(())
    }));
    let report = rfc_conformance::run(&options);
    assert_eq!(report.could_not_run, None);
    assert_eq!(report.failures().count(), 0, "{}", report.to_text(false));
    // What takes a change was judged.
    let of_streams =
        ["5.2/2", "5.3/5", "6.3/2", "6.5/9", "6.7.2/1", "7.6/13", "9.2/4", "9.4/1"].map(|id| ("rfc8895", id));
    let of_views = ["3.1/1", "3.1/3", "3.1/4", "3.2/1", "3.2/4", "4.1/2", "7.4.2/3", "8/1"].map(|id| ("rfc9569", id));
    for (rfc, id) in of_streams.into_iter().chain(of_views) {
        let line = report.lines.iter().find(|line| line.requirement.id == format!("{rfc}/{id}")).unwrap();
        assert!(matches!(line.verdict, Verdict::Pass(_)), "{id}: {:?}", line.verdict);
    }
}
