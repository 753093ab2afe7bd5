//! Settings of what becomes of old records.

use crate::scene::{DAY_MS, Scene, Setting};
use crate::support::{eventually, now_ms};

/// How often it is looked.
const OFTEN: &str = "log.retention.check.interval.ms=20";

pub fn by_time(setting: Setting) {
    let mut scene = Scene::start(&[OFTEN]);
    scene.put_at(now_ms() - 2 * DAY_MS, 10);
    std::thread::sleep(std::time::Duration::from_millis(60));
    assert_eq!(scene.log_start(), 0);
    scene.set(setting, &setting.time(DAY_MS));
    scene.await_log_start(1);
}

pub fn by_size(setting: Setting) {
    let mut scene = Scene::start(&[OFTEN]);
    scene.put_at(now_ms(), 10);
    std::thread::sleep(std::time::Duration::from_millis(60));
    assert_eq!(scene.log_start(), 0);
    scene.set(setting, "0");
    scene.await_log_start(1);
}

pub fn interval(setting: Setting) {
    let mut scene = Scene::start(&["log.retention.check.interval.ms=3600000", "log.retention.bytes=0"]);
    scene.put_at(now_ms(), 10);
    scene.set(setting, "1");
    scene.await_log_start(1);
}

pub fn files(setting: Setting) {
    let mut scene = Scene::start(&["log.segment.delete.delay.ms=3600000"]);
    scene.put_at(now_ms(), 10);
    scene.set(setting, "0");
    let ours = |scene: &Scene| {
        let files = scene.files("log");
        files.into_iter().filter(|path| std::fs::metadata(path).is_ok()).count()
    };
    let before = ours(&scene);
    scene.client.delete_topic("t").unwrap();
    eventually("the file is gone", || ours(&scene) < before);
}
