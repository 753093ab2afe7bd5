//! From a frame to the handler that answers it.
//!
//! What must always hold: version check and decoding happen here, once, before any handler; what is advertised is
//! exactly what `table` holds.

mod table;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use thiserror::Error;
use tracing::error;

use crate::api::error_counts::ErrorCounts;
use crate::api::wire::{self, WireError};
use crate::broker::{Broker, RequestContext};
use crate::reply::Reply;

pub use table::{names, versions};

/// Key of ApiVersions, the one API that is answered in any version.
const API_VERSIONS: i16 = 18;
/// API key, version and correlation id.
const FIXED_HEADER_LEN: usize = 8;

/// What a request came to.
pub enum Answer {
    /// A response.
    Reply(Reply),
    /// Nothing: the client does not wait for an answer.
    Silence,
    /// The connection ends here.
    Close,
}

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A request on its way.
pub enum Work {
    /// Finished.
    Done(Answer),
    /// To be completed before the next request of the connection is begun.
    Inline(Answering),
    /// Begun; only waiting is left, later requests may begin meanwhile.
    Queued(Answering),
}

/// A request that closes the connection.
#[derive(Debug, Error)]
pub enum Refused {
    /// Too short for a header.
    #[error("a frame of {0} bytes holds no request")]
    Short(usize),
    /// No such API here.
    #[error("API {key} version {version} is not supported")]
    Unsupported {
        /// API key.
        key: i16,
        /// Version asked.
        version: i16,
    },
    /// Not decodable.
    #[error("API {key} version {version}: {source}")]
    Malformed {
        /// API key.
        key: i16,
        /// Version asked.
        version: i16,
        /// What is wrong with the bytes.
        source: WireError,
    },
}

/// Who is at the other end of a connection.
pub struct Client {
    host: Arc<str>,
    listener: Arc<str>,
    /// The client id of the last request: nearly always that of the next.
    last_id: Arc<str>,
}

impl Client {
    /// The peer at `peer`, connected to the listener of this name.
    pub fn new(peer: SocketAddr, listener: Arc<str>) -> Self {
        Self { host: format!("/{}", peer.ip()).into(), listener, last_id: "".into() }
    }

    fn context(&mut self, client_id: &str, api_version: i16) -> RequestContext {
        if *self.last_id != *client_id {
            self.last_id = client_id.into();
        }
        RequestContext {
            client_id: self.last_id.clone(),
            client_host: self.host.clone(),
            api_version,
            listener: self.listener.clone(),
        }
    }
}

/// A request's context and how its response is addressed.
struct Call {
    context: RequestContext,
    correlation_id: i32,
    entry: &'static table::Entry,
    begun: Instant,
}

/// Begins the request in `frame`.
///
/// # Errors
/// `Refused` when the connection must be closed: Kafka answers nothing to requests it cannot understand.
pub fn begin(broker: &Arc<Broker>, client: &mut Client, mut frame: Bytes) -> Result<Work, Refused> {
    let Some(fixed) = frame.first_chunk::<FIXED_HEADER_LEN>() else { return Err(Refused::Short(frame.len())) };
    let [k0, k1, v0, v1, c0, c1, c2, c3] = *fixed;
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let correlation_id = i32::from_be_bytes([c0, c1, c2, c3]);
    let Some(entry) = table::find(key) else { return Err(Refused::Unsupported { key, version }) };
    if version < entry.min || version > entry.max {
        return too_new(broker, client, entry, version, correlation_id);
    }
    let malformed = |source| Refused::Malformed { key, version, source };
    let header = wire::decode_header(key, version, &mut frame).map_err(malformed)?;
    let context = client.context(header.client_id.as_deref().unwrap_or_default(), version);
    let call = Call { context, correlation_id, entry, begun: Instant::now() };
    (entry.start)(broker, call, frame).map_err(malformed)
}

/// ApiVersions answers a version it does not know in version 0, so that clients can come down; no other API does.
fn too_new(
    broker: &Arc<Broker>,
    client: &mut Client,
    entry: &'static table::Entry,
    version: i16,
    correlation_id: i32,
) -> Result<Work, Refused> {
    if entry.key != API_VERSIONS {
        return Err(Refused::Unsupported { key: entry.key, version });
    }
    let context = client.context("", 0);
    let call = Call { context, correlation_id, entry, begun: Instant::now() };
    let response = crate::api::api_versions::unsupported_version(broker);
    Ok(Work::Done(call.reply(broker, &response)))
}

impl Call {
    fn reply<T: wire::Response + ErrorCounts>(&self, broker: &Broker, response: &T) -> Answer {
        response.count_errors(&mut |code| broker.metrics.error(code));
        self.answer(broker, wire::encode(response, self.entry.key, self.context.api_version, self.correlation_id))
    }

    /// Turns an encoded response into an answer. A response that has no encoding is our mistake.
    fn answer(&self, broker: &Broker, encoded: Result<Reply, WireError>) -> Answer {
        broker.metrics.request_answered(self.entry.key, self.begun.elapsed());
        match encoded {
            Ok(reply) => Answer::Reply(reply),
            Err(source) => {
                error!(api = self.entry.name, version = self.context.api_version, "cannot encode a response: {source}");
                Answer::Close
            }
        }
    }
}
