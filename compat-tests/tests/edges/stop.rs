//! SIGTERM in the midst of work.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::wire::{Connection, FetchPlan, Group, ProduceFrame, ProduceHeader, Result, Topic};
use compat_tests::{Broker, Catena};

use crate::{SOON, one};

const PRODUCERS: u32 = 4;
const IN_FLIGHT: u32 = 5;
const STOP_MAX: Duration = Duration::from_secs(1);
/// A machine may be busy with something else for a moment; it is not each time, unless the broker waits for something.
const ATTEMPTS: usize = 3;
/// Batches that each producer has acknowledged before the broker is told to stop.
const WORK: u32 = 20;

#[test]
fn sigterm_under_load_ends_within_a_second_and_keeps_what_was_acknowledged() {
    let mut times = (0..ATTEMPTS).map(|_| stop_under_load());
    assert!(times.any(|took| took <= STOP_MAX), "not once within {STOP_MAX:?}");
}

/// How long it takes. What was acknowledged is there in any case.
fn stop_under_load() -> Duration {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("stop", PRODUCERS as i32, &[]).unwrap();
    let idle = idle_clients(&broker, &topic);
    let address = SocketAddr::from(([127, 0, 0, 1], broker.port()));

    let acknowledged: [AtomicU32; PRODUCERS as usize] = Default::default();
    let took = std::thread::scope(|scope| {
        for (index, acknowledged) in (0..).zip(&acknowledged) {
            let topic = &topic;
            scope.spawn(move || produce(address, topic, index, acknowledged));
        }
        await_work(&acknowledged);
        let begin = Instant::now();
        assert_eq!(broker.terminate().code(), Some(0));
        begin.elapsed()
    });
    drop(idle);
    let acknowledged = acknowledged.map(AtomicU32::into_inner);
    println!("SIGTERM under load: {took:?}, {acknowledged:?} batches acknowledged");

    broker.restart();
    let mut connection = Connection::to(&broker).unwrap();
    for (partition, acknowledged) in (0i32..).zip(acknowledged) {
        let batches = connection.read_partition(&topic, partition, 0).unwrap();
        let values = batches.iter().flat_map(|batch| batch.records().unwrap()).map(|record| record.value.unwrap());
        let numbers: Vec<u32> = values.map(|value| u32::from_be_bytes(value[..].try_into().unwrap())).collect();
        assert!(numbers.len() as u32 >= acknowledged, "{acknowledged} acknowledged, {} there", numbers.len());
        assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "partition {partition}: {numbers:?}");
    }
    took
}

/// Waits until the load is on.
fn await_work(acknowledged: &[AtomicU32]) {
    let deadline = Instant::now() + SOON;
    while acknowledged.iter().any(|count| count.load(Ordering::Relaxed) < WORK) {
        assert!(Instant::now() < deadline, "{acknowledged:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A long poll that nothing ends, and a member of a group.
fn idle_clients(broker: &Catena, topic: &Topic) -> [Connection; 2] {
    let mut polling = Connection::to(broker).unwrap();
    let empty = polling.create_topic("empty", 1, &[]).unwrap();
    polling.send_fetch(&FetchPlan { max_wait_ms: 60_000, ..FetchPlan::new(&empty, &[0]) }).unwrap();
    let mut member = Connection::to(broker).unwrap();
    let group = Group::new("stop-group");
    let me = group.join(&mut member, "", SOON).unwrap();
    group.sync(&mut member, &me, &[(&me.member_id, b"")]).unwrap();
    assert_eq!(group.commit(&mut member, &me, topic, &[(0, 0)]).unwrap(), 0);
    [polling, member]
}

/// Sends numbered batches to partition `index` until it is cut off, and counts those that were acknowledged.
fn produce(address: SocketAddr, topic: &Topic, index: i32, acknowledged: &AtomicU32) -> Result<()> {
    let mut connection = Connection::connect(address)?;
    for number in 0.. {
        let batch = one(&u32::to_be_bytes(number));
        ProduceFrame::build(topic, ProduceHeader::default(), &[(index, &batch)]).send(&mut connection)?;
        if number >= IN_FLIGHT {
            let answer = connection.receive_produce()?[0];
            let before = acknowledged.fetch_add(1, Ordering::Relaxed);
            assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(before)));
        }
    }
    Ok(())
}
