//! The processes of a fleet: who reports, who fell silent, and what each arm did in the last second.
//!
//! What must always hold:
//! - Pure: reports and the time come in, windows of figures go out.
//! - A process is in the arm that its id says, whatever it claims.
//! - A process that falls silent without saying good-bye counts as failing, with as many requests as it used to have, for
//!   `MOURNED_MS`: a value that kills processes must not look better for it. The same holds in every arm.
//! - Whoever was silent or late when an arm began, or when it ended, did not fail by what is compared after that: not in this arm,
//!   and not in control. It counts again when it reports again.

use std::collections::BTreeMap;

use serde::Serialize;

use super::report::Report;
use crate::rollout::arms::place_of_instance;
use crate::rollout::record::Arm;
use crate::rollout::verdict::{ArmWindow, Requests};

/// Most processes that are known at a time; more are not looked at.
const INSTANCES_MAX: usize = 100_000;
/// A process is silent when it has not reported for so many of its usual intervals ...
const SILENT_INTERVALS: u64 = 3;
/// ... and for so long at least, milliseconds.
const SILENT_MS_MIN: u64 = 5_000;
/// A process is late after so many of its usual intervals ...
const LATE_INTERVALS: u64 = 2;
/// ... and after so long at least, milliseconds.
const LATE_MS_MIN: u64 = 2_000;
/// How long the silent count as failing, milliseconds. They are forgotten after that.
const MOURNED_MS: u64 = 60_000;
/// What reports count for, in the words of figures.
const API: &str = "instance";

/// The processes of a fleet.
#[derive(Debug, Default)]
pub struct Instances {
    by_id: BTreeMap<String, Instance>,
    /// The arms of the last window.
    arms: Vec<(String, Arm)>,
    /// Reports that are not looked at because there are too many processes.
    pub overflow: u64,
}

#[derive(Debug)]
struct Instance {
    place: u32,
    /// The rollout whose arm it was in at the last window; in control if it is none.
    rollout: Option<String>,
    seq: Option<u64>,
    reported_ms: u64,
    /// Between its reports, milliseconds; smoothed.
    interval_ms: Option<u64>,
    /// What it did since the last window.
    pending: Requests,
    counters: BTreeMap<String, u64>,
    /// Requests a second, smoothed.
    rate: f64,
    has_news: bool,
    /// Late when what is compared began: if it is dead, it died before.
    was_late: bool,
}

/// How many processes there are in an arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Presence {
    /// Those that report.
    pub reporting: u64,
    /// Those that fell silent.
    pub silent: u64,
}

impl Instances {
    /// A process has reported; without a report it says good-bye.
    pub fn reported(&mut self, id: &str, report: Option<&Report>, now_ms: u64) {
        let Some(report) = report else {
            self.by_id.remove(id);
            return;
        };
        if !self.by_id.contains_key(id) && self.by_id.len() >= INSTANCES_MAX {
            self.overflow += 1;
            return;
        }
        self.by_id.entry(id.to_owned()).or_insert_with(|| Instance::new(id, now_ms)).report(report, now_ms);
    }

    /// What was done since the last time: by the processes in none of `arms`, and in each of them.
    pub fn take(&mut self, arms: &[(String, Arm)], now_ms: u64) -> (ArmWindow, BTreeMap<String, ArmWindow>) {
        let others = self.arms != arms;
        self.arms = arms.to_vec();
        self.by_id.retain(|_, instance| instance.settle(arms, others, now_ms));
        let mut control = ArmWindow::default();
        let mut canaries: BTreeMap<String, ArmWindow> =
            arms.iter().map(|(name, _)| (name.clone(), ArmWindow::default())).collect();
        for instance in self.by_id.values_mut() {
            let window = match &instance.rollout {
                Some(name) => canaries.entry(name.clone()).or_default(),
                None => &mut control,
            };
            instance.add_to(window, now_ms);
        }
        (control, canaries)
    }

    /// Who is there: in none of `arms`, and in each of them.
    pub fn presence(&self, arms: &[(String, Arm)], now_ms: u64) -> BTreeMap<String, Presence> {
        let mut found: BTreeMap<String, Presence> = BTreeMap::from([("control".to_owned(), Presence::default())]);
        found.extend(arms.iter().map(|(name, _)| (name.clone(), Presence::default())));
        for instance in self.by_id.values() {
            let arm = arms.iter().find(|(_, arm)| arm.contains(instance.place)).map_or("control", |(name, _)| name);
            let presence = found.entry(arm.to_owned()).or_default();
            let silent = instance.silent_for(now_ms) > 0;
            *if silent { &mut presence.silent } else { &mut presence.reporting } += 1;
        }
        found
    }
}

