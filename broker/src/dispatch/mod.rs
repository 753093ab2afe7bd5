//! From a frame to the handler that answers it.
//!
//! What must always hold: version check and decoding happen here, once, before any handler; what is advertised is
//! exactly what `table` holds.

mod table;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use catena_protocol::error_code::ErrorCode;
use catena_protocol::header::{ClientId, RequestHeader};
use catena_protocol::message::{Malformed, Response, Unsayable};
use thiserror::Error;
use tracing::error;

use crate::api::error_counts::ErrorCounts;
use crate::api::wire;
use crate::broker::{Broker, RequestContext};
use crate::config::Config;
use crate::config::live::{Current, Live, Watched};
use crate::config::record::ANONYMOUS;
use crate::reply::Reply;
use crate::rollout::arms::{Seat, Unit, place_of_client};
use crate::rollout::tally::Answered;

pub use table::{name, names, versions};

/// Key of ApiVersions, the one API that is answered in any version.
const API_VERSIONS: i16 = 18;
/// Key of Produce, whose requests bring records.
const PRODUCE: i16 = 0;

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
        source: Malformed,
    },
}

/// Who is at the other end of a connection.
pub struct Client {
    host: Arc<str>,
    listener: Arc<str>,
    /// The client id of the last request: nearly always that of the next.
    last_id: Arc<str>,
    watched: Watched,
    seen: Seen,
}

/// What runs for a client, as it was found last.
struct Seen {
    current: Arc<Current>,
    config: Arc<Config>,
    seat: Option<Seat>,
}

impl Client {
    /// The peer at `peer`, connected to the listener of this name.
    pub fn new(peer: SocketAddr, listener: Arc<str>, live: &Live) -> Self {
        Self {
            host: format!("/{}", peer.ip()).into(),
            listener,
            last_id: "".into(),
            watched: live.watch(),
            seen: Seen::by("", live.current()),
        }
    }

    /// The settings that apply to this client, by what it called itself last.
    pub fn config(&mut self) -> &Config {
        let current = self.watched.current();
        if !Arc::ptr_eq(current, &self.seen.current) {
            self.seen = Seen::by(&self.last_id, current.clone());
        }
        &self.seen.config
    }

    fn context(&mut self, client_id: &str, api_version: i16) -> RequestContext {
        let renamed = *self.last_id != *client_id;
        if renamed {
            self.last_id = client_id.into();
        }
        let current = self.watched.current();
        if renamed || !Arc::ptr_eq(current, &self.seen.current) {
            self.seen = Seen::by(client_id, current.clone());
        }
        RequestContext {
            config: self.seen.config.clone(),
            trials: self.seen.current.trials.clone(),
            seat: self.seen.seat.clone().map(OnceLock::from).unwrap_or_default(),
            client_id: self.last_id.clone(),
            client_host: self.host.clone(),
            api_version,
            listener: self.listener.clone(),
        }
    }
}

impl Seen {
    /// What runs for the client of that name.
    fn by(client_id: &str, current: Arc<Current>) -> Self {
        let of_clients = current.trials.as_ref().filter(|trials| trials.unit == Unit::Client);
        let seat = of_clients.map(|trials| Seat::new(trials.clone(), place_of_client(client_id, ANONYMOUS)));
        let config = seat.as_ref().and_then(Seat::config).unwrap_or(&current.config).clone();
        Self { current, config, seat }
    }
}

/// A request's context and how its response is addressed.
struct Call {
    context: RequestContext,
    correlation_id: i32,
    entry: &'static table::Entry,
    begun: Instant,
    bytes: usize,
}

/// Begins the request in `frame`.
///
/// # Errors
/// `Refused` when the connection must be closed: Kafka answers nothing to requests it cannot understand.
pub fn begin(broker: &Arc<Broker>, client: &mut Client, frame: Bytes) -> Result<Work, Refused> {
    understand(frame).map(|understood| understood.begin(broker, client))
}

/// A request that is decoded, and its handler.
pub struct Understood {
    header: RequestHeader,
    entry: &'static table::Entry,
    asked: Asked,
    begun: Instant,
    bytes: usize,
}

