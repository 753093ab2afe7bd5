//! What the arms did, as far as the plan compares it: totals, latencies, and cells for the noise.
//!
//! What must always hold: memory is bounded by the plan, not by what comes in; both arms were fed the same seconds.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::windows::{Merge, Windows};
use super::{Pair, Plan};
use crate::rollout::stats::Tally;

/// The longest latency told apart, in microseconds: 10 minutes.
const LATENCY_MAX: u64 = 600_000_000;
/// Latencies are kept to so many digits: to 1 %.
const LATENCY_DIGITS: u8 = 2;

/// What one arm did in one second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmWindow {
    /// How many units the arm had, busy or not (clients seen lately, instances that live), so that rates are per unit.
    /// If only the busy ones were counted, a value that makes clients fall silent would not show. Only how the arms
    /// compare matters, so the width of the arm's interval will do where units are not counted.
    pub units: f64,
    /// Requests by API, in Kafka's words.
    pub apis: BTreeMap<String, Requests>,
    /// Everything else that is counted, by name; `throughput` is bytes.
    pub counters: BTreeMap<String, u64>,
}

/// Requests that ended in one second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How long they took: microseconds and how many took that long, in any order.
    pub latency: Vec<(u64, u64)>,
}

/// All figures of a rollout.
#[derive(Debug)]
pub(super) struct Figures {
    scopes: Vec<Scope>,
    rates: Vec<Rate>,
}

/// The requests of one API, or of all together.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) api: Option<String>,
    pub(super) arms: Pair<ArmTotals>,
    pub(super) windows: Windows<Cell>,
}

/// One arm's requests since the rollout began.
#[derive(Debug)]
pub(super) struct ArmTotals {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) latency: Histogram<u64>,
}

/// One arm's requests in one cell; latencies ascending, as the histogram rounds them.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) requests: u64,
    pub(super) errors: u64,
    latency: Vec<(u64, u64)>,
}

/// One counter.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) name: String,
    pub(super) windows: Windows<RateCell>,
}

/// One arm's events in one cell, and over how many unit-seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateCell {
    pub(super) events: f64,
    pub(super) unit_seconds: f64,
}

impl Figures {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut figures = Self { scopes: Vec::new(), rates: Vec::new() };
        for rule in &plan.metrics {
            if rule.metric.is_rate() {
                figures.add_rate(rule.metric.to_string());
            } else {
                figures.add_scope(&rule.api);
            }
        }
        if figures.scopes.is_empty() {
            figures.add_scope(&None);
        }
        figures
    }

    fn add_scope(&mut self, api: &Option<String>) {
        if self.scope(api).is_none() {
            let arms = Pair { control: ArmTotals::new(), canary: ArmTotals::new() };
            self.scopes.push(Scope { api: api.clone(), arms, windows: Windows::default() });
        }
    }

    fn add_rate(&mut self, name: String) {
        if self.rate(&name).is_none() {
            self.rates.push(Rate { name, windows: Windows::default() });
        }
    }

    pub(super) fn scope(&self, api: &Option<String>) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.api == *api)
    }

    pub(super) fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    pub(super) fn rates(&self) -> &[Rate] {
        &self.rates
    }

    pub(super) fn rate(&self, name: &str) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.name == name)
    }

    /// Takes the next second of both arms.
    pub(super) fn push(&mut self, second: &Pair<ArmWindow>) {
        for scope in &mut self.scopes {
            let (api, arms) = (&scope.api, &mut scope.arms);
            let control = arms.control.take(&second.control, api);
            let canary = arms.canary.take(&second.canary, api);
            scope.windows.push(Pair { control, canary });
        }
        for rate in &mut self.rates {
            rate.windows.push(second.as_ref().map(|arm| RateCell::of(arm, &rate.name)));
        }
    }
}

impl Scope {
    /// How it is called in texts.
    pub(super) fn label(&self) -> &str {
        self.api.as_deref().unwrap_or("all requests")
    }

    /// In each cell, the requests and those that failed.
    pub(super) fn error_cells(&self) -> Vec<Pair<Tally>> {
        let tally = |cell: &Cell| Tally::of(cell.errors, cell.requests);
        self.windows.cells().iter().map(|cell| cell.as_ref().map(tally)).collect()
    }

    /// In each cell, the requests and those that took longer than each arm's `limit`.
    pub(super) fn slow_cells(&self, limit: Pair<u64>) -> Vec<Pair<Tally>> {
        let slow = |cell: &Pair<Cell>| Pair {
            control: cell.control.slower_than(limit.control),
            canary: cell.canary.slower_than(limit.canary),
        };
        self.windows.cells().iter().map(slow).collect()
    }
}

impl ArmTotals {
    fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX, LATENCY_DIGITS).expect("bounds that fit");
        Self { requests: 0, errors: 0, latency }
    }

    pub(super) fn errors(&self) -> Tally {
        Tally::of(self.errors, self.requests)
    }

    /// Adds what of `second` belongs to `api`, and gives it back as a cell.
    fn take(&mut self, second: &ArmWindow, api: &Option<String>) -> Cell {
        let mut cell = Cell::default();
        let requests = second.apis.iter().filter(|(name, _)| api.as_ref().is_none_or(|api| api == *name));
        for (_, requests) in requests {
            cell.requests = cell.requests.saturating_add(requests.requests);
            cell.errors = cell.errors.saturating_add(requests.errors.min(requests.requests));
            cell.latency.extend(requests.latency.iter().map(|(micros, count)| (self.record(*micros, *count), *count)));
        }
        cell.tidy();
        self.requests = self.requests.saturating_add(cell.requests);
        self.errors = self.errors.saturating_add(cell.errors);
        cell
    }

    /// The latency as the histogram rounds it.
    fn record(&mut self, micros: u64, count: u64) -> u64 {
        let micros = micros.clamp(1, LATENCY_MAX);
        self.latency.saturating_record_n(micros, count);
        self.latency.highest_equivalent(micros)
    }
}

impl Cell {
    fn slower_than(&self, limit: u64) -> Tally {
        let from = self.latency.partition_point(|(micros, _)| *micros <= limit);
        let (fast, slow) = self.latency.split_at(from);
        let count = |part: &[(u64, u64)]| part.iter().map(|(_, count)| *count as f64).sum::<f64>();
        Tally::new(count(slow), count(slow) + count(fast))
    }

    /// Latencies ascending, each once.
    fn tidy(&mut self) {
        self.latency.sort_unstable();
        self.latency.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            kept.1 = if same { kept.1.saturating_add(later.1) } else { kept.1 };
            same
        });
    }
}

impl Merge for Cell {
    fn merge(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.latency.extend(other.latency);
        self.tidy();
    }
}

impl RateCell {
    fn of(arm: &ArmWindow, name: &str) -> Self {
        let events = arm.counters.get(name).copied().unwrap_or(0) as f64;
        Self { events, unit_seconds: if arm.units.is_finite() { arm.units.max(0.0) } else { 0.0 } }
    }
}

impl Merge for RateCell {
    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.unit_seconds += other.unit_seconds;
    }
}
