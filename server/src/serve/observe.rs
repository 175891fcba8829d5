//! A small HTTP server for those who watch: `/metrics`, `/healthz`, `/readyz`. It says nothing of banks or customers; keep it
//! on loopback all the same.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use samar_local::exit::Failure;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::State;

/// Connections at a time. More wait in the system's queue.
const CONNECTIONS: usize = 16;
/// How long a connection may last, and its request's head take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// Listens on this address.
///
/// # Errors
/// An address that is in use or not this machine's.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    listen().map_err(|error| {
        Failure::local(format!("cannot listen on {address} for metrics: {error}"))
            .remedy("stop the program that does, or change `metrics` in samar-server.toml")
    })
}

/// Answers until the task is dropped.
pub(super) async fn serve(state: Arc<State>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await; // no descriptors left, most likely
            continue;
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let respond = service_fn(move |request| {
                let response = respond(&state, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(DEADLINE)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), respond);
            // A scraper that goes away or is too slow is no event.
            let _ = tokio::time::timeout(DEADLINE, connection).await;
            drop(place);
        });
    }
}

fn respond(state: &State, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, kind, state.metrics.text())
        }
        // It answers, and the log can be written: the server ends itself when it cannot.
        (&Method::GET, "/healthz") => (StatusCode::OK, plain, "ok\n".to_owned()),
        (&Method::GET, "/readyz") => match state.not_ready() {
            None => (StatusCode::OK, plain, "ready\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, plain, format!("{why}\n")),
        },
        (&Method::GET, _) => (StatusCode::NOT_FOUND, plain, "/metrics, /healthz or /readyz\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, plain, "GET only\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
