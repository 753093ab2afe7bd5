//! Settings of compaction.

use std::time::Duration;

use compat_tests::wire::batch::BatchBuilder;

use crate::scene::{DAY_MS, Scene, Setting};
use crate::support::{eventually, now_ms};

/// `log.segment.bytes` is at least so much.
const SEGMENT_BYTES: usize = 1 << 20;
const COMPACT: &str = "log.cleanup.policy=compact";
const OFTEN: &str = "log.cleaner.backoff.ms=1";
const ALWAYS: &str = "log.cleaner.min.cleanable.ratio=0";
const SMALL: &str = "log.segment.bytes=1048576";
/// A cleaner that can has done something by then.
const A_WHILE: Duration = Duration::from_millis(150);

/// Writes the same key so often that there are some segments.
fn fill(scene: &mut Scene) {
    for _ in 0..4 {
        let mut builder = BatchBuilder::new(now_ms() - DAY_MS / 24);
        builder.push(Some(b"k"), Some(&vec![7; SEGMENT_BYTES * 6 / 10]));
        scene.put(&builder.build());
    }
}

fn dirty(overrides: &[&str]) -> Scene {
    let mut scene = Scene::start(&[&[SMALL], overrides].concat());
    fill(&mut scene);
    scene
}

fn none_until(scene: &Scene, change: impl FnOnce()) {
    std::thread::sleep(A_WHILE);
    assert_eq!(scene.passes(), 0);
    change();
    eventually("the log is compacted", || scene.passes() > 0);
}

pub fn policy(setting: Setting) {
    let scene = dirty(&[OFTEN, ALWAYS]);
    none_until(&scene, || scene.set(setting, "compact"));
}

pub fn ratio(setting: Setting) {
    let scene = dirty(&[COMPACT, OFTEN, "log.cleaner.min.cleanable.ratio=1"]);
    none_until(&scene, || scene.set(setting, "0.1"));
}

pub fn min_lag(setting: Setting) {
    let scene = dirty(&[COMPACT, OFTEN, ALWAYS, "log.cleaner.min.compaction.lag.ms=86400000"]);
    none_until(&scene, || scene.set(setting, "0"));
}

pub fn max_lag(setting: Setting) {
    let scene = dirty(&[COMPACT, OFTEN, "log.cleaner.min.cleanable.ratio=1"]);
    none_until(&scene, || scene.set(setting, "1000"));
}

pub fn backoff(setting: Setting) {
    let mut scene = Scene::start(&[SMALL, COMPACT, ALWAYS, "log.cleaner.backoff.ms=3600000"]);
    let asleep = |scene: &Scene| scene.running.broker().storage.cleaner_stats().since_last_run.is_some();
    eventually("the cleaner sleeps", || asleep(&scene));
    fill(&mut scene);
    none_until(&scene, || scene.set(setting, "1"));
}

pub fn rate(setting: Setting) {
    let scene = dirty(&[COMPACT, OFTEN, ALWAYS, "log.cleaner.io.max.bytes.per.second=1"]);
    none_until(&scene, || scene.set(setting, "1000000000"));
}

/// Whether a tombstone of `key` is there after the log was compacted some times.
fn stays(scene: &mut Scene, key: &str) -> bool {
    let mut tombstone = BatchBuilder::new(now_ms());
    tombstone.push(Some(key.as_bytes()), None);
    scene.put(&tombstone.build());
    let target = scene.passes() + 5;
    eventually("the log is compacted again", || {
        fill(scene);
        scene.passes() >= target
    });
    let batches = scene.client.read_partition(&scene.topic, 0, 0).unwrap();
    let mut records = batches.iter().flat_map(|batch| batch.records().unwrap());
    records.any(|record| record.key.is_some_and(|found| found == key))
}

pub fn tombstones(setting: Setting) {
    let mut scene = Scene::start(&[SMALL, COMPACT, OFTEN, ALWAYS]);
    assert!(stays(&mut scene, "first"), "for a day");
    scene.set(setting, "0");
    assert!(!stays(&mut scene, "second"));
}
