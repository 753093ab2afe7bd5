//! Settings of fetching.

use compat_tests::wire::FetchPlan;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};

use crate::scene::{Scene, Setting};
use crate::support::now_ms;

const SESSION_ID_NOT_FOUND: i16 = 70;

pub fn size(setting: Setting) {
    let mut scene = Scene::start(&[]);
    (0..3).for_each(|_| scene.put_at(now_ms(), 1_000));
    let plan = FetchPlan::new(&scene.topic, &[0]);
    let batches = |scene: &mut Scene| {
        let fetched = scene.client.fetch(&mut plan.clone()).unwrap();
        fetched.partitions[0].batches().len()
    };
    assert_eq!(batches(&mut scene), 3);
    scene.set(setting, "1024");
    assert_eq!(batches(&mut scene), 1);
}

/// A log of 3 MB in batches of 10 kB that was closed and opened since: all of it must be read from the disk, or the system's cache.
fn cold() -> Scene {
    let mut scene = Scene::start(&[]);
    (0..300).for_each(|_| scene.put_at(now_ms(), 10_000));
    scene.running.restart();
    scene.client = scene.running.connect();
    scene
}

pub fn cold_size(setting: Setting) {
    let mut scene = cold();
    let plan = FetchPlan::new(&scene.topic, &[0]);
    let bytes_at = |scene: &mut Scene, value: &str, offset: i64| {
        scene.set(setting, value);
        let mut plan = plan.clone();
        *plan.position(0).unwrap() = offset;
        let fetched = scene.client.fetch(&mut plan).unwrap();
        fetched.partitions[0].batches().iter().map(|batch| batch.bytes.len()).sum::<usize>()
    };
    let few = bytes_at(&mut scene, "50000", 0);
    assert!((40_000..=50_000).contains(&few), "{few}");
    let many = bytes_at(&mut scene, "500000", 100);
    assert!((450_000..=500_000).contains(&many), "{many}");
}

pub fn ahead(setting: Setting) {
    for (value, expected) in [("0", false), ("4194304", true)] {
        let mut scene = cold();
        scene.set(setting, value);
        // While somebody writes nothing is read ahead.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut plan = FetchPlan::new(&scene.topic, &[0]);
        scene.client.fetch(&mut plan).unwrap();
        let stats = scene.running.broker().storage.stats();
        assert_eq!(stats[0].reads.ahead_bytes > 0, expected, "{value}");
    }
}

/// A fetch of a session: error code and the session's id.
fn fetch(scene: &mut Scene, session: i32, epoch: i32) -> (i16, i32) {
    let partition = FetchPartition::default()
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic_id(scene.topic.id).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_bytes(1 << 20)
        .with_session_id(session)
        .with_session_epoch(epoch)
        .with_topics(if epoch == 0 { vec![topic] } else { Vec::new() });
    let response = scene.client.call(&request, 13).unwrap();
    (response.error_code, response.session_id)
}

pub fn sessions(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let (code, session) = fetch(&mut scene, 0, 0);
    assert!(code == 0 && session != 0);
    scene.set(setting, "0");
    assert_eq!(fetch(&mut scene, session, 1).0, SESSION_ID_NOT_FOUND);
    assert_eq!(fetch(&mut scene, 0, 0), (0, 0), "no session");
    scene.set(setting, "10");
    assert_ne!(fetch(&mut scene, 0, 0).1, 0);
}
