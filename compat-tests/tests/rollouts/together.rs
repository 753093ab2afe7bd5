//! Several rollouts at once: every request is served by the settings of one arm, its client's, and no verdict moves because of
//! the others.

use compat_tests::played;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use compat_tests::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Topic, batch::BatchBuilder, now_ms};
use compat_tests::{Broker, python};
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::load::{Load, no_errors, producer};
use crate::place::{Arm, of_client};
use crate::stage::{Stage, for_hours, measured_by, rollout};
use crate::{PATIENCE, await_some, story};

/// Rollouts at once.
const ROLLOUTS: usize = 10;
/// Clients that ask; more with `CATENA_ROLLOUT_CLIENTS`.
const CLIENTS: usize = 4_000;
const CONNECTIONS: usize = 4;
/// Starts after which the first request is looked at.
const STARTS: usize = 8;
const PARTITIONS: i32 = 60;
/// One record of so many bytes in a batch: the bytes of an answer are a multiple of the batch's.
const RECORD_BYTES: usize = 2_000;
const BATCHES: usize = 40;

/// What tells by which settings a client was served: batches in a full answer, and partitions in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Served {
    batches: usize,
    partitions: usize,
}

/// What clients in no arm get: all there is.
const CONTROL: Served = Served { batches: BATCHES, partitions: PARTITIONS as usize };

/// One of the rollouts that run at once: the even ones limit fetches, the odd ones lists.
struct Tried {
    name: String,
    arm: Arm,
    served: Served,
}

/// A request that was served, as the test records it.
struct Request {
    client: String,
    served: Served,
}

#[test]
fn every_request_is_served_by_one_of_ten_rollouts_or_by_none_as_its_client_id_says() {
    played(|| {
        let mut stage = Stage::start(&[]);
        let topic = fill(&stage);
        let tried: Vec<Tried> = (0..ROLLOUTS).map(|index| begin(&stage, index)).collect();
        check_all(&ask_all(&stage, &topic, 0), &tried);
        crash(&mut stage, &topic);
        tried.iter().for_each(|tried| assert_eq!(stage.arm(&tried.name), Some(tried.arm)));
        check_all(&ask_all(&stage, &topic, CLIENTS), &tried);
        check_first_requests(&mut stage, &topic, &tried);
        check_while_they_change(&stage, &topic, tried);
        story::check(&stage);
    });
}

fn fill(stage: &Stage) -> Topic {
    let mut client = stage.connect();
    let topic = client.create_topic("wide", PARTITIONS, &[]).unwrap();
    let batch = BatchBuilder::new(now_ms()).push(None, Some(&[7; RECORD_BYTES])).build();
    let mut frame = ProduceFrame::build(&topic, ProduceHeader::default(), &[(0, &batch)]);
    (0..BATCHES).for_each(|_| frame.send(&mut client).unwrap());
    (0..BATCHES).for_each(|_| assert_eq!(client.receive_produce().unwrap()[0].error_code, 0));
    topic
}

/// Begins a rollout whose value no other has, for 2 to 5 % of the clients.
fn begin(stage: &Stage, index: usize) -> Tried {
    let share = 2.0 + (index % 4) as f64;
    let (setting, value, served) = match index % 2 {
        0 => {
            let batches = 3 + 3 * index;
            // Room for so many batches and half of one more.
            let bytes = batches * (RECORD_BYTES + 70) + RECORD_BYTES / 2;
            ("fetch.max.bytes", bytes, Served { batches, ..CONTROL })
        }
        _ => ("max.request.partition.size.limit", 4 * index, Served { partitions: 4 * index, ..CONTROL }),
    };
    let name = format!("tried-{index}");
    stage.write(&name, &for_hours(rollout(setting, value, share)));
    Tried { arm: stage.begun(&name), name, served }
}

/// Has many clients fetch and list, each once.
fn ask_all(stage: &Stage, topic: &Topic, from: usize) -> Vec<Request> {
    ask_all_counted(stage, topic, from, &AtomicUsize::new(0))
}

