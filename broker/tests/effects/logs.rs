//! Settings of a log that is written.

use std::time::{Duration, Instant};

use compat_tests::wire::batch::{BatchBuilder, NO_PRODUCER};
use compat_tests::wire::codec::compress;

use crate::scene::{DAY_MS, Scene, Setting, files};
use crate::support::{batch, eventually, now_ms};

const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_TIMESTAMP: i16 = 32;
const INVALID_RECORD: i16 = 87;
const GZIP: usize = 1;
/// `log.segment.bytes` is at least so much.
const SEGMENT_BYTES_MIN: usize = 1 << 20;

pub fn large_batches(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let large = batch(1, now_ms(), 5_000);
    scene.put(&large);
    scene.set(setting, "1000");
    assert_eq!(scene.code(&large), MESSAGE_TOO_LARGE);
    scene.set(setting, "10000");
    scene.put(&large);
}

pub fn large_records(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let mut plain = BatchBuilder::new(now_ms());
    plain.push(None, Some(&[0; 5_000]));
    let payload = compress(GZIP, plain.payload()).unwrap();
    let small_outside = plain.build_as(GZIP as i16, &payload, NO_PRODUCER, -1);
    scene.put(&small_outside);
    scene.set(setting, "1000");
    assert!([MESSAGE_TOO_LARGE, INVALID_RECORD].contains(&scene.code(&small_outside)));
}

/// The time in the header of the last batch.
fn last_time(scene: &mut Scene) -> i64 {
    let batches = scene.client.read_partition(&scene.topic, 0, 0).unwrap();
    i64::from_be_bytes(batches.last().unwrap().bytes[35..43].try_into().unwrap())
}

pub fn time(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let then = now_ms() - DAY_MS;
    scene.put_at(then, 10);
    assert_eq!(last_time(&mut scene), then);
    scene.set(setting, "LogAppendTime");
    scene.put_at(then, 10);
    assert!(last_time(&mut scene) > then + DAY_MS / 2);
}

pub fn old_records(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let old = batch(1, now_ms() - 2 * DAY_MS, 10);
    scene.put(&old);
    scene.set(setting, &DAY_MS.to_string());
    assert_eq!(scene.code(&old), INVALID_TIMESTAMP);
}

pub fn future_records(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let future = batch(1, now_ms() + 2 * DAY_MS, 10);
    assert_eq!(scene.code(&future), INVALID_TIMESTAMP);
    scene.set(setting, &(3 * DAY_MS).to_string());
    scene.put(&future);
}

pub fn compression(setting: Setting) {
    let mut scene = Scene::start(&[]);
    for (value, codec) in [("zstd", 4), ("gzip", GZIP), ("uncompressed", 0)] {
        scene.set(setting, value);
        scene.put_at(now_ms(), 1_000);
        let batches = scene.client.read_partition(&scene.topic, 0, 0).unwrap();
        assert_eq!(batches.last().unwrap().codec(), codec, "{value}");
    }
}

/// How long a batch of text is in the log with these values of a setting.
fn stored_lengths(setting: Setting, codec: &str, values: [&str; 2]) -> [usize; 2] {
    let mut scene = Scene::start(&[&format!("compression.type={codec}")]);
    let text: Vec<u8> = (0..20_000_u64).flat_map(|at| (at * at % 1_009).to_string().into_bytes()).collect();
    let mut builder = BatchBuilder::new(now_ms());
    builder.push(None, Some(&text));
    values.map(|value| {
        scene.set(setting, value);
        scene.put(&builder.build());
        let batches = scene.client.read_partition(&scene.topic, 0, 0).unwrap();
        batches.last().unwrap().bytes.len()
    })
}

pub fn gzip(setting: Setting) {
    let [quick, thorough] = stored_lengths(setting, "gzip", ["1", "9"]);
    assert!(quick > thorough, "{quick} {thorough}");
}

pub fn zstd(setting: Setting) {
    let [quick, thorough] = stored_lengths(setting, "zstd", ["-100", "19"]);
    assert!(quick > thorough, "{quick} {thorough}");
}

/// A topic that acknowledges in memory, and whose first record is durable.
fn in_memory(overrides: &[&str]) -> Scene {
    let mut scene = Scene::start(&[&["catena.acks.all=memory"], overrides].concat());
    scene.put_at(now_ms(), 10);
    scene
}

pub fn memory(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.put_at(now_ms(), 10);
    scene.set(setting, "memory");
    let before = scene.commits();
    scene.put_at(now_ms(), 10);
    assert_eq!(scene.commits(), before);
    scene.set(setting, "disk");
    let before = scene.commits();
    scene.put_at(now_ms(), 10);
    assert!(scene.commits() > before);
}

