//! Downloads that take costs from a real ALTO server: which holders they choose, and how they react to new costs.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::Server;
use crate::support::download::{Download, Heard, Original};
use crate::support::holder::{Behaviour, FakeHolder};
use alto_peer::download::Done;
use alto_peer::events::{Candidate, Event, SourceState};
use alto_peer::policy::PolicyName;
use test_support::single_cost::plain_directory;

/// Address of host p1 in two-isps, at switch a1.
const OWN: &str = "127.1.1.1";
const TOKEN: &str = "correct-horse-battery-staple";

fn slow(rate: u64) -> Behaviour {
    Behaviour { rate: Some(rate), ..Behaviour::default() }
}

fn download(original: &Original, folder: &tempfile::TempDir, holders: &[&FakeHolder], server: &Server) -> Download {
    Download::asking(original, folder.path(), holders, &server.directory(), OWN)
}

fn pieces(done: &Done, holder: &FakeHolder) -> usize {
    done.sources.get(&holder.address).map_or(0, |contribution| contribution.pieces)
}

/// The holders as the policy saw them in each of its choices.
fn choices(heard: &Heard) -> Vec<BTreeMap<SocketAddr, Candidate>> {
    let candidates = |event: Event| match event {
        Event::Candidates { holders, .. } => {
            Some(holders.into_iter().map(|candidate| (candidate.source, candidate)).collect())
        }
        _ => None,
    };
    heard.all().into_iter().filter_map(candidates).collect()
}

/// The holders as the policy saw them in its last choice.
fn candidates(heard: &Heard) -> BTreeMap<SocketAddr, Candidate> {
    choices(heard).pop().unwrap()
}

/// Sets the cost of a link.
fn price(server: SocketAddr, source: &str, destination: &str, cost: u32) {
    let body = format!("{{\"source\":{source:?},\"destination\":{destination:?},\"cost\":{cost}}}");
    let uri = format!("http://{server}/admin/links");
    let request = ureq::post(uri).header("Authorization", format!("Bearer {TOKEN}")).content_type("application/json");
    assert_eq!(request.send(body).unwrap().status(), 200);
}

fn with_admin(folder: &tempfile::TempDir) -> Server {
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    Server::of_with("two-isps.json", &["--admin-token-file", token.to_str().unwrap()])
}

#[test]
fn best_uses_one_holder_and_the_next_only_when_that_is_gone() {
    let (original, server, folder) = (Original::of(30), Server::of("two-isps.json"), tempfile::tempdir().unwrap());
    let nearest = original.holder("127.1.1.2", slow(500_000));
    let near = original.holder("127.1.2.3", slow(500_000));
    let far = original.holder("127.2.1.5", slow(500_000));
    let mut download = download(&original, &folder, &[&far, &near, &nearest], &server);
    download.order.options.policy = PolicyName::Best;
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            download.heard.wait_for("a fifth piece", |event| matches!(event, Event::Piece { have: 5, .. }));
            nearest.stop();
        });
        download.succeeds(&original)
    });
    assert!(pieces(&done, &nearest) >= 5 && pieces(&done, &near) >= 10 && pieces(&done, &far) == 0, "{done:?}");
    assert!(download.heard.states(&nearest).contains(&SourceState::Left));
    assert!(download.heard.fallbacks().is_empty());
    // A holder that is gone is tried again now and then, so it may be the choice at any time.
    let choices = choices(&download.heard);
    let seen = choices.iter().rfind(|seen| seen[&near.address].chosen).unwrap();
    assert!(choices.iter().all(|seen| seen.values().filter(|candidate| candidate.chosen).count() == 1), "{choices:?}");
    // p2: two links of 100 Mbit/s and 1 ms. p5: those of p3, and the one between the providers.
    let cost = |holder: &FakeHolder| seen[&holder.address].cost.unwrap();
    assert!(cost(&nearest) < cost(&near) && cost(&near) < cost(&far), "{seen:?}");
    assert_eq!(seen[&near.address].pid.as_deref(), Some("isp-a-2"));
    assert!(choices.iter().all(|seen| !seen[&far.address].chosen), "{choices:?}");
    let path = format!("{}:{}", near.address.ip(), near.address.port());
    assert_eq!(done.sources[&path.parse::<SocketAddr>().unwrap()].cost, Some(cost(&near)));
}

