//! Settings of idempotent producers.

use compat_tests::wire::batch::Producer;

use crate::scene::{Scene, Setting};
use crate::support::{batch_of, eventually};

/// `count` producers that have sent something.
fn scene(overrides: &[&str], count: i64) -> Scene {
    let mut scene = Scene::start(overrides);
    for id in 0..count {
        scene.put(&batch_of(Producer { id, epoch: 0 }, 0, 1));
    }
    scene
}

fn expired(scene: &Scene) -> u64 {
    scene.running.broker().metrics.producers_expired.get()
}

pub fn expiration(setting: Setting) {
    let scene = scene(&["producer.id.expiration.check.interval.ms=1"], 2);
    scene.set(setting, "1");
    eventually("they are forgotten", || expired(&scene) == 2);
}

pub fn interval(setting: Setting) {
    let scene = scene(&["producer.id.expiration.ms=1"], 2);
    scene.set(setting, "1");
    eventually("they are forgotten", || expired(&scene) == 2);
}

pub fn number(setting: Setting) {
    let scene = scene(&[], 20);
    scene.set(setting, "10");
    eventually("some are forgotten", || scene.running.broker().metrics.producers_evicted.get() >= 10);
}
