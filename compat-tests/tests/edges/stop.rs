//! SIGTERM in the midst of work.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::wire::{Connection, FetchPlan, Group, ProduceFrame, ProduceHeader, Result, Topic};
use compat_tests::{Broker, Catena};

use crate::one;

const PRODUCERS: u32 = 4;
const IN_FLIGHT: u32 = 5;
const STOP_MAX: Duration = Duration::from_secs(1);
const WORK: Duration = Duration::from_millis(300);

#[test]
fn sigterm_under_load_ends_within_a_second_and_keeps_what_was_acknowledged() {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let topic = connection.create_topic("stop", PRODUCERS as i32, &[]).unwrap();
    let idle = idle_clients(&broker, &topic);
    let address = SocketAddr::from(([127, 0, 0, 1], broker.port()));

    let (took, acknowledged) = std::thread::scope(|scope| {
        let topic = &topic;
        let producers = (0..PRODUCERS).map(|index| scope.spawn(move || produce_until_cut_off(address, topic, index)));
        let producers: Vec<_> = producers.collect();
        std::thread::sleep(WORK);
        let begin = Instant::now();
        let status = broker.terminate();
        let took = begin.elapsed();
        assert_eq!(status.code(), Some(0));
        let acknowledged: Vec<u32> = producers.into_iter().map(|producer| producer.join().unwrap()).collect();
        (took, acknowledged)
    });
    drop(idle);
    println!("SIGTERM under load: {took:?}, {acknowledged:?} batches acknowledged");
    assert!(took <= STOP_MAX, "{took:?}");
    assert!(acknowledged.iter().all(|count| *count > 0));

    broker.restart();
    let mut connection = Connection::to(&broker).unwrap();
    for (partition, acknowledged) in (0i32..).zip(acknowledged) {
        let batches = connection.read_partition(&topic, partition, 0).unwrap();
        let values = batches.iter().flat_map(|batch| batch.records().unwrap()).map(|record| record.value.unwrap());
        let numbers: Vec<u32> = values.map(|value| u32::from_be_bytes(value[..].try_into().unwrap())).collect();
        assert!(numbers.len() as u32 >= acknowledged, "{acknowledged} acknowledged, {} there", numbers.len());
        assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "partition {partition}: {numbers:?}");
    }
}

/// A long poll that nothing ends, and a member of a group.
fn idle_clients(broker: &Catena, topic: &Topic) -> [Connection; 2] {
    let mut polling = Connection::to(broker).unwrap();
    let empty = polling.create_topic("empty", 1, &[]).unwrap();
    polling.send_fetch(&FetchPlan { max_wait_ms: 60_000, ..FetchPlan::new(&empty, &[0]) }).unwrap();
    let mut member = Connection::to(broker).unwrap();
    let group = Group::new("stop-group");
    let me = group.join(&mut member, "", Duration::from_secs(20)).unwrap();
    group.sync(&mut member, &me, &[(&me.member_id, b"")]).unwrap();
    assert_eq!(group.commit(&mut member, &me, topic, &[(0, 0)]).unwrap(), 0);
    [polling, member]
}

/// Sends numbered batches to partition `index`; gives how many were acknowledged.
fn produce_until_cut_off(address: SocketAddr, topic: &Topic, index: u32) -> u32 {
    let mut acknowledged = 0;
    let _ = produce(address, topic, index, &mut acknowledged);
    acknowledged
}

fn produce(address: SocketAddr, topic: &Topic, index: u32, acknowledged: &mut u32) -> Result<()> {
    let mut connection = Connection::connect(address)?;
    for number in 0.. {
        let batch = one(&u32::to_be_bytes(number));
        ProduceFrame::build(topic, ProduceHeader::default(), &[(index as i32, &batch)]).send(&mut connection)?;
        if number >= IN_FLIGHT {
            let answer = connection.receive_produce()?[0];
            assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(*acknowledged)));
            *acknowledged += 1;
        }
    }
    Ok(())
}
