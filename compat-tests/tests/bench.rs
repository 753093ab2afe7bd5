//! Every part of the benchmark runs, with sizes too small to mean anything: figures come out, for each row that is
//! promised, and they are numbers.

use compat_tests::bench::measure::Measure;
use compat_tests::bench::parts::Part;
use compat_tests::bench::report;
use compat_tests::bench::run::{Measured, run};
use compat_tests::bench::settings::{Settings, Sizes};
use compat_tests::bench::system::System;
use compat_tests::java;

/// Eight loads, each with one rollout and with ten.
const ROLLOUT_ROWS: usize = 16;

fn measure(parts: &[Part], systems: &[System]) -> Measured {
    let (systems, parts) = (systems.to_vec(), parts.to_vec());
    let settings = Settings { systems, parts, rounds: 1, sizes: Sizes::quick(), ..Settings::default() };
    let measured = run(&settings).unwrap();
    for (measure, value) in measured.samples.values().flatten() {
        assert!(value.is_finite() || *measure == Measure::SingleCpu, "{measure:?}: {value}");
    }
    report::tables(&measured).iter().for_each(|table| println!("{table}"));
    measured
}

/// How many rows `system` has.
fn rows(measured: &Measured, system: System) -> usize {
    measured.samples.get(&system).map_or(0, Vec::len)
}

#[test]
fn produce_parts_measure_broker_and_ceilings() {
    let systems = [System::Catena, System::Ceiling, System::CeilingFiles];
    let measured = measure(&[Part::Produce, Part::Partitions, Part::Small, Part::Single], &systems);
    assert_eq!(systems.map(|system| rows(&measured, system)), [15; 3]);
    assert!(measured.samples.values().flatten().all(|(_, value)| *value >= 0.0));
}

#[test]
fn the_other_parts_measure_the_broker_alone() {
    let parts = [Part::Consume, Part::Cold, Part::Latency, Part::Restart, Part::Start, Part::Config, Part::Rollouts];
    let measured = measure(&parts, &[System::Catena, System::Ceiling]);
    assert_eq!((rows(&measured, System::Catena), rows(&measured, System::Ceiling)), (22, 0));
    assert_eq!(measured.rollouts.len(), ROLLOUT_ROWS);
    assert!(measured.rollouts.iter().all(|cost| cost.blocks > 1 && cost.cpu_us.is_finite()));
}

#[test]
fn the_part_that_restarts_a_broker_measures_apache_kafka_too() {
    if java::available() {
        assert_eq!(rows(&measure(&[Part::Cold], &[System::Kafka]), System::Kafka), 6);
    }
}
