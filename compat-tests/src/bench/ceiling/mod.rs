//! The machine's ceiling: a program that receives the benchmark's frames, makes their bytes durable and answers.
//!
//! What must always hold: a frame is answered after an `fdatasync` that covers its bytes, and not before; nothing else is
//! done with it: no checksum, no parsing beyond its length, no offsets, no index, nothing that could be read back. What a
//! broker needs more than this is its own doing; what it cannot beat is the machine.
//!
//! 1. A task per connection reads a frame; with files it writes the frame in equal pieces to the ends of as many of
//!    them, in turn, as a broker would write batches to partitions. These are never synced.
//! 2. One thread takes all frames that have come since it looked last, writes them behind each other into the log with
//!    one `pwritev`, and syncs the log: [`rounds`].
//! 3. A second task of the connection answers every frame with the same bytes but for the correlation id.

mod log;
mod pieces;
pub mod rounds;
mod serve;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use log::Log;
use pieces::Pieces;
use rounds::Rounds;
use serve::Connection;

/// As Kafka's `socket.receive.buffer.bytes` and `socket.send.buffer.bytes`, which Catena has too.
const SOCKET_BUFFER_BYTES: u32 = 102_400;
const BACKLOG: u32 = 128;

/// What the program does with a frame.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where its files are.
    pub folder: PathBuf,
    /// Space of the log, written once before the first frame, as a journal file that is used again; then it begins anew.
    pub log_bytes: u64,
    /// Files that get a piece of a frame each, in turn; with 0 the log is all that is written.
    pub files: usize,
    /// Pieces of a frame.
    pub pieces: usize,
}

/// Opens the files, listens on a free port of 127.0.0.1, tells `ready` which, and serves until the process ends.
///
/// # Errors
/// Of the file system or the socket.
pub async fn serve(plan: &Plan, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let rounds = Arc::new(Rounds::default());
    let log = Log::create(&plan.folder.join("log"), plan.log_bytes)?;
    let pieces = Arc::new(Pieces::create(&plan.folder, plan.files, plan.pieces)?);
    let writer = rounds.clone();
    std::thread::Builder::new().name("sync".into()).spawn(move || writer.run(log))?;
    let listener = listen()?;
    ready(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Connection { rounds: rounds.clone(), pieces: pieces.clone() }.start(stream);
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(BACKLOG)
}