/// The same; `asked` tells how many have.
fn ask_all_counted(stage: &Stage, topic: &Topic, from: usize, asked: &AtomicUsize) -> Vec<Request> {
    let clients = std::env::var("CATENA_ROLLOUT_CLIENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(CLIENTS);
    let numbers: Vec<usize> = (from..from + clients).collect();
    std::thread::scope(|scope| {
        let ask = |numbers: &'_ [usize]| {
            let mut connection = stage.connect();
            let ask = |number: &usize| {
                asked.fetch_add(1, Ordering::Relaxed);
                ask(&mut connection, topic, &format!("client-{number}"))
            };
            numbers.iter().map(ask).collect::<Vec<_>>()
        };
        let parts = numbers.chunks(clients.div_ceil(CONNECTIONS));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || ask(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn ask(connection: &mut Connection, topic: &Topic, client: &str) -> Request {
    connection.call_myself(client);
    let plan = &mut FetchPlan::new(topic, &[0]);
    let batches = connection.fetch(plan).unwrap().partitions.iter().map(|found| found.batches().len()).sum();
    let name = TopicRequest::default().with_name(TopicName(StrBytes::from_string(topic.name.clone())));
    let list = DescribeTopicPartitionsRequest::default().with_topics(vec![name]).with_response_partition_limit(2_000);
    let partitions = connection.call(&list, 0).unwrap().topics[0].partitions.len();
    Request { client: client.to_owned(), served: Served { batches, partitions } }
}

/// Every client was served by its own arm's settings; every arm served about its share.
fn check_all(requests: &[Request], tried: &[Tried]) {
    let mut counts: BTreeMap<Served, usize> = BTreeMap::new();
    for request in requests {
        assert_eq!(request.served, expected(&request.client, tried), "{}", request.client);
        *counts.entry(request.served).or_default() += 1;
    }
    println!("{counts:?}");
    for Tried { name, arm, served } in tried {
        let share = f64::from(arm.to - arm.from) / 1e6;
        let (found, wanted) = (counts.get(served).copied().unwrap_or(0) as f64, share * requests.len() as f64);
        // Six standard deviations of the binomial distribution.
        assert!((found - wanted).abs() < 6.0 * wanted.sqrt() + 1.0, "{name}: {found} clients of {wanted}");
    }
}

/// What the documentation says about a client: its place is in one arm, or in none.
fn expected(client: &str, tried: &[Tried]) -> Served {
    let place = of_client(client);
    let arms: Vec<&Tried> = tried.iter().filter(|tried| tried.arm.contains(place)).collect();
    assert!(arms.len() <= 1, "{client} is in two arms");
    arms.first().map_or(CONTROL, |tried| tried.served)
}

/// Whoever connects as soon as a broker listens is in its arm already.
fn check_first_requests(stage: &mut Stage, topic: &Topic, tried: &[Tried]) {
    let client = (0..).map(|number| format!("early-{number}")).find(|client| tried[0].arm.has_client(client)).unwrap();
    for _ in 0..STARTS {
        let address = SocketAddr::from(([127, 0, 0, 1], stage.broker.port()));
        stage.broker.begin_restart();
        let mut connection = Connection::connect_until(address, Instant::now() + PATIENCE).unwrap();
        assert_eq!(ask(&mut connection, topic, &client).served, tried[0].served);
    }
    crash(stage, topic);
}

/// After a start, a fetch gives what was read and checked so far, and that may be what a client with a small limit had read. So
/// somebody reads everything first: answers tell the limits, and nothing else.
fn crash(stage: &mut Stage, topic: &Topic) {
    stage.crash();
    let read = stage.connect().read_partition(topic, 0, 0).unwrap();
    assert_eq!(read.len(), BATCHES);
}

/// Rollouts end and begin while clients ask: each is served as before or as afterwards, and by nothing in between.
fn check_while_they_change(stage: &Stage, topic: &Topic, mut tried: Vec<Tried>) {
    for index in [0, 1] {
        let (ended, asked) = (tried.remove(0), AtomicUsize::new(0));
        let requests = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask_all_counted(stage, topic, 2 * CLIENTS, &asked));
            await_some("some have asked", || (asked.load(Ordering::Relaxed) > CLIENTS / 3).then_some(()));
            assert_eq!(stage.try_write(&ended.name, None).0, 0);
            tried.push(begin(stage, ROLLOUTS + index));
            asking.join().unwrap()
        });
        let mut sides = [0; 2];
        for Request { client, served } in &requests {
            let place = of_client(client);
            let (after, was_in) = (expected(client, &tried), ended.arm.contains(place));
            let is_new = tried.last().is_some_and(|new| new.arm.contains(place));
            let mut allowed = vec![after];
            allowed.extend(was_in.then_some(ended.served));
            allowed.extend((was_in || is_new).then_some(CONTROL));
            assert!(allowed.contains(served), "{client}: {served:?}, not {allowed:?}");
            sides[usize::from(*served == after)] += usize::from(was_in || is_new);
        }
        println!("clients of what ended and began: {} as before, {} as afterwards", sides[0], sides[1]);
        check_all(&ask_all(stage, topic, 0), &tried);
    }
}

/// A rollout of partitions that keeps large records out, and one beside it that nobody can notice.
#[test]
fn a_harmful_value_is_rejected_and_a_neutral_one_beside_it_approved_as_when_alone() {
    played(|| {
        if !python::available() {
            return;
        }
        const ORDERS: i32 = 16;
        let stage = Stage::start(&[]);
        stage.connect().create_topic("orders", ORDERS, &[]).unwrap();
        let load = Load::producers(&stage.broker, "orders", ORDERS, 3_000, 20);
        load.goes_on(0.0, ORDERS as usize);
        let errors = json!([{"metric": "errors", "margin": 5}]);
        stage.write("neutral", &measured_by(rollout("log.segment.bytes", 500_000_000, 20.0), &errors));
        stage.write("harmful", &measured_by(rollout("message.max.bytes", 2_000, 20.0), &errors));
        let (neutral, harmful) = (stage.begun("neutral"), stage.begun("harmful"));
        let rejected = stage.decided("harmful");
        assert_eq!(rejected["verdict"], "rejected", "{rejected:#}");
        assert!(stage.verdicts("neutral").is_empty(), "it is still measured");
        let approved = stage.decided("neutral");
        assert_eq!(approved["verdict"], "approved", "{approved:#}");
        await_some("both are forgotten", || {
            [stage.standing("neutral"), stage.standing("harmful")].iter().all(Option::is_none).then_some(())
        });
        let seen = load.finish();
        let failed =
            |partition: i32| seen.iter().any(|seen| seen.client == producer(partition) && seen.error.is_some());
        let in_arm = |arm: Arm| (0..ORDERS).filter(|index| arm.has_partition("orders", *index)).collect::<Vec<_>>();
        assert_eq!((0..ORDERS).filter(|index| failed(*index)).collect::<Vec<_>>(), in_arm(harmful));
        assert!(!in_arm(neutral).is_empty() && !neutral.overlaps(harmful));
        no_errors(
            &seen.into_iter().filter(|seen| neutral.has_partition("orders", number(&seen.client))).collect::<Vec<_>>(),
        );
        assert_eq!(stage.described("log.segment.bytes"), "500000000");
        assert_eq!(stage.described("message.max.bytes"), "1048588");
        told_of_both_arms(&approved);
        story::check(&stage);
    });
}

fn number(client: &str) -> i32 {
    client.rsplit('-').next().and_then(|number| number.parse().ok()).expect("producer-N")
}

/// A verdict holds the figures of both arms.
fn told_of_both_arms(verdict: &Value) {
    let errors = &verdict["figures"]["metrics"][0];
    assert_eq!(
        (&errors["metric"], &errors["control"], &errors["canary"]),
        (&json!("errors"), &json!(0.0), &json!(0.0))
    );
    assert!(
        errors["control_samples"].as_u64() > Some(200) && errors["canary_samples"].as_u64() > Some(200),
        "{verdict:#}"
    );
}