#[test]
fn alto_prefers_its_own_provider_and_uses_others_too() {
    let (original, server, folder) = (Original::of(120), Server::of("two-isps.json"), tempfile::tempdir().unwrap());
    let own = ["127.1.1.2", "127.1.2.3", "127.1.3.4"].map(|address| original.holder(address, slow(1_000_000)));
    let other =
        ["127.2.1.5", "127.2.1.6", "127.2.2.7", "127.2.3.8"].map(|address| original.holder(address, slow(1_000_000)));
    let holders: Vec<&FakeHolder> = own.iter().chain(&other).collect();
    let mut download = download(&original, &folder, &holders, &server);
    download.order.options.policy = PolicyName::Alto;
    download.order.options.parallel = 4;
    let done = download.succeeds(&original);
    let from = |holders: &[FakeHolder]| holders.iter().map(|holder| pieces(&done, holder)).sum::<usize>();
    // A random choice would take 51 of 120 from the three of seven.
    assert!(from(&own) > 80, "{} of 120 pieces from the own provider", from(&own));
    assert!(from(&other) > 0, "other providers have their share");

    // With few neighbours, most of them are from the own provider.
    let folder = tempfile::tempdir().unwrap();
    let mut download = self::download(&original, &folder, &holders, &server);
    download.order.options.policy = PolicyName::Alto;
    download.order.options.neighbours = 4;
    download.succeeds(&original);
    let chosen = candidates(&download.heard).into_values().filter(|candidate| candidate.chosen);
    let own_chosen = chosen.filter(|candidate| candidate.pid.as_deref().unwrap().starts_with("isp-a")).count();
    assert!(own_chosen >= 2, "{own_chosen} of 4");
}

#[test]
fn a_download_moves_when_costs_change() {
    for policy in [PolicyName::Alto, PolicyName::Best] {
        let (original, folder) = (Original::of(60), tempfile::tempdir().unwrap());
        let server = with_admin(&folder);
        let here = original.holder("127.1.2.3", slow(500_000));
        let there = original.holder("127.2.1.5", slow(500_000));
        let mut download = download(&original, &folder, &[&here, &there], &server);
        download.order.options.policy = policy;
        download.order.options.parallel = 2;
        let costly = |event: &Event| match event {
            Event::Candidates { holders, .. } => {
                holders.iter().any(|holder| holder.source == here.address && holder.cost > Some(5000.0))
            }
            _ => false,
        };
        let address = server.address;
        let done = std::thread::scope(|scope| {
            scope.spawn(|| {
                download.heard.wait_for("a tenth piece", |event| matches!(event, Event::Piece { have: 10, .. }));
                price(address, "p3", "a2", 5000);
            });
            download.succeeds(&original)
        });
        let heard = download.heard.all();
        let moved = heard.iter().position(costly).unwrap_or_else(|| panic!("{policy} did not notice: {heard:#?}"));
        let from_here = |event: &&Event| matches!(event, Event::Piece { source, .. } if *source == here.address);
        // Requests made before still bring their pieces: two, of up to a few pieces each.
        let after = heard[moved..].iter().filter(from_here).count();
        assert!(after <= 8, "{after} pieces over the expensive link ({policy})");
        assert!(heard[..moved].iter().any(|event| from_here(&event)), "{policy} did not begin here");
        assert!(pieces(&done, &there) >= 20, "{policy}: {:?}", done.sources);
    }
}

#[test]
fn costs_outlive_their_server_and_unknown_holders_have_none() {
    let (original, folder) = (Original::of(30), tempfile::tempdir().unwrap());
    let mut server = Server::of("two-isps.json");
    let here = original.holder("127.1.2.3", slow(500_000));
    let there = original.holder("127.2.1.5", slow(500_000));
    let mut download = download(&original, &folder, &[&here, &there], &server);
    download.order.options.policy = PolicyName::Best;
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            download.heard.wait_for("a fifth piece", |event| matches!(event, Event::Piece { have: 5, .. }));
            server.kill();
        });
        download.succeeds(&original)
    });
    assert_eq!(pieces(&done, &here), 30);
    assert!(download.heard.fallbacks().is_empty());

    // Another topology knows nothing of 127.9.0.0/16.
    let (server, folder) = (Server::of("rfc7971-3.6.json"), tempfile::tempdir().unwrap());
    let unknown = original.holder("127.9.20.1", Behaviour::default());
    let mut download = Download::asking(&original, folder.path(), &[&unknown], &server.directory(), OWN);
    download.order.options.policy = PolicyName::Alto;
    download.succeeds(&original);
    assert_eq!(download.heard.fallbacks(), [("alto".to_owned(), "nearest".to_owned())]);
}

