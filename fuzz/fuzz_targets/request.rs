//! Requests of every advertised API and version, up to the point where a handler would begin.
//!
//! The input's first byte chooses API and version; the rest is the request's header behind the correlation id, and its
//! body. `broker/tests/hostile_requests.rs` does the same with random damage in every run of the tests.
//!
//! Run with `cargo +nightly fuzz run request -- -max_len=65536 -malloc_limit_mb=2`.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use catena_broker::dispatch::{self, Refused, understand};
use catena_protocol::message::Malformed;
use libfuzzer_sys::fuzz_target;

static ADVERTISED: LazyLock<Vec<(i16, i16)>> = LazyLock::new(|| {
    let rows = dispatch::versions();
    rows.iter().flat_map(|row| (row.min..=row.max).map(|version| (row.key, version))).collect()
});

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let (key, version) = ADVERTISED[usize::from(*choice) % ADVERTISED.len()];
    let frame = [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0; 4], rest].concat();
    if let Err(Refused::Malformed { source, .. }) = understand(Bytes::from(frame)) {
        assert!(matches!(source, Malformed::OutOfBounds(_)), "passed the bounds walk and failed to decode: {source}");
    }
});
