//! One connection of the load generator, never blocking.
//!
//! What must always hold: requests are sent whole and one after the other, answers come in the order of the requests.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::Instant;

use super::frames::{Frame, Frames};
use super::reply::{first_frame, skim};
use crate::wire::{Result, invalid};

const RECEIVE_BYTES: usize = 64 << 10;

/// A connection with what is on its way.
#[derive(Debug)]
pub struct Lane {
    stream: TcpStream,
    /// Not answered yet, oldest first; the last ones not sent yet.
    in_flight: VecDeque<Request>,
    /// How many of `in_flight` are sent whole, and the bytes sent of the next one.
    sent: (usize, usize),
    correlation_id: i32,
    received: Vec<u8>,
    filled: usize,
}

#[derive(Debug)]
struct Request {
    frame: Frame,
    correlation_id: i32,
    due: Instant,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    /// When it was due.
    pub due: Instant,
    /// Its record-batch bytes.
    pub bytes: u64,
}

impl Lane {
    /// A lane over a connected socket.
    ///
    /// # Errors
    /// Of the socket.
    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let received = vec![0; RECEIVE_BYTES];
        Ok(Self { stream, in_flight: VecDeque::new(), sent: (0, 0), correlation_id: 0, received, filled: 0 })
    }

    /// The socket, to wait for.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Requests without an answer.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Adds a request; `flush` sends it.
    pub fn push(&mut self, frame: Frame, due: Instant) {
        self.correlation_id += 1;
        self.in_flight.push_back(Request { frame, correlation_id: self.correlation_id, due });
    }

    /// Sends what the socket takes.
    ///
    /// # Errors
    /// Of the socket.
    pub fn flush(&mut self, frames: &Frames) -> Result<()> {
        while let Some(request) = self.in_flight.get(self.sent.0) {
            match frames.send(request.frame, request.correlation_id, self.sent.1, &self.stream) {
                Ok(more) if self.sent.1 + more == request.frame.len() => self.sent = (self.sent.0 + 1, 0),
                Ok(more) => self.sent.1 += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all there is and reports each answer. Whether an answer must speak of all the batches is `strict`.
    ///
    /// # Errors
    /// Of the socket, an error code, or an answer to something else.
    pub fn receive(&mut self, strict: bool, mut answered: impl FnMut(Answered)) -> Result<()> {
        while self.read()? {
            self.take_answers(strict, &mut answered)?;
        }
        self.take_answers(strict, &mut answered)
    }

    /// Reads once; whether there may be more.
    fn read(&mut self) -> Result<bool> {
        match (&self.stream).read(&mut self.received[self.filled..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => {
                self.filled += more;
                Ok(self.filled == self.received.len())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn take_answers(&mut self, strict: bool, answered: &mut impl FnMut(Answered)) -> Result<()> {
        let mut at = 0;
        while let Some(frame) = first_frame(&self.received[at..self.filled]) {
            at += 4 + frame.len();
            let (correlation_id, batches) = skim(frame)?;
            let request = self.in_flight.pop_front().ok_or_else(|| invalid("an answer without a request"))?;
            self.sent.0 = self.sent.0.checked_sub(1).ok_or_else(|| invalid("an answer before its request"))?;
            if correlation_id != request.correlation_id || (strict && batches != request.frame.batches) {
                return Err(invalid(format!("answer {correlation_id} of {batches} batches to {request:?}")));
            }
            answered(Answered { due: request.due, bytes: request.frame.batch_bytes });
        }
        if at == 0 && self.filled == self.received.len() {
            return Err(invalid("an answer longer than the buffer"));
        }
        self.received.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }
}
