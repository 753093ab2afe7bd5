//! The metrics endpoint, scraped.

use std::io::{Read, Write};
use std::net::TcpStream;

use compat_tests::wire::FetchPlan;

use crate::support::{Running, batch, eventually, now_ms};

fn scrape(running: &Running) -> String {
    let mut stream = TcpStream::connect(running.server().metrics_address().unwrap()).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in {page}")).parse().unwrap()
}

/// The only sample of a family with a label.
fn only(page: &str, family: &str) -> f64 {
    let mut lines = page.lines().filter(|line| line.starts_with(&format!("{family}{{")));
    let (line, other) = (lines.next().unwrap_or_else(|| panic!("no {family} in {page}")), lines.next());
    assert_eq!(other, None);
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn what_clients_did_is_in_the_numbers() {
    let running = Running::start_with(&["catena.metrics.listener=127.0.0.1:0"]);
    let topic = running.topic("t", 3);
    let mut client = running.connect();
    let batch = batch(10, now_ms(), 100);
    client.produce(&topic, 0, &batch).unwrap();
    assert_eq!(client.try_produce(&topic, 7, &batch).unwrap().error_code, 3);
    client.fetch(&mut FetchPlan::new(&topic, &[0])).unwrap();

    let page = scrape(&running);
    for (sample, expected) in [
        ("catena_request_seconds_count{api=\"Produce\"}", 2.0),
        ("catena_request_seconds_count{api=\"Fetch\"}", 1.0),
        ("catena_request_seconds_bucket{api=\"Fetch\",le=\"+Inf\"}", 1.0),
        ("catena_errors_total{code=\"3\"}", 1.0),
        ("catena_produced_batches_total", 1.0),
        ("catena_produced_bytes_total", batch.len() as f64),
        ("catena_fetched_bytes_total", batch.len() as f64),
        ("catena_connections", 1.0),
        ("catena_topics", 1.0),
        ("catena_partitions", 3.0),
        ("catena_broker_epoch", f64::from(running.epoch())),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample}");
    }
    assert_eq!(only(&page, "catena_store_appended_bytes_total"), batch.len() as f64);
    assert_eq!(only(&page, "catena_store_failed"), 0.0);
    assert!(only(&page, "catena_store_commits_total") >= 1.0);
    assert!(value(&page, "catena_received_bytes_total") > 2.0 * batch.len() as f64);
}

#[test]
fn a_waiting_fetch_is_seen_and_goes_away() {
    let running = Running::start_with(&["catena.metrics.listener=127.0.0.1:0"]);
    let topic = running.topic("t", 1);
    let mut client = running.connect();
    client.send_fetch(&FetchPlan { max_wait_ms: 50_000, ..FetchPlan::new(&topic, &[0]) }).unwrap();
    let waiting = || value(&scrape(&running), "catena_fetches_waiting");
    eventually("a fetch waits", || waiting() == 1.0);
    drop(client);
    eventually("no fetch waits", || waiting() == 0.0);
}
