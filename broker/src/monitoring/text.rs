//! Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
//!
//! What must always hold: one `HELP` and `TYPE` per family, before its samples; the buckets of a histogram are
//! cumulative and the last one counts everything.
//!
//! Names and label values are Catena's own words; whoever gives others escapes them.

use std::fmt::{Display, Write};

use super::families::{Family, Kind};
use crate::metrics::{LATENCY_BOUNDS_MICROS, Latency};

/// The content type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the samples of one family.
pub struct Samples<'a> {
    page: &'a mut String,
    family: &'a Family,
}

impl<'a> Samples<'a> {
    /// Begins a family.
    pub fn begin(page: &'a mut String, family: &'a Family) -> Self {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(page, "# HELP {} {}\n# TYPE {} {kind}", family.name, family.help, family.name);
        Self { page, family }
    }

    /// The family's only sample.
    pub fn value(&mut self, value: impl Display) {
        let _ = writeln!(self.page, "{} {value}", self.family.name);
    }

    /// The sample of one value of the family's label.
    pub fn labelled(&mut self, label: impl Display, value: impl Display) {
        let _ = writeln!(self.page, "{}{{{}=\"{label}\"}} {value}", self.family.name, self.family.label);
    }

    /// The sample of some values of the family's labels, in the order of its `label`, which are separated by commas.
    pub fn labelled_by(&mut self, labels: &[&str], value: impl Display) {
        let names = self.family.label.split(", ");
        let pairs: Vec<_> = names.zip(labels).map(|(name, label)| format!("{name}=\"{label}\"")).collect();
        let _ = writeln!(self.page, "{}{{{}}} {value}", self.family.name, pairs.join(","));
    }

    /// The histogram of one value of the family's label, in seconds.
    pub fn latency(&mut self, label: &str, latency: &Latency) {
        let (name, key) = (self.family.name, self.family.label);
        let mut count = 0;
        for (at, bucket) in latency.buckets().enumerate() {
            count += bucket;
            let bound = LATENCY_BOUNDS_MICROS.get(at).map(|micros| *micros as f64 / 1e6);
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |seconds| seconds.to_string());
            let _ = writeln!(self.page, "{name}_bucket{{{key}=\"{label}\",le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(self.page, "{name}_sum{{{key}=\"{label}\"}} {}", latency.sum().as_secs_f64());
        let _ = writeln!(self.page, "{name}_count{{{key}=\"{label}\"}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Metrics;

    fn written(kind: Kind, label: &'static str, write: impl FnOnce(&mut Samples)) -> String {
        let family = Family { name: "x", kind, label, help: "What it is.", read: |_, _| {} };
        let mut page = String::new();
        write(&mut Samples::begin(&mut page, &family));
        page
    }

    #[test]
    fn samples_follow_their_help_and_type() {
        let page = written(Kind::Counter, "", |samples| samples.value(7));
        assert_eq!(page, "# HELP x What it is.\n# TYPE x counter\nx 7\n");
        let page = written(Kind::Gauge, "api", |samples| samples.labelled("Fetch", -1));
        assert!(page.ends_with("# TYPE x gauge\nx{api=\"Fetch\"} -1\n"), "{page}");
    }

    #[test]
    fn buckets_are_cumulative_and_the_last_one_is_the_count() {
        let metrics = Metrics::default();
        for micros in [50, 200, 9_000_000] {
            metrics.request_answered(1, Duration::from_micros(micros));
        }
        let page = written(Kind::Histogram, "api", |samples| samples.latency("Fetch", metrics.requests(1).unwrap()));
        for line in [
            "x_bucket{api=\"Fetch\",le=\"0.0001\"} 1",
            "x_bucket{api=\"Fetch\",le=\"0.00025\"} 2",
            "x_bucket{api=\"Fetch\",le=\"1\"} 2",
            "x_bucket{api=\"Fetch\",le=\"+Inf\"} 3",
            "x_sum{api=\"Fetch\"} 9.00025",
            "x_count{api=\"Fetch\"} 3",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
        }
    }
}
