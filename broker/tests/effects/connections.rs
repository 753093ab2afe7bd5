//! Settings of connections.

use std::time::{Duration, Instant};

use compat_tests::wire::Connection;

use crate::scene::{Scene, Setting};
use crate::support::{SOON, eventually};

fn is_served(connection: &mut Connection) -> bool {
    connection.stream().set_read_timeout(Some(SOON)).unwrap();
    connection.api_versions().is_ok()
}

/// Whether a connection gets no answer for a while.
fn waits(connection: &mut Connection) -> bool {
    connection.stream().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    connection.api_versions().is_err()
}

pub fn idle(setting: Setting) {
    let scene = Scene::start(&[]);
    let mut silent = scene.running.connect();
    scene.set(setting, "120");
    assert!(silent.is_closed_by(Instant::now() + SOON));
    let mut another = scene.running.connect();
    assert!(another.is_closed_by(Instant::now() + SOON));
    scene.set(setting, "3600000");
    let mut patient = scene.running.connect();
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_served(&mut patient));
}

pub fn all(setting: Setting) {
    let mut scene = Scene::start(&[]);
    assert!(is_served(&mut scene.client));
    scene.set(setting, "1");
    let mut second = scene.running.connect();
    assert!(waits(&mut second));
    scene.set(setting, "2");
    second.stream().set_read_timeout(Some(SOON)).unwrap();
    assert!(second.receive_frame().is_ok(), "what was asked is answered now");
    scene.set(setting, "1");
    assert!(scene.client.is_closed_by(Instant::now() + SOON), "it was silent for longer");
    let mut third = scene.running.connect();
    assert!(waits(&mut third));
    assert!(!second.is_closed_by(Instant::now() + Duration::from_millis(100)));
}

/// How many of three new connections are not turned away.
fn admitted(scene: &Scene) -> usize {
    let mut connections: Vec<_> = (0..3).map(|_| scene.running.connect()).collect();
    connections.iter_mut().filter_map(|connection| connection.api_versions().ok()).count()
}

/// Waits until only the scene's own connection is left.
fn await_alone(scene: &Scene) {
    eventually("the others are gone", || scene.running.broker().metrics.connections_open.get() == 1);
}

pub fn of_address(setting: Setting) {
    let mut scene = Scene::start(&[]);
    assert!(is_served(&mut scene.client));
    assert_eq!(admitted(&scene), 3);
    await_alone(&scene);
    scene.set(setting, "2");
    assert_eq!(admitted(&scene), 1);
    await_alone(&scene);
    scene.set(setting, "9");
    assert_eq!(admitted(&scene), 3);
}

pub fn of_some(setting: Setting) {
    let mut scene = Scene::start(&["max.connections.per.ip=2"]);
    assert!(is_served(&mut scene.client));
    assert_eq!(admitted(&scene), 1);
    await_alone(&scene);
    scene.set(setting, "10.1.2.3:1,127.0.0.1:3");
    assert_eq!(admitted(&scene), 2);
    await_alone(&scene);
    scene.set(setting, "localhost:4");
    assert_eq!(admitted(&scene), 3);
}

pub fn rate(setting: Setting) {
    let scene = Scene::start(&[]);
    scene.set(setting, "4");
    let begun = Instant::now();
    // What one second allows, and half as much again.
    let mut connections: Vec<_> = (0..6).map(|_| scene.running.connect()).collect();
    assert!(connections.iter_mut().all(|connection| connection.api_versions().is_ok()));
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    scene.set(setting, "1000000");
    let begun = Instant::now();
    // At four in a second these would take 25 seconds.
    let mut connections: Vec<_> = (0..100).map(|_| scene.running.connect()).collect();
    assert!(connections.iter_mut().all(|connection| connection.api_versions().is_ok()));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