enum Asked {
    /// A body, and by whom it was sent.
    Request(ClientId, table::Start),
    /// ApiVersions in a version that is too new.
    Versions,
}

/// Reads the request in `frame`. Nothing is done yet.
///
/// # Errors
/// `Refused` when the connection must be closed.
pub fn understand(mut frame: Bytes) -> Result<Understood, Refused> {
    let (begun, bytes) = (Instant::now(), frame.len());
    let header = RequestHeader::parse(&frame).ok_or(Refused::Short(frame.len()))?;
    let (key, version) = (header.key, header.version);
    let entry = table::find(key).ok_or(Refused::Unsupported { key, version })?;
    if version < entry.min || version > entry.max {
        return too_new(header, entry, begun, bytes);
    }
    let malformed = |source| Refused::Malformed { key, version, source };
    let client_id = header.take_client_id(&mut frame).map_err(|error| malformed(error.into()))?;
    let start = (entry.decode)(version, frame).map_err(malformed)?;
    Ok(Understood { header, entry, asked: Asked::Request(client_id, start), begun, bytes })
}

/// ApiVersions answers a version it does not know in version 0, so that clients can come down; no other API does.
fn too_new(
    header: RequestHeader,
    entry: &'static table::Entry,
    begun: Instant,
    bytes: usize,
) -> Result<Understood, Refused> {
    if entry.key != API_VERSIONS {
        return Err(Refused::Unsupported { key: entry.key, version: header.version });
    }
    Ok(Understood { header, entry, asked: Asked::Versions, begun, bytes })
}

impl Understood {
    /// Begins what is asked.
    pub fn begin(self, broker: &Arc<Broker>, client: &mut Client) -> Work {
        let Self { header: RequestHeader { version, correlation_id, .. }, entry, asked, begun, bytes } = self;
        match asked {
            Asked::Request(client_id, start) => {
                let context = client.context(&client_id, version);
                start(broker, Call { context, correlation_id, entry, begun, bytes })
            }
            Asked::Versions => {
                let call = Call { context: client.context("", 0), correlation_id, entry, begun, bytes };
                Work::Done(call.reply(broker, &crate::api::api_versions::unsupported_version(broker)))
            }
        }
    }
}

impl Call {
    fn reply<T: Response + ErrorCounts>(&self, broker: &Broker, response: &T) -> Answer {
        let failed = count_errors(broker, response);
        let took = self.begun.elapsed();
        self.count(Answered { key: self.entry.key, failed, took: Some(took), bytes: self.moved() });
        let encoded = wire::encode(response, self.entry.key, self.context.api_version, self.correlation_id);
        self.answer(broker, encoded)
    }

    /// Where the client asked to `wait`, how long that took says nothing.
    fn reply_with_records(&self, broker: &Broker, response: wire::Records, waited: bool) -> Answer {
        let failed = count_errors(broker, &response);
        let took = (!waited).then(|| self.begun.elapsed());
        let encoded = wire::encode_fetch(response, self.context.api_version, self.correlation_id);
        let bytes = encoded.as_ref().map_or(0, Reply::len);
        self.count(Answered { key: self.entry.key, failed, took, bytes });
        self.answer(broker, encoded)
    }

    /// Counts the request for the arm it was served in.
    fn count(&self, answered: Answered) {
        if let Some(seat) = self.context.seat.get() {
            seat.answered(answered);
        }
    }

    /// Bytes of records that came with the request.
    fn moved(&self) -> usize {
        if self.entry.key == PRODUCE { self.bytes } else { 0 }
    }

    /// Turns an encoded response into an answer. A response that has no encoding is our mistake.
    fn answer(&self, broker: &Broker, encoded: Result<Reply, Unsayable>) -> Answer {
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

/// Counts what a response says failed; whether anything did. That a new member is given an id first is no failure (KIP-394).
fn count_errors(broker: &Broker, response: &impl ErrorCounts) -> bool {
    let mut failed = false;
    response.count_errors(&mut |code| {
        broker.metrics.error(code);
        failed |= code != ErrorCode::MemberIdRequired.code();
    });
    failed
}
