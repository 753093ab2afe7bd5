//! One TCP connection: frames out, frames in, strictly in order.
//!
//! What must always hold: replies are matched to requests by order and by correlation id, and a mismatch is an error;
//! a frame longer than `MAX_FRAME` is refused rather than allocated.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer};

use crate::Broker;

/// A frame that a test would ever expect is smaller than this.
const MAX_FRAME: usize = 256 << 20;
/// How long a read or write waits before the test is told that nothing came.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Name the tests give themselves.
pub(super) const CLIENT_ID: &str = "wire";
const OWN_NAME: StrBytes = StrBytes::from_static_str(CLIENT_ID);

/// What every call returns; a Kafka error code becomes `ErrorKind::Other` by `kafka_error`.
pub type Result<T> = io::Result<T>;

/// Bytes from the broker that break the protocol.
pub fn invalid(message: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message.to_string())
}

/// `Ok` for code 0, else an error that names the call and the code.
///
/// # Errors
/// When `code` is not 0.
pub fn kafka_error(call: &str, code: i16) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::other(format!("{call}: error code {code}"))) }
}

/// A connection to a broker.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    correlation_id: i32,
    oldest_unanswered: i32,
    client_id: StrBytes,
    /// Reused when the frames cut from it are gone.
    buffer: BytesMut,
}

impl Connection {
    /// Connects once.
    ///
    /// # Errors
    /// As `TcpStream::connect`.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEFAULT_TIMEOUT))?;
        stream.set_write_timeout(Some(DEFAULT_TIMEOUT))?;
        Ok(Self { stream, correlation_id: 0, oldest_unanswered: 0, client_id: OWN_NAME, buffer: BytesMut::new() })
    }

    /// Connects to a broker under test.
    ///
    /// # Errors
    /// As `TcpStream::connect`.
    pub fn to(broker: &dyn Broker) -> Result<Self> {
        Self::connect(SocketAddr::from(([127, 0, 0, 1], broker.port())))
    }

    /// Connects as soon as somebody listens.
    ///
    /// # Errors
    /// The last refusal, once `deadline` has passed.
    pub fn connect_until(address: SocketAddr, deadline: Instant) -> Result<Self> {
        loop {
            match Self::connect(address) {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The same connection once more: one half may send while the other receives.
    ///
    /// # Errors
    /// As `TcpStream::try_clone`.
    pub fn receiver(&self) -> Result<Self> {
        let stream = self.stream.try_clone()?;
        Ok(Self { stream, client_id: self.client_id.clone(), buffer: BytesMut::new(), ..*self })
    }

    /// What the client calls itself from now on. (Prepared frames of `produce` keep the name of the tests.)
    pub fn call_myself(&mut self, client_id: &str) {
        self.client_id = StrBytes::from_string(client_id.to_owned());
    }

    /// The socket, for time-outs, half-closing, and reading or writing outside of frames.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// Of the socket, or `InvalidData` when the reply cannot be decoded.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.send(request, version)?;
        self.receive::<R>(version)
    }

    /// Sends a request without waiting.
    ///
    /// # Errors
    /// Of the socket, or `InvalidInput` when the request has no form in this version.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) -> Result<()> {
        let correlation_id = self.next_correlation_id();
        let frame = encode(request, version, correlation_id, &self.client_id)?;
        self.send_bytes(&frame)
    }

    /// Sends bytes as they are: a prepared frame, or nonsense.
    ///
    /// # Errors
    /// Of the socket.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// The correlation id for a frame that the caller builds and sends itself.
    pub fn next_correlation_id(&mut self) -> i32 {
        self.correlation_id += 1;
        self.correlation_id
    }

    /// Waits for the reply to the oldest unanswered request, which was an `R` of `version`.
    ///
    /// # Errors
    /// Of the socket, or `InvalidData` when it is not that reply.
    pub fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response> {
        let mut frame = self.receive_frame()?;
        self.oldest_unanswered += 1;
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).map_err(invalid)?;
        if header.correlation_id != self.oldest_unanswered {
            return Err(invalid(format!("reply {} to request {}", header.correlation_id, self.oldest_unanswered)));
        }
        let response = R::Response::decode(&mut frame, version).map_err(invalid)?;
        if frame.has_remaining() {
            return Err(invalid(format!("{} bytes after the reply to API {}", frame.remaining(), R::KEY)));
        }
        Ok(response)
    }

    /// Waits for a frame and gives its bytes without the length.
    ///
    /// # Errors
    /// Of the socket; `UnexpectedEof` when the broker closed the connection.
    pub fn receive_frame(&mut self) -> Result<Bytes> {
        let mut length = [0u8; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(invalid)?;
        if length > MAX_FRAME {
            return Err(invalid(format!("a frame of {length} bytes")));
        }
        self.buffer.clear();
        self.buffer.resize(length, 0);
        self.stream.read_exact(&mut self.buffer)?;
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Whether the broker closes the connection (with whatever bytes before) until `deadline`.
    pub fn is_closed_by(&mut self, deadline: Instant) -> bool {
        let mut sink = [0u8; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return false;
            }
            match self.stream.read(&mut sink) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return false,
                    ErrorKind::Interrupted => {}
                    _ => return true,
                },
            }
        }
    }
}

/// A whole frame, length included.
///
/// # Errors
/// `InvalidInput` when the request has no form in this version.
fn encode<R: Request>(request: &R, version: i16, correlation_id: i32, client_id: &StrBytes) -> Result<BytesMut> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(client_id.clone()));
    let mut frame = BytesMut::zeroed(4);
    let bad = |error| io::Error::new(ErrorKind::InvalidInput, format!("API {} v{version}: {error}", R::KEY));
    encode_request_header_into_buffer(&mut frame, &header).map_err(bad)?;
    request.encode(&mut frame, version).map_err(bad)?;
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}
