//! Connections that break the rules, use up their share, or are silent.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use compat_tests::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Topic};
use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};

use crate::support::{Running, SOON, batch, eventually, now_ms};

/// What a stop takes at most, on a busy machine too: whoever waits here waits for a minute, or without an end.
const STOP_MAX: Duration = Duration::from_secs(20);

fn is_closed(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(SOON)).unwrap();
    match stream.read(&mut [0; 1]) {
        Ok(received) => received == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn a_frame_that_is_too_large_closes_the_connection_at_once() {
    let running = Running::start_with(&["socket.request.max.bytes=1000"]);
    for length in [1001_i32, i32::MAX, -1, i32::MIN] {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        stream.write_all(&length.to_be_bytes()).unwrap();
        assert!(is_closed(stream), "{length}");
    }
    assert!(running.connect().api_versions().is_ok());
}

#[test]
fn an_unknown_api_and_an_unsupported_version_close_the_connection() {
    let running = Running::start();
    let header = |key: i16, version: i16| {
        let mut frame = vec![0, 0, 0, 10];
        frame.extend_from_slice(&key.to_be_bytes());
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
        frame
    };
    for (key, version) in [(999, 0), (-1, 0), (3, 99), (0, 2), (1, 3)] {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        stream.write_all(&header(key, version)).unwrap();
        assert!(is_closed(stream), "API {key} version {version}");
    }
}

#[test]
fn silence_and_half_a_frame_are_closed_after_the_idle_time() {
    let running = Running::start_with(&["connections.max.idle.ms=120"]);
    for bytes in [&[][..], &[0, 0], &[0, 0, 1, 0, 7, 7]] {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        stream.write_all(bytes).unwrap();
        assert!(is_closed(stream), "{bytes:?}");
    }
    assert_eq!(running.broker().metrics.connections_idle_closed.get(), 3);
}

#[test]
fn one_address_has_only_so_many_connections_and_leaving_makes_room() {
    let running = Running::start_with(&["max.connections.per.ip=2"]);
    let mut first = running.connect();
    let mut second = running.connect();
    assert!(first.api_versions().is_ok() && second.api_versions().is_ok());
    assert!(is_closed(TcpStream::connect(running.address()).unwrap()));
    drop(first);
    eventually("a place is free again", || running.connect().api_versions().is_ok());
}

#[test]
fn the_connection_too_many_waits_until_another_one_ends() {
    let running = Running::start_with(&["max.connections=1"]);
    let mut first = running.connect();
    first.api_versions().unwrap();
    let mut second = running.connect();
    second.send(&MetadataRequest::default(), 9).unwrap();
    second.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(second.receive_frame().is_err(), "answered although there is no place");
    drop(first);
    second.stream().set_read_timeout(Some(SOON)).unwrap();
    second.receive::<MetadataRequest>(9).unwrap();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let plan = FetchPlan { max_wait_ms: 100, ..FetchPlan::new(&topic, &[0]) };
    for _ in 0..20 {
        client.send(&ApiVersionsRequest::default(), 0).unwrap();
        client.send(&MetadataRequest::default(), 9).unwrap();
    }
    // A fetch that waits, and behind it requests that do not.
    client.send_fetch(&plan).unwrap();
    client.send(&MetadataRequest::default(), 9).unwrap();
    for _ in 0..20 {
        client.receive::<ApiVersionsRequest>(0).unwrap();
        client.receive::<MetadataRequest>(9).unwrap();
    }
    client.receive_fetch().unwrap();
    client.receive::<MetadataRequest>(9).unwrap();
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let running = Running::start();
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    let batch = batch(1, now_ms(), 900_000);
    client.produce(&topic, 0, &batch).unwrap();
    // Each answer is large; without reading them, requests soon find no way in.
    let taken = send_until_stuck(&mut client, &topic);
    let sent_before = running.broker().metrics.bytes_out.get();
    assert!(taken < 100_000, "the broker took {taken} requests whose answers nobody reads");
    assert!(sent_before < 64 << 20, "{sent_before} bytes went into the sockets' buffers");
    client.stream().set_write_timeout(Some(SOON)).unwrap();
    client.receive_fetch().unwrap();
}

/// Sends fetches until the socket takes no more; how many went.
fn send_until_stuck(client: &mut Connection, topic: &Topic) -> usize {
    client.stream().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let deadline = Instant::now() + SOON;
    let mut sent = 0;
    while client.send_fetch(&FetchPlan::new(topic, &[0])).is_ok() {
        sent += 1;
        assert!(Instant::now() < deadline, "{sent} requests were taken and still no end");
    }
    sent
}

#[test]
fn a_stop_does_not_wait_for_those_who_wait() {
    let mut running = Running::start();
    let topic = running.topic("t", 1);
    let mut polling = running.connect();
    polling.send_fetch(&FetchPlan { max_wait_ms: 60_000, ..FetchPlan::new(&topic, &[0]) }).unwrap();
    let _silent = running.connect();
    let mut half = TcpStream::connect(running.address()).unwrap();
    half.write_all(&[0, 0, 1]).unwrap();
    let metrics = running.broker().metrics.clone();
    eventually("all are there", || metrics.fetches_waiting.get() == 1 && metrics.connections_open.get() == 3);
    let took = running.stop();
    assert!(took < STOP_MAX, "the stop took {took:?}");
    polling.receive_fetch().expect("the fetch is answered before the connection ends");
}

/// Produces until the connection ends; how many batches were acknowledged.
fn produce_until_the_end(mut client: Connection, topic: &Topic, partition: i32) -> i64 {
    let batch = batch(1, now_ms(), 10_000);
    let mut frame = ProduceFrame::build(topic, ProduceHeader::default(), &[(partition, &batch)]);
    let mut acknowledged = 0;
    for _ in 0..4 {
        frame.send(&mut client).unwrap();
    }
    while let Ok(answers) = client.receive_produce() {
        assert_eq!(answers[0].error_code, 0);
        acknowledged += 1;
        if frame.send(&mut client).is_err() {
            break;
        }
    }
    acknowledged
}

#[test]
fn a_stop_under_load_ends_soon_and_loses_nothing_that_was_acknowledged() {
    let mut running = Running::start();
    let topic = running.topic("t", 4);
    let clients: Vec<_> = topic.all().into_iter().map(|partition| (partition, running.connect())).collect();
    let acknowledged: Vec<i64> = std::thread::scope(|scope| {
        let topic = &topic;
        let produce = |(partition, client)| scope.spawn(move || produce_until_the_end(client, topic, partition));
        let producers: Vec<_> = clients.into_iter().map(produce).collect();
        let metrics = running.broker().metrics.clone();
        eventually("the load is on", || metrics.produced_batches.get() > 200);
        let took = running.stop();
        assert!(took < STOP_MAX, "the stop took {took:?}");
        producers.into_iter().map(|producer| producer.join().unwrap()).collect()
    });
    running.start_again();
    let kept = running.connect().end_offsets(&topic, &topic.all()).unwrap();
    for (partition, (kept, acknowledged)) in kept.iter().zip(&acknowledged).enumerate() {
        assert!(kept >= acknowledged, "partition {partition}: {acknowledged} acknowledged, {kept} kept");
    }
}