impl Instance {
    fn new(id: &str, now_ms: u64) -> Self {
        Self {
            place: place_of_instance(id),
            rollout: None,
            seq: None,
            reported_ms: now_ms,
            interval_ms: None,
            pending: Requests::default(),
            counters: BTreeMap::new(),
            rate: 0.0,
            has_news: false,
            was_late: false,
        }
    }

    fn report(&mut self, report: &Report, now_ms: u64) {
        if report.seq.is_some() && report.seq == self.seq {
            return;
        }
        self.seq = report.seq;
        let since_ms = now_ms.saturating_sub(self.reported_ms);
        let rate = |ms: u64| report.requests as f64 * 1000.0 / ms as f64;
        match self.interval_ms {
            Some(usual) if since_ms > 0 => {
                self.interval_ms = Some((usual.saturating_mul(3)).saturating_add(since_ms) / 4);
                self.rate = (3.0 * self.rate + rate(since_ms)) / 4.0;
            }
            None if since_ms > 0 => (self.interval_ms, self.rate) = (Some(since_ms), rate(since_ms)),
            // Nobody knows what time its first report is about: rather a long one.
            None => self.rate = rate(SILENT_MS_MIN),
            Some(_) => {}
        }
        self.reported_ms = now_ms;
        self.has_news = true;
        self.was_late = false;
        self.pending.requests = self.pending.requests.saturating_add(report.requests);
        self.pending.errors = self.pending.errors.saturating_add(report.errors);
        self.pending.latency.extend(&report.latency_us);
        for (name, count) in &report.counters {
            let counter = self.counters.entry(name.clone()).or_default();
            *counter = counter.saturating_add(*count);
        }
    }

    /// Puts it into its arm; false if it is to be forgotten. `others`: there were other arms at the last window.
    fn settle(&mut self, arms: &[(String, Arm)], others: bool, now_ms: u64) -> bool {
        let arm = arms.iter().find(|(_, arm)| arm.contains(self.place)).map(|(name, _)| name);
        if self.rollout.as_ref() != arm || (others && arm.is_none()) {
            self.rollout = arm.cloned();
            self.was_late = self.overdue(LATE_INTERVALS, LATE_MS_MIN, now_ms) > 0;
        }
        match self.silent_for(now_ms) {
            0 => true,
            silent_ms => !self.was_late && silent_ms < MOURNED_MS,
        }
    }

    /// For how long the process is missed; 0 while nobody misses it.
    fn silent_for(&self, now_ms: u64) -> u64 {
        self.overdue(SILENT_INTERVALS, SILENT_MS_MIN, now_ms)
    }

    /// For how long its report is due, if it has so many of its usual intervals, and `ms_min`, for it.
    fn overdue(&self, intervals: u64, ms_min: u64, now_ms: u64) -> u64 {
        let allowed = self.interval_ms.map_or(ms_min, |usual| usual.saturating_mul(intervals).max(ms_min));
        now_ms.saturating_sub(self.reported_ms).saturating_sub(allowed)
    }

