//! Produce load: some connections, each an idempotent producer with five requests in flight, as the Java client has.
//!
//! What must always hold: every batch is acknowledged without error at the next offset its producer expects, or the
//! measurement fails; a figure counts batch bytes that were acknowledged between first send and last reply.

use std::time::{Duration, Instant};

use super::system::Running;
use super::usage;
use crate::wire::batch::{BatchBuilder, Producer};
use crate::wire::{Connection, ProduceFrame, ProduceHeader, Result, Topic, invalid, kafka_error};

/// `max.in.flight.requests.per.connection`.
const WINDOW: usize = 5;

/// The shape of a load.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes of a record's value.
    pub value_bytes: usize,
    /// Fill a batch up to so many bytes (`batch.size`), but with one record at least.
    pub batch_bytes: usize,
    /// Batches (each of another partition) in a request.
    pub batches_per_request: usize,
    /// Connections, each with its own producer id.
    pub connections: usize,
}

/// What a load did.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Record-batch bytes.
    pub bytes: u64,
    /// Requests.
    pub requests: u64,
    /// From start to end, on the wall.
    pub wall: Duration,
    /// CPU time of the broker.
    pub broker_cpu: Duration,
    /// CPU time of the load generator.
    pub client_cpu: Duration,
}

impl Outcome {
    /// Batch bytes per second in MiB.
    pub fn mib_per_second(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20) / self.wall.as_secs_f64()
    }

    /// CPU-seconds of the broker per GiB.
    pub fn cpu_per_gib(&self) -> f64 {
        self.broker_cpu.as_secs_f64() / self.gib()
    }

    /// CPU-seconds of the load generator per GiB.
    pub fn client_cpu_per_gib(&self) -> f64 {
        self.client_cpu.as_secs_f64() / self.gib()
    }

    /// Requests per CPU-second of the broker.
    pub fn requests_per_cpu_second(&self) -> f64 {
        self.requests as f64 / self.broker_cpu.as_secs_f64()
    }

    fn gib(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 30)
    }
}

/// Runs `work` in threads, one for each of `connections`, and accounts for it; `work` gives bytes and requests.
pub fn account(
    broker: &mut Running,
    connections: usize,
    work: impl Fn(usize, &mut Connection) -> Result<(u64, u64)> + Sync,
) -> Result<Outcome> {
    let pid = broker.pid();
    let opened: Vec<Connection> = (0..connections).map(|_| broker.connect()).collect::<Result<_>>()?;
    let (begin, broker_before, client_before) = (Instant::now(), usage::cpu(pid), usage::cpu(std::process::id()));
    let work = &work;
    let sums = std::thread::scope(|scope| {
        let threads = opened.into_iter().enumerate();
        let threads = threads.map(|(index, mut connection)| scope.spawn(move || work(index, &mut connection)));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(invalid("a panic"))));
        joined.collect::<Result<Vec<_>>>()
    })?;
    Ok(Outcome {
        bytes: sums.iter().map(|(bytes, _)| bytes).sum(),
        requests: sums.iter().map(|(_, requests)| requests).sum(),
        wall: begin.elapsed(),
        broker_cpu: usage::cpu(pid) - broker_before,
        client_cpu: usage::cpu(std::process::id()) - client_before,
    })
}

/// Produces about `total_bytes` to `topic` with acks=all.
///
/// # Errors
/// Of a socket, or the first error code of a batch.
pub fn run(broker: &mut Running, topic: &Topic, shape: Shape, total_bytes: u64) -> Result<Outcome> {
    let share = total_bytes / shape.connections as u64;
    account(broker, shape.connections, |index, connection| {
        let mut sender = Sender::new(connection, topic, shape, index)?;
        sender.send_until(connection, share)
    })
}

/// A batch of `shape`, without a producer.
pub fn batch(shape: Shape) -> (Vec<u8>, i32) {
    let value: Vec<u8> = (0..shape.value_bytes).map(|i| (i * 31 % 251) as u8).collect();
    let mut builder = BatchBuilder::new(now_ms());
    let mut count = 0;
    let mut per_record = 0;
    while count == 0 || builder.size() + per_record <= shape.batch_bytes {
        let before = builder.size();
        builder.push(None, Some(&value));
        per_record = builder.size() - before;
        count += 1;
    }
    (builder.build(), count)
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// One producer: its frames and the sequence each partition stands at.
struct Sender {
    producer: Producer,
    frames: Vec<ProduceFrame>,
    next: usize,
    sequences: Vec<i32>,
    records_per_batch: i32,
}

impl Sender {
    /// Prepares one frame for each group of partitions; producers begin at different groups.
    fn new(connection: &mut Connection, topic: &Topic, shape: Shape, index: usize) -> Result<Self> {
        let (batch, records_per_batch) = batch(shape);
        let groups = topic.all();
        let frames = groups.chunks(shape.batches_per_request).map(|partitions| {
            let batches: Vec<(i32, &[u8])> = partitions.iter().map(|partition| (*partition, &batch[..])).collect();
            ProduceFrame::build(topic, ProduceHeader::default(), &batches)
        });
        let frames: Vec<_> = frames.collect();
        let producer = connection.init_producer()?;
        let sequences = vec![0; frames.len()];
        Ok(Self { producer, next: index % frames.len(), frames, sequences, records_per_batch })
    }

    /// Keeps the window full until `total_bytes` are sent, then waits for the last replies.
    fn send_until(&mut self, connection: &mut Connection, total_bytes: u64) -> Result<(u64, u64)> {
        let (mut sent_bytes, mut requests, mut in_flight) = (0, 0, 0);
        while sent_bytes < total_bytes || in_flight > 0 {
            if sent_bytes < total_bytes && in_flight < WINDOW {
                sent_bytes += self.send(connection)?;
                requests += 1;
                in_flight += 1;
            } else {
                receive(connection)?;
                in_flight -= 1;
            }
        }
        Ok((sent_bytes, requests))
    }

    fn send(&mut self, connection: &mut Connection) -> Result<u64> {
        let place = self.next;
        self.next = (place + 1) % self.frames.len();
        let (frame, sequence) = (&mut self.frames[place], &mut self.sequences[place]);
        frame.stamp_all(self.producer, *sequence);
        *sequence = (i64::from(*sequence) + i64::from(self.records_per_batch)).rem_euclid(1 << 31) as i32;
        frame.send(connection)?;
        Ok(frame.batch_bytes() as u64)
    }
}

fn receive(connection: &mut Connection) -> Result<()> {
    connection.receive_produce()?.iter().try_for_each(|answer| kafka_error("Produce", answer.error_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_filled_up_to_its_size_but_never_empty() {
        let shape = Shape { value_bytes: 1024, batch_bytes: 16 << 10, batches_per_request: 1, connections: 1 };
        let (bytes, count) = batch(shape);
        assert_eq!(count, 15);
        assert!(bytes.len() <= 16 << 10);
        assert_eq!(batch(Shape { batch_bytes: 0, ..shape }).1, 1);
    }
}
