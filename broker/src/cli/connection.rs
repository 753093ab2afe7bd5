//! One blocking connection to a broker: a request, then its answer.
//!
//! What must always hold: a call ends within its time limit, however slowly the bytes come; memory grows with the bytes that really come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_protocol::client::{ApiVersions, Call, LENGTH_BYTES, Strange, SupportedVersions, answer, answer_len, frame};

use super::error::CliError;

/// The name this client gives itself.
pub const CLIENT_ID: &str = "catena-cli";
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// A connection, and the versions its server speaks.
#[derive(Debug)]
pub struct Connection {
    address: String,
    stream: TcpStream,
    limit: Duration,
    calls: i32,
    versions: SupportedVersions,
}

impl Connection {
    /// Connects to `address` (`host:port`), and asks for the versions; each call may take `limit`.
    ///
    /// # Errors
    /// `CliError` when nobody is there, or nobody who speaks Kafka's protocol.
    pub fn open(address: &str, limit: Duration) -> Result<Self, CliError> {
        let stream = connect(address, limit)?;
        let address = address.to_owned();
        let mut connection = Self { address, stream, limit, calls: 0, versions: SupportedVersions::default() };
        let versions = connection.exchange(&ApiVersions)?;
        let refused = |refusal| CliError::RefusedAbout { what: connection.address.clone(), refusal };
        connection.versions = versions.map_err(refused)?;
        Ok(connection)
    }

    /// Makes a call and waits for its answer.
    ///
    /// # Errors
    /// `CliError` when the server does not speak its version, or when there is no answer to it.
    pub fn call<C: Call>(&mut self, call: &C) -> Result<C::Answer, CliError> {
        if !self.versions.allow::<C>() {
            return Err(CliError::NoSuchApi { address: self.address.clone(), api: C::NAME, version: C::VERSION });
        }
        self.exchange(call)
    }

    fn exchange<C: Call>(&mut self, call: &C) -> Result<C::Answer, CliError> {
        let deadline = Instant::now() + self.limit;
        self.calls = self.calls.wrapping_add(1);
        let request = frame(call, self.calls, CLIENT_ID)?;
        self.send(&request, deadline).map_err(|error| self.broken(error))?;
        let length = self.receive(LENGTH_BYTES, deadline).map_err(|error| self.broken(error))?;
        let length = answer_len(*length.first_chunk().unwrap_or(&[0xff; LENGTH_BYTES])).map_err(|e| self.foreign(e))?;
        let body = self.receive(length, deadline).map_err(|error| self.broken(error))?;
        answer::<C>(self.calls, Bytes::from(body)).map_err(|error| self.foreign(error))
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn receive(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        let (mut bytes, mut piece) = (Vec::new(), vec![0; length.min(READ_BYTES)]);
        while bytes.len() < length {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let wanted = piece.len().min(length - bytes.len());
            let space = piece.get_mut(..wanted).unwrap_or_default();
            match self.stream.read(space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => bytes.extend_from_slice(space.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    fn broken(&self, source: io::Error) -> CliError {
        let address = self.address.clone();
        match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => CliError::TimedOut { address, limit: self.limit },
            ErrorKind::UnexpectedEof => CliError::Connection { address, source: closed() },
            _ => CliError::Connection { address, source },
        }
    }

    fn foreign(&self, source: Strange) -> CliError {
        CliError::Foreign { address: self.address.clone(), source }
    }
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed before the answer came; is it a Kafka broker?")
}

/// The time until the deadline.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Connects to the first address of a name where somebody listens.
fn connect(address: &str, limit: Duration) -> Result<TcpStream, CliError> {
    let deadline = Instant::now() + limit;
    let unusable = |source| CliError::Address { address: address.to_owned(), source };
    let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for candidate in address.to_socket_addrs().map_err(unusable)? {
        let tried = left(deadline).and_then(|left| TcpStream::connect_timeout(&candidate, left));
        match tried.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(CliError::Connect { address: address.to_owned(), source: failed })
}