/// The events about metrics: those used, and the reason why they differ from the ones wanted.
fn metrics(heard: &Heard) -> Vec<(String, Option<String>)> {
    let metrics = |event: Event| match event {
        Event::Metrics { used, reason, .. } => Some((used.to_string(), reason)),
        _ => None,
    };
    heard.all().into_iter().filter_map(metrics).collect()
}

#[test]
fn a_compromise_decides_between_delay_and_bandwidth() {
    let (original, server) = (Original::of(12), Server::of("two-isps.json"));
    // p7 is 15 ms away behind 50 Mbit/s, p5 16 ms behind 100 Mbit/s, which makes its routing cost the lower one.
    let narrow = original.holder("127.2.2.7", Behaviour::default());
    let wide = original.holder("127.2.1.5", Behaviour::default());
    let plain = plain_directory(&server, &[]);
    let get = |directory: &str, policy: PolicyName, wanted: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut download = Download::asking(&original, folder.path(), &[&narrow, &wide], directory, OWN);
        download.order.options.policy = policy;
        download.order.options.metrics = wanted.parse().unwrap();
        let done = download.succeeds(&original);
        assert!(download.heard.fallbacks().is_empty());
        (pieces(&done, &narrow), candidates(&download.heard), metrics(&download.heard), done)
    };
    let (from_narrow, seen, told, _) = get(&server.directory(), PolicyName::Best, "routingcost");
    assert_eq!((from_narrow, told.len()), (0, 0), "nothing to report");
    assert_eq!((seen[&narrow.address].cost, seen[&narrow.address].rating), (Some(60.0), None));
    let (from_narrow, seen, told, _) = get(&server.directory(), PolicyName::Best, "delay-ow");
    assert_eq!((from_narrow, told), (12, vec![("delay-ow".to_owned(), None)]));
    assert_eq!(seen[&narrow.address].cost, Some(15_000.0));
    let (from_narrow, seen, _, _) = get(&server.directory(), PolicyName::Best, "bw-residual");
    assert_eq!((from_narrow, seen[&wide.address].cost), (0, Some(12_500_000.0)), "more is better");
    for directory in [server.directory(), plain.uri("/ird")] {
        for (weights, from_narrow) in [("delay-ow=0.7,bw-residual=0.3", 0), ("delay-ow=50,bw-residual=1", 12)] {
            let (pieces, seen, told, done) = get(&directory, PolicyName::Best, weights);
            assert_eq!((pieces, told), (from_narrow, vec![(weights.to_owned(), None)]), "{seen:?}");
            let candidate = &seen[&narrow.address];
            // Events have the costs of the server, whatever the rating.
            let costs: Vec<(&str, f64)> =
                candidate.costs.iter().map(|(metric, cost)| (metric.as_str(), *cost)).collect();
            assert_eq!(costs, [("bw-residual", 6_250_000.0), ("delay-ow", 15_000.0)]);
            assert_eq!(candidate.cost, Some(15_000.0));
            assert_eq!(candidate.rating < seen[&wide.address].rating, from_narrow > 0, "{seen:?}");
            assert!(done.sources.values().all(|contribution| contribution.cost >= Some(15_000.0)), "{done:?}");
        }
    }
    let (_, seen, told, _) = get(&server.directory(), PolicyName::Alto, "delay-ow=0.7,bw-residual=0.3");
    assert_eq!(told.len(), 1);
    assert!(seen.values().all(|candidate| candidate.rating.is_some()), "{seen:?}");
}

#[test]
fn a_metric_that_the_server_lacks_is_left_out_and_reported() {
    let (original, server) = (Original::of(6), Server::of("two-isps.json"));
    let narrow = original.holder("127.2.2.7", Behaviour::default());
    let wide = original.holder("127.2.1.5", Behaviour::default());
    let lacking = plain_directory(&server, &["bw-residual", "delay-ow"]);
    for (directory, wanted, used, reason, from_narrow) in [
        (server.directory(), "tput=0.5,delay-ow=0.5", "delay-ow", "the ALTO server has no tput", 6),
        (
            lacking.uri("/ird"),
            "delay-ow=0.7,bw-residual",
            "routingcost",
            "the ALTO server has no delay-ow, bw-residual",
            0,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut download = Download::asking(&original, folder.path(), &[&narrow, &wide], &directory, OWN);
        download.order.options.policy = PolicyName::Best;
        download.order.options.metrics = wanted.parse().unwrap();
        let done = download.succeeds(&original);
        assert_eq!(metrics(&download.heard), [(used.to_owned(), Some(reason.to_owned()))]);
        assert!(download.heard.fallbacks().is_empty(), "the policy asked for stays in force");
        assert_eq!(pieces(&done, &narrow), from_narrow, "{wanted}");
    }
}