    fn add_to(&mut self, window: &mut ArmWindow, now_ms: u64) {
        let mut done = std::mem::take(&mut self.pending);
        if self.silent_for(now_ms) > 0 {
            let missed = self.rate.round().max(1.0) as u64;
            done.requests = done.requests.saturating_add(missed);
            done.errors = done.errors.saturating_add(missed);
        } else if !std::mem::take(&mut self.has_news) {
            return;
        }
        window.units += 1.0;
        let requests = window.apis.entry(API.to_owned()).or_default();
        requests.requests = requests.requests.saturating_add(done.requests);
        requests.errors = requests.errors.saturating_add(done.errors);
        requests.latency.extend(done.latency);
        for (name, count) in std::mem::take(&mut self.counters) {
            let counter = window.counters.entry(name).or_default();
            *counter = counter.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Arm = Arm { from: 0, to: 1_000_000 };

    fn report(seq: u64, requests: u64, errors: u64) -> Report {
        Report { v: 1, seq: Some(seq), requests, errors, latency_us: vec![(900, requests)], ..Report::default() }
    }

    fn figures(window: &ArmWindow) -> (f64, u64, u64) {
        let requests = window.apis.get(API).cloned().unwrap_or_default();
        (window.units, requests.requests, requests.errors)
    }

    #[test]
    fn a_process_is_in_the_arm_that_its_id_says() {
        let mut instances = Instances::default();
        let place = place_of_instance("a");
        let arm = Arm { from: place, to: place + 1 };
        instances.reported("a", Some(&report(1, 10, 1)), 1_000);
        instances.reported("b", Some(&report(1, 20, 0)), 1_000);
        let arms = [("r".to_owned(), arm)];
        let (control, canaries) = instances.take(&arms, 1_000);
        assert_eq!((figures(&control), figures(&canaries["r"])), ((1.0, 20, 0), (1.0, 10, 1)));
        let (control, canaries) = instances.take(&arms, 1_500);
        assert_eq!((figures(&control), figures(&canaries["r"])), ((0.0, 0, 0), (0.0, 0, 0)), "given out once");
        let one = Presence { reporting: 1, silent: 0 };
        assert_eq!(instances.presence(&arms, 1_500), BTreeMap::from([("control".into(), one), ("r".into(), one)]));
    }

    #[test]
    fn a_report_that_comes_twice_counts_once() {
        let mut instances = Instances::default();
        for _ in 0..2 {
            instances.reported("a", Some(&report(7, 10, 1)), 1_000);
        }
        assert_eq!(figures(&instances.take(&[], 1_000).0), (1.0, 10, 1));
    }

    #[test]
    fn who_falls_silent_fails_for_a_minute_and_is_then_forgotten() {
        let mut instances = Instances::default();
        for second in 1..=5 {
            instances.reported("a", Some(&report(second, 10, 0)), second * 1_000);
            instances.take(&[("r".to_owned(), ALL)], second * 1_000);
        }
        let mut failed = 0;
        for second in 6..=200 {
            let (_, canaries) = instances.take(&[("r".to_owned(), ALL)], second * 1_000);
            let (_, requests, errors) = figures(&canaries["r"]);
            assert_eq!(requests, errors);
            failed += errors;
        }
        assert!((500..=700).contains(&failed), "{failed}");
        assert!(instances.by_id.is_empty());
    }

    #[test]
    fn who_was_silent_when_a_rollout_began_or_ended_is_not_held_against_what_comes_then() {
        let rollout = |name: &str| vec![(name.to_owned(), ALL)];
        for (before, after) in [(vec![], rollout("r")), (rollout("r"), vec![]), (rollout("q"), rollout("r"))] {
            let mut instances = Instances::default();
            instances.reported("a", Some(&report(1, 10, 0)), 1_000);
            instances.take(&before, 2_000);
            let (control, canaries) = instances.take(&before, 10_000);
            let failed: u64 = canaries.values().chain([&control]).map(|window| figures(window).2).sum();
            assert!(failed > 0, "{before:?}: it is missed");
            let (control, canaries) = instances.take(&after, 11_000);
            assert!(canaries.values().chain([&control]).all(|window| figures(window) == (0.0, 0, 0)), "{after:?}");
        }
    }

    #[test]
    fn who_dies_of_a_value_at_once_fails_in_its_arm() {
        let mut instances = Instances::default();
        instances.reported("a", Some(&report(1, 10, 0)), 1_000);
        instances.take(&[], 1_000);
        instances.take(&[("r".to_owned(), ALL)], 2_000);
        let (_, canaries) = instances.take(&[("r".to_owned(), ALL)], 10_000);
        assert_eq!(figures(&canaries["r"]), (1.0, 2, 2), "10 requests in 5 seconds, for all that is known");
    }

    /// It was missed in the arm for a minute, as was one of control in control: a dead process of control made the tried value look
    /// better than it was.
    #[test]
    fn who_died_just_before_a_rollout_began_fails_in_no_arm_and_counts_again_when_it_is_back() {
        for arm in [ALL, Arm { from: 0, to: 0 }] {
            let (mut instances, arms) = (Instances::default(), [("r".to_owned(), arm)]);
            let reports =
                |instances: &mut Instances, at: u64| instances.reported("a", Some(&report(at, 10, 0)), at * 1_000);
            (1..=5).for_each(|at| reports(&mut instances, at));
            instances.take(&[], 5_000);
            let windows = |instances: &mut Instances, from: u64| -> Vec<(f64, u64, u64)> {
                let taken = (from..from + 20).map(|at| instances.take(&arms, at * 1_000));
                let all = taken.flat_map(|(control, canaries)| [control].into_iter().chain(canaries.into_values()));
                all.map(|window| figures(&window)).filter(|figures| *figures != (0.0, 0, 0)).collect()
            };
            assert_eq!(windows(&mut instances, 8), [], "late at 8, silent from 10 on, in {arm:?}");
            reports(&mut instances, 30);
            assert!(windows(&mut instances, 30).iter().any(|(_, _, errors)| *errors > 0), "died in {arm:?}");
        }
    }

    #[test]
    fn who_says_good_bye_is_not_missed() {
        let mut instances = Instances::default();
        instances.reported("a", Some(&report(1, 10, 0)), 1_000);
        instances.reported("a", None, 2_000);
        assert_eq!(figures(&instances.take(&[], 30_000).0), (0.0, 0, 0));
    }

    #[test]
    fn more_processes_than_can_be_known_are_counted_and_left_alone() {
        let mut instances = Instances::default();
        (0..INSTANCES_MAX + 3).for_each(|at| instances.reported(&at.to_string(), Some(&report(1, 1, 0)), 1_000));
        assert_eq!((instances.by_id.len(), instances.overflow), (INSTANCES_MAX, 3));
    }
}