pub fn flush_by_number(setting: Setting) {
    let mut scene = in_memory(&[]);
    let before = scene.commits();
    scene.put_at(now_ms(), 10);
    assert_eq!(scene.commits(), before);
    scene.set(setting, "1");
    let before = scene.commits();
    scene.put_at(now_ms(), 10);
    assert!(scene.commits() > before);
}

/// The change itself is written too, a moment later: so many records show more than that.
const AFTER_THE_CHANGE: usize = 3;

pub fn flush_in_time(setting: Setting) {
    let mut scene = in_memory(&[]);
    for (value, flushed) in [("3600000", false), ("1", true)] {
        scene.set(setting, value);
        if flushed {
            for _ in 0..AFTER_THE_CHANGE {
                let before = scene.commits();
                scene.put_at(now_ms(), 10);
                eventually("what is in memory is made durable", || scene.commits() > before);
            }
        } else {
            eventually("a record is not made durable", || {
                let before = scene.commits();
                scene.put_at(now_ms(), 10);
                std::thread::sleep(Duration::from_millis(100));
                scene.commits() == before
            });
        }
    }
}

pub fn commit_delay(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.put_at(now_ms(), 10);
    scene.set(setting, "200");
    let begun = Instant::now();
    scene.put_at(now_ms(), 10);
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

pub fn commit_strategy(setting: Setting) {
    let mut scene = Scene::start(&[]);
    scene.put_at(now_ms(), 10);
    for (value, expected) in [("direct", [0, 1]), ("journal", [1, 0]), ("auto", [1, 0])] {
        scene.set(setting, value);
        let ways = |scene: &Scene| {
            let stats = scene.running.broker().storage.stats();
            [stats[0].journal_commits, stats[0].direct_commits]
        };
        let before = ways(&scene);
        scene.put_at(now_ms(), 10);
        let after = ways(&scene);
        assert_eq!([0, 1].map(|way| after[way] - before[way]), expected, "{value}");
    }
}

pub fn segment_size(setting: Setting) {
    let mut scene = Scene::start(&[]);
    let half = batch(1, now_ms(), SEGMENT_BYTES_MIN * 6 / 10);
    (0..3).for_each(|_| scene.put(&half));
    assert_eq!(segments(&scene), 1);
    scene.set(setting, &SEGMENT_BYTES_MIN.to_string());
    (0..3).for_each(|_| scene.put(&half));
    assert_eq!(segments(&scene), 4);
}

/// Segments of the topic; `__config` has files too.
fn segments(scene: &Scene) -> usize {
    let config = scene.running.broker().storage.topic("__config").is_some();
    scene.files("log").len() - usize::from(config)
}

pub fn segment_time(setting: Setting) {
    let mut scene = Scene::start(&["log.message.timestamp.after.max.ms=9223372036854775807"]);
    let begin = now_ms();
    scene.put_at(begin, 10);
    scene.put_at(begin + 2 * DAY_MS, 10);
    assert_eq!(segments(&scene), 1);
    scene.set(setting, &setting.time(DAY_MS));
    scene.put_at(begin + 3 * DAY_MS, 10);
    assert_eq!(segments(&scene), 2);
}

/// How many of 20 logs close a segment after half of its time.
fn closed_early(setting: Setting, jitter: bool) -> usize {
    let mut scene = Scene::start_with_topic(&["log.message.timestamp.after.max.ms=9223372036854775807"], 20);
    let (week, begin) = (7 * DAY_MS, now_ms());
    if jitter {
        scene.set(setting, &setting.time(week));
    }
    for at in 0..40 {
        let later = if at < 20 { 0 } else { week / 2 };
        scene.client.produce(&scene.topic, at % 20, &batch(1, begin + later, 10)).unwrap();
    }
    segments(&scene) - 20
}

pub fn segment_jitter(setting: Setting) {
    assert_eq!(closed_early(setting, false), 0);
    let early = closed_early(setting, true);
    assert!((1..20).contains(&early), "about half of them, not {early}");
}

pub fn index(setting: Setting) {
    let [coarse, fine] = ["1000000", "1"].map(|value| index_bytes(setting, value));
    assert!(fine > coarse + 50 * 10, "{coarse} {fine}");
}

/// How much index a hundred batches have, once they are sealed.
fn index_bytes(setting: Setting, value: &str) -> u64 {
    let mut scene = Scene::start(&[]);
    scene.set(setting, value);
    (0..100).for_each(|_| scene.put_at(now_ms(), 100));
    let dirs = scene.running.broker().config().data_dirs.clone();
    scene.running.stop();
    files(&dirs[0], "index").iter().map(|path| path.metadata().map_or(0, |data| data.len())).sum()
}
