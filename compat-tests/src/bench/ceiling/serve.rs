//! One connection of the ceiling program.
//!
//! What must always hold: answers leave in the order of the frames; those that became durable together leave in one write.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::pieces::Pieces;
use super::rounds::{Rounds, Waiting};

/// A frame longer than this ends its connection.
const FRAME_BYTES_MAX: usize = 100 << 20;
const READ_BYTES: usize = 64 << 10;
/// Where the correlation id is in a request, behind API and version.
const CORRELATION: std::ops::Range<usize> = 4..8;
/// The answer behind the correlation id: no tags, no topics, no throttling, no tags.
const ANSWER: [u8; 7] = [0, 1, 0, 0, 0, 0, 0];
/// Answers that are written at once at most.
const ANSWERS_MAX: usize = 64;

/// Memory that waits to be used again.
type Spare = Arc<Mutex<Vec<Vec<u8>>>>;

/// What a connection needs of the program.
pub struct Connection {
    /// Where its frames go.
    pub rounds: Arc<Rounds>,
    /// Where the pieces of its frames go.
    pub pieces: Arc<Pieces>,
}

impl Connection {
    /// Starts the two tasks of the connection; both end with it.
    pub fn start(self, stream: TcpStream) {
        let (read, write) = stream.into_split();
        let (done, durable) = unbounded_channel();
        let spare = Spare::default();
        tokio::spawn(answer(write, durable, spare.clone()));
        tokio::spawn(async move {
            // A peer that closes the connection is the usual end.
            let _ = self.receive(read, done, spare).await;
        });
    }

    async fn receive(&self, read: OwnedReadHalf, done: UnboundedSender<Vec<u8>>, spare: Spare) -> io::Result<()> {
        let mut read = BufReader::with_capacity(READ_BYTES, read);
        loop {
            let length = read.read_u32().await? as usize;
            if !(CORRELATION.end..=FRAME_BYTES_MAX).contains(&length) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut bytes = spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            bytes.resize(length, 0);
            read.read_exact(&mut bytes).await?;
            self.pieces.write(&bytes)?;
            self.rounds.push(Waiting { bytes, done: done.clone() });
        }
    }
}

async fn answer(mut write: OwnedWriteHalf, mut durable: UnboundedReceiver<Vec<u8>>, spare: Spare) -> io::Result<()> {
    let (mut frames, mut out) = (Vec::new(), Vec::new());
    while durable.recv_many(&mut frames, ANSWERS_MAX).await > 0 {
        out.clear();
        for frame in &frames {
            out.extend_from_slice(&((CORRELATION.len() + ANSWER.len()) as u32).to_be_bytes());
            out.extend_from_slice(&frame[CORRELATION]);
            out.extend_from_slice(&ANSWER);
        }
        spare.lock().unwrap_or_else(PoisonError::into_inner).append(&mut frames);
        write.write_all(&out).await?;
    }
    Ok(())
}
