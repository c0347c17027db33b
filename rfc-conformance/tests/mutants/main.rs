//! tmp
use rfc_conformance::Options;
use rfc_conformance::stage::{serve::Server, site::Site};
use std::net::TcpListener;
use std::sync::Arc;

#[test]
fn straight() {
    let site = Site::fixture("");
    let server = Server::start(
        TcpListener::bind("127.0.0.1:0").unwrap(),
        None,
        Arc::new(move |request: &rfc_conformance::stage::http::Request| site.answer(request)),
    )
    .unwrap();
    let options = Options::new(&format!("http://{}/directory", server.address()));
    let report = rfc_conformance::run(&options);
    println!("{}", report.to_text(true));
    println!("{:?} {} {:?}", report.summary(), report.requests, report.took);
}
