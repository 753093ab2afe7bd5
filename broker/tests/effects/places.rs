//! Settings of directories.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::scene::{Scene, Setting};
use crate::support::{batch, eventually, now_ms};

/// A broker with two directories.
fn two(overrides: &[&str]) -> (TempDir, Scene, [PathBuf; 2]) {
    let root = tempfile::tempdir().unwrap();
    let dirs = ["a", "b"].map(|name| root.path().join(name));
    let given = format!("log.dirs={},{}", dirs[0].display(), dirs[1].display());
    let scene = Scene::start(&[&[given.as_str()], overrides].concat());
    (root, scene, dirs)
}

/// How many partitions are in a directory.
fn partitions(scene: &Scene, dir: &Path, topic: &str) -> usize {
    let dirs = scene.running.broker().storage.log_dirs();
    let found = dirs.iter().find(|found| found.path == *dir).unwrap();
    found.partitions.iter().filter(|partition| partition.topic_name == topic).count()
}

pub fn cordoned(setting: Setting) {
    let (_root, mut scene, dirs) = two(&[]);
    let spread = |scene: &mut Scene, name: &str| {
        let topic = scene.running.topic(name, 4);
        for at in 0..4 {
            scene.client.produce(&topic, at, &batch(1, now_ms(), 10)).unwrap();
        }
        [0, 1].map(|at| partitions(scene, &dirs[at], name))
    };
    assert_eq!(spread(&mut scene, "both"), [2, 2]);
    scene.set(setting, dirs[0].to_str().unwrap());
    assert_eq!(spread(&mut scene, "one"), [0, 4]);
    scene.set(setting, "*");
    assert!(scene.client.create_topic("none", 1, &[]).is_err());
}

pub fn moves(setting: Setting) {
    let (_root, mut scene, dirs) = two(&["catena.move.max.bytes.per.second=1"]);
    (0..5).for_each(|_| scene.put_at(now_ms(), 1_000));
    let from = usize::from(partitions(&scene, &dirs[0], "t") == 0);
    scene.running.broker().storage.move_partition("t", 0, &dirs[1 - from]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(partitions(&scene, &dirs[from], "t"), 1, "not all of it is there");
    scene.set(setting, "1000000000");
    eventually("it is moved", || partitions(&scene, &dirs[from], "t") == 0);
}
