//! An upper bound of the speed of the server's libraries (docs/performance.md): a server that answers 304 to every
//! request, on `hyper` alone or, with the argument `warp`, through `warp`, without any limit or counter.

use std::convert::Infallible;

use http::{Response, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use warp::Filter;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let through_warp = std::env::args().nth(1).as_deref() == Some("warp");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, through_warp));
    }
}

async fn serve(stream: TcpStream, through_warp: bool) {
    let (builder, io) = (auto::Builder::new(TokioExecutor::new()), TokioIo::new(stream));
    let ended = if through_warp {
        let answer = warp::any().map(|| StatusCode::NOT_MODIFIED);
        builder.serve_connection(io, TowerToHyperService::new(warp::service(answer))).await
    } else {
        let answer = |_| async {
            let mut response = Response::new(Empty::<bytes::Bytes>::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            Ok::<_, Infallible>(response)
        };
        builder.serve_connection(io, hyper::service::service_fn(answer)).await
    };
    // An error means that the client has disconnected, as at the end of every measurement.
    let _ended = ended;
}
