//! The port that metrics are read from: `GET /metrics`, one answer per connection.
//!
//! What must always hold: a peer costs at most `HEAD_BYTES_MAX` bytes and `PATIENCE`, at most `SCRAPES_MAX` are
//! served at once, and none of them keeps the broker from stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::families::page;
use super::text::CONTENT_TYPE;
use crate::broker::Broker;

/// Bytes of a request up to the empty line; more is refused.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Scrapes served at once; further ones wait in the backlog.
const SCRAPES_MAX: usize = 4;
/// How long one scrape may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a failed accept, so that a process without file descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The listener for scrapes.
pub struct Scrapes {
    listener: TcpListener,
}

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Metrics,
    Refuse(&'static str),
}

impl Scrapes {
    /// Listens on `host:port`.
    ///
    /// # Errors
    /// When the address cannot be resolved or is taken.
    pub async fn bind(address: &str) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// The address really listened on.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the broker stops.
    pub async fn serve(self, broker: Arc<Broker>) {
        let mut stopping = broker.stopping.clone();
        let mut scrapes = JoinSet::new();
        loop {
            tokio::select! {
                () = stopping.wait() => return,
                Some(_) = scrapes.join_next() => {}
                accepted = self.listener.accept(), if scrapes.len() < SCRAPES_MAX => match accepted {
                    Ok((stream, _)) => { scrapes.spawn(scrape(stream, broker.clone())); }
                    Err(error) => {
                        warn!("cannot accept a connection for metrics: {error}");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                }
            }
        }
    }
}

async fn scrape(mut stream: TcpStream, broker: Arc<Broker>) {
    let exchange = async {
        let head = read_head(&mut stream).await?;
        let response = respond(&route(&head), || page(&broker));
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a scrape failed: {error}"),
        Err(_) => debug!("a scrape took too long"),
    }
}

/// Reads up to the empty line, or as much as is allowed.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    let mut limited = stream.take(HEAD_BYTES_MAX as u64);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if limited.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

fn route(head: &[u8]) -> Route {
    let text = String::from_utf8_lossy(head);
    if !text.contains("\r\n\r\n") {
        return Route::Refuse("400 Bad Request");
    }
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    match (words.next(), words.next().and_then(|target| target.split('?').next())) {
        (Some("GET"), Some("/metrics")) => Route::Metrics,
        (Some("GET"), Some(_)) => Route::Refuse("404 Not Found"),
        (Some(_), Some(_)) => Route::Refuse("405 Method Not Allowed"),
        _ => Route::Refuse("400 Bad Request"),
    }
}

fn respond(route: &Route, page: impl FnOnce() -> String) -> String {
    let (status, body) = match route {
        Route::Metrics => ("200 OK", page()),
        Route::Refuse(status) => (*status, format!("{status}: metrics are at GET /metrics\n")),
    };
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_get_of_the_page_is_given_the_page() {
        let refused = Route::Refuse;
        for (head, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Route::Metrics),
            ("GET /metrics?name=x HTTP/1.1\r\n\r\n", Route::Metrics),
            ("GET / HTTP/1.1\r\n\r\n", refused("404 Not Found")),
            ("POST /metrics HTTP/1.1\r\n\r\n", refused("405 Method Not Allowed")),
            ("GET /metrics HTTP/1.1\r\n", refused("400 Bad Request")),
            ("\r\n\r\n", refused("400 Bad Request")),
            ("", refused("400 Bad Request")),
        ] {
            assert_eq!(route(head.as_bytes()), expected, "{head:?}");
        }
    }

    #[test]
    fn a_response_says_how_long_it_is() {
        let response = respond(&Route::Metrics, || "a 1\n".to_owned());
        assert!(
            response.starts_with("HTTP/1.1 200 OK\r\n")
                && response.ends_with("Content-Length: 4\r\nConnection: close\r\n\r\na 1\n")
        );
    }
}
