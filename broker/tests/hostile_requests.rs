//! Two million broken requests through the function that connections use, with every allocation counted.
//!
//! What must always hold: no panic, no abort, and a frame with what is decoded from it takes at most ten times the
//! frame and a small constant. `SEED=… cargo test …` repeats a run.
#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "../../protocol/tests/support/sample.rs"]
mod sample;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use catena_broker::dispatch::{self, Refused, understand};
use catena_protocol::bounds::{self, MEMORY_FACTOR, MEMORY_FLOOR, Schema};
use catena_protocol::message::Malformed;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const INPUTS: usize = 2_000_000;
/// Broken copies made of one valid request.
const COPIES: usize = 25;
/// One in so many valid requests is blown up instead.
const BULK_ONE_IN: u32 = 200;
/// Beside the decoded message: the box around it, shared counters, the text of an error.
const FIXED_MEMORY: usize = 4 * 1024;

/// The system's allocator, with what the calling thread holds and has held at most.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes held at most while `work` runs, beyond those held before.
fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    (result, usize::try_from(MOST.get() - before).unwrap_or_default())
}

/// Whether `frame` is understood; panics if it costs too much, or gets past the bounds walk without being decodable.
fn is_understood(frame: &[u8], about: &str) -> bool {
    let bytes = Bytes::copy_from_slice(frame);
    let (understood, held) = most_held(|| understand(bytes).map(drop));
    let allowed = MEMORY_FACTOR * frame.len() + MEMORY_FLOOR + FIXED_MEMORY;
    assert!(held + frame.len() <= allowed, "{held} bytes held for {} of {about}: {frame:02x?}", frame.len());
    match understood {
        Ok(()) => true,
        Err(Refused::Malformed { source: source @ (Malformed::Damaged(_) | Malformed::Undecodable(_)), .. }) => {
            panic!("{about} passed the walk and failed to decode, {source}: {frame:02x?}")
        }
        Err(_) => false,
    }
}

/// Every API and version that is answered.
fn advertised() -> Vec<(&'static Schema, i16)> {
    let rows = dispatch::versions();
    let versions = rows.iter().flat_map(|row| (row.min..=row.max).map(|version| (row.key, version)));
    versions.filter_map(|(key, version)| Some((bounds::find(key, version)?, version))).collect()
}

fn frame(schema: &Schema, version: i16, rng: &mut StdRng) -> Vec<u8> {
    let mut frame = [schema.key.to_be_bytes(), version.to_be_bytes()].concat();
    frame.extend_from_slice(&[0, 0, 0, 7, 0, 4]);
    frame.extend_from_slice(b"test");
    if version >= schema.flexible_since {
        frame.push(0);
    }
    frame.extend(sample::body(schema, version, rng));
    frame
}

/// Values that are large, negative, null or nothing, as numbers of several widths and as varints.
const NUMBERS: [&[u8]; 14] = [
    &[0],
    &[1],
    &[0x7f],
    &[0xff],
    &[0xff, 0xff],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x00, 0x0f, 0x42, 0x40],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    &[0xc1, 0x84, 0x3d],
];

/// Some damage behind the API key and version, now and then there too.
fn break_it(frame: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..4) {
        let from = if rng.random_ratio(1, 50) { 0 } else { 4.min(frame.len()) };
        let at = rng.random_range(from..=frame.len());
        let end = frame.len().min(at + rng.random_range(0..8));
        match rng.random_range(0..7) {
            0 if at < frame.len() => frame[at] ^= 1 << rng.random_range(0..8),
            1 => drop(frame.splice(at..end, NUMBERS[rng.random_range(0..NUMBERS.len())].iter().copied())),
            2 => drop(frame.splice(at..at, NUMBERS[rng.random_range(0..NUMBERS.len())].iter().copied())),
            3 => drop(frame.drain(at..end)),
            4 => frame.truncate(at),
            5 => frame.extend_from_within(at..end),
            _ => drop(frame.splice(at..end, (0..8).map(|_| rng.random::<u8>()).collect::<Vec<_>>())),
        }
    }
}

/// A count anywhere, and as many of the smallest elements as it says.
fn blow_up(frame: &mut Vec<u8>, flexible: bool, rng: &mut StdRng) {
    let count: u32 = rng.random_range(1_000..60_000);
    frame.truncate(rng.random_range(4..=frame.len()));
    if flexible {
        let count = count + 1;
        frame.extend_from_slice(&[count as u8 | 0x80, (count >> 7) as u8 | 0x80, (count >> 14) as u8]);
    } else {
        frame.extend_from_slice(&count.to_be_bytes());
    }
    let element: &[u8] = [&[0][..], &[1], &[0, 0], &[1, 1, 0], &[1, 0, 1, 0], &[0, 1, 9, 0]][rng.random_range(0..6)];
    frame.extend(element.iter().copied().cycle().take(count as usize * rng.random_range(1..24)));
}

#[test]
fn two_million_broken_requests_cost_little_and_break_nothing() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let advertised = advertised();
    let (mut tried, mut understood) = (0, 0);
    while tried < INPUTS {
        let (schema, version) = advertised[rng.random_range(0..advertised.len())];
        let about = format!("{} v{version}, SEED={seed}", schema.name);
        let valid = frame(schema, version, &mut rng);
        assert!(is_understood(&valid, &about), "{about}: a valid request was refused: {valid:02x?}");
        if rng.random_ratio(1, BULK_ONE_IN) {
            let mut bulk = valid.clone();
            blow_up(&mut bulk, version >= schema.flexible_since, &mut rng);
            understood += usize::from(is_understood(&bulk, &about));
        }
        for _ in 0..COPIES {
            let mut broken = valid.clone();
            break_it(&mut broken, &mut rng);
            understood += usize::from(is_understood(&broken, &about));
        }
        tried += COPIES;
    }
    println!("{understood} of {tried} were understood");
    assert!((tried / 100..tried).contains(&understood), "damage should reach both sides of the walk");
}

#[test]
fn random_bytes_in_every_version_break_nothing() {
    let seed: u64 = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    for (schema, version) in advertised() {
        for _ in 0..200 {
            let mut bytes = [schema.key.to_be_bytes(), version.to_be_bytes()].concat();
            let len = rng.random_range(0..200);
            bytes.extend((0..len).map(|_| rng.random::<u8>() >> rng.random_range(0..8)));
            is_understood(&bytes, &format!("{} v{version}, seed {seed}", schema.name));
        }
    }
}

#[test]
fn requests_that_aborted_brokers_are_refused() {
    let cases: [(&str, &[u8]); 4] = [
        ("Metadata v0, 2,147,483,574 topics", &[0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xb6]),
        ("Metadata v12, 4,294,967,294 topics", &[0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("a header with 4,294,967,295 tagged fields", &[0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("a frame without a header", &[0, 3, 0]),
    ];
    for (about, frame) in cases {
        assert!(!is_understood(frame, about), "{about}");
    }
}
