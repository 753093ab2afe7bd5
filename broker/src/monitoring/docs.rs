//! `docs/metrics.md`, made of the table of metrics.
//!
//! What must always hold: the page says what the table says. The test rewrites a stale page and fails.

use std::fmt::Write;
use std::path::Path;

use super::families::{FAMILIES, Kind};

const INTRODUCTION: &str = "\
# Metrics

<!-- Generated from broker/src/monitoring/families.rs by `cargo test`; edit that. -->

With `catena.metrics.listener=host:port` in its settings, Catena answers `GET /metrics` there in Prometheus' text
format. There is no authentication: listen on an address that only the monitoring reaches. Counters begin at 0 with
each start. A histogram `x` has the samples `x_bucket` (label `le`, seconds), `x_sum` and `x_count`.

| name | kind | label | meaning |
|---|---|---|---|
";

fn generated() -> String {
    let mut page = INTRODUCTION.to_owned();
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(page, "| `{}` | {kind} | {} | {} |", family.name, family.label, family.help);
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let (expected, found) = (generated(), std::fs::read_to_string(&path).unwrap_or_default());
    if found != expected {
        std::fs::write(&path, expected).expect("docs/metrics.md can be written");
        panic!("docs/metrics.md was stale and has been rewritten; look at it and commit it");
    }
}
