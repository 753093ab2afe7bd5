//! Harmful values under real clients: rejected, and the clients of the control arm notice nothing.

use compat_tests::played;
use compat_tests::python;
use serde_json::json;

use crate::clients::{fill, names};
use crate::load::{Load, Seen, no_errors, now, producer, quantile};
use crate::place::Arm;
use crate::stage::{Stage, measured_by, rollout};
use crate::story;

const PARTITIONS: i32 = 16;
/// The delay that is tried, milliseconds: whoever gets it cannot fail to notice.
const DELAY_MS: f64 = 200.0;
/// A client that waits longer has noticed. Far more than a commit takes on a busy machine, far less than the delay.
const NOTICED_MS: f64 = 150.0;
/// On a busy machine so many records are that slow all the same; of those with the delay a quarter is.
const MISHAPS: f64 = 0.05;

#[test]
fn a_commit_delay_is_rejected_while_producers_to_other_partitions_notice_nothing() {
    played(|| {
        if !python::available() {
            return;
        }
        let stage = Stage::start(&[]);
        stage.connect().create_topic("orders", PARTITIONS, &[]).unwrap();
        let load = Load::producers(&stage.broker, "orders", PARTITIONS, 200, 20);
        load.goes_on(1.0, PARTITIONS as usize);
        let quiet = now();
        load.goes_on(2.0, PARTITIONS as usize);
        let begun = now();
        let half = json!([{"metric": "errors"}, {"metric": "latency_p50", "api": "Produce", "margin": 50}]);
        stage.write("slow", &measured_by(rollout("catena.commit.delay.ms", DELAY_MS, 30.0), &half));
        let arm = stage.begun("slow");
        let verdict = stage.decided("slow");
        let decided = now();
        stage.forgotten("slow");
        let after = now() + 0.5;
        load.goes_on(2.0, PARTITIONS as usize);
        let all = load.finish();
        no_errors(&all);
        assert_eq!(verdict["verdict"], "rejected", "{verdict:#}");
        println!("{} after {:.1} s", verdict["why"], decided - begun);

        let (tried, control) = by_arm(&all, arm);
        let during = |seen: &[Seen]| between(seen, begun + 0.5, decided - 0.3);
        let (before, hurt, spared) = (between(&all, quiet, begun), during(&tried), during(&control));
        let afterwards = between(&control, after, f64::MAX);
        let told = [("before", &before), ("arm", &hurt), ("control", &spared), ("control afterwards", &afterwards)];
        told.into_iter()
            .for_each(|(when, seen)| println!("{when}: p50 {:.1} ms, {:.3} slow", quantile(seen, 0.5), slow(seen)));
        // The first record that waits begins the time for all of them.
        assert!(quantile(&hurt, 0.5) > DELAY_MS / 4.0 && slow(&hurt) > 3.0 * MISHAPS, "the arm had the value");
        let usual = |of: &dyn Fn(&[Seen]) -> f64| of(&before).max(of(&afterwards));
        let median = |seen: &[Seen]| quantile(seen, 0.5);
        // What hits both arms alike is the machine.
        assert!(median(&spared) < (2.0 * usual(&median) + 5.0).max(median(&hurt) / 4.0), "control noticed");
        assert!(slow(&spared) < (2.0 * usual(&slow) + MISHAPS).max(slow(&hurt) / 4.0), "control noticed");
        assert!(
            slow(&between(&tried, after, f64::MAX)) < 2.0 * slow(&afterwards) + MISHAPS,
            "nobody has the value any more"
        );
        assert_eq!(stage.described("catena.commit.delay.ms"), "0");
        story::check(&stage);
    });
}

/// A partition's producer is hurt by what its partition gets.
fn by_arm(seen: &[Seen], arm: Arm) -> (Vec<Seen>, Vec<Seen>) {
    let tried: Vec<String> =
        (0..PARTITIONS).filter(|index| arm.has_partition("orders", *index)).map(producer).collect();
    assert!((3..=8).contains(&tried.len()), "{tried:?}");
    seen.iter().cloned().partition(|seen| tried.contains(&seen.client))
}

fn between(seen: &[Seen], from: f64, to: f64) -> Vec<Seen> {
    seen.iter().filter(|seen| (from..to).contains(&seen.at)).cloned().collect()
}

/// The share of records that took so long that their client has noticed.
fn slow(seen: &[Seen]) -> f64 {
    let slow = seen.iter().filter(|seen| seen.ms.is_some_and(|took| took > NOTICED_MS)).count();
    slow as f64 / seen.len().max(1) as f64
}

/// A value that gives readers little at once.
pub struct Starved {
    pub setting: &'static str,
    pub value: u32,
    /// What it is otherwise.
    pub usual: &'static str,
    /// Whether each reader has a partition of its own, of which nothing is in memory and checked.
    pub of_its_own: bool,
    /// Records of 1000 bytes in each partition.
    pub records: usize,
}

#[test]
fn a_small_fetch_limit_is_rejected_while_other_readers_read_as_much_as_before() {
    played(|| {
        a_value_that_starves_readers_is_rejected(&Starved {
            setting: "fetch.max.bytes",
            value: 1024,
            usual: "57671680",
            of_its_own: false,
            records: 4_000,
        });
    });
}

pub fn a_value_that_starves_readers_is_rejected(starved: &Starved) {
    if !python::available() {
        return;
    }
    const READERS: usize = 5;
    let mut stage = Stage::start(&[]);
    let partitions = if starved.of_its_own { 2 * READERS as i32 } else { 1 };
    let mut client = stage.connect();
    let topic = client.create_topic("backlog", partitions, &[]).unwrap();
    fill(&mut client, &topic, partitions, starved.records);
    drop(client);
    if starved.of_its_own {
        stage.crash();
    }
    let tried = measured_by(rollout(starved.setting, starved.value, 30.0), &json!([{"metric": "throughput"}]));
    stage.write("small", &tried);
    let arm = stage.begun("small");
    let (inside, outside) = names("reader", arm, READERS);
    let all = [inside.clone(), outside].concat();
    let targets = all.iter().zip(0..).map(|(name, at)| format!("{name}={}", at % partitions));
    let load = Load::readers(&stage.broker, "backlog", 60, &targets.collect::<Vec<_>>());
    load.goes_on(1.0, 2 * READERS);
    let begun = now();
    let verdict = stage.decided("small");
    let decided = now();
    stage.forgotten("small");
    load.goes_on(3.0, 2 * READERS);
    let all = load.finish();
    no_errors(&all);
    assert_eq!(verdict["verdict"], "rejected", "{verdict:#}");
    println!("{} after {:.1} s", verdict["why"], decided - begun);

    let (hurt, spared): (Vec<Seen>, Vec<Seen>) = all.into_iter().partition(|seen| inside.contains(&seen.client));
    let per_poll = |seen: &[Seen]| seen.iter().filter_map(|seen| seen.bytes).sum::<u64>() / seen.len().max(1) as u64;
    let during = |seen: &[Seen]| per_poll(&between(seen, begun, decided - 0.5));
    let after = |seen: &[Seen]| per_poll(&between(seen, decided + 0.5, f64::MAX));
    println!(
        "bytes a poll: arm {} then {}, control {} then {}",
        during(&hurt),
        after(&hurt),
        during(&spared),
        after(&spared)
    );
    assert!(during(&hurt) * 5 < during(&spared), "the arm had the value");
    assert!(during(&spared) * 2 > after(&spared), "control noticed");
    assert!(after(&hurt) * 2 > after(&spared), "nobody has the value any more");
    assert_eq!(stage.described(starved.setting), starved.usual);
    story::check(&stage);
}

#[test]
fn a_limit_that_keeps_members_out_is_rejected_while_others_come_and_go_as_ever() {
    played(|| {
        if !python::available() {
            return;
        }
        const MEMBERS: usize = 6;
        let stage = Stage::start(&[("group.min.session.timeout.ms", "1000")]);
        stage.connect().create_topic("work", 1, &[]).unwrap();
        let tried = measured_by(
            rollout("group.max.session.timeout.ms", 5000, 30.0),
            &json!([{"metric": "errors", "api": "JoinGroup", "margin": 1}]),
        );
        stage.write("shorter", &tried);
        let arm = stage.begun("shorter");
        let (inside, outside) = names("member", arm, MEMBERS);
        let load = Load::members(&stage.broker, "work", &[inside.clone(), outside].concat());
        let begun = now();
        let verdict = stage.decided("shorter");
        let decided = now();
        stage.forgotten("shorter");
        load.goes_on(2.0, 2 * MEMBERS);
        let all = load.finish();
        assert_eq!(verdict["verdict"], "rejected", "{verdict:#}");
        println!("{} after {:.1} s", verdict["why"], decided - begun);

        let (hurt, spared): (Vec<Seen>, Vec<Seen>) = all.into_iter().partition(|seen| inside.contains(&seen.client));
        no_errors(&spared);
        println!(
            "members of control: {} joins, p50 {:.1} ms, p99 {:.1} ms",
            spared.len(),
            quantile(&spared, 0.5),
            quantile(&spared, 0.99)
        );
        let kept_out = between(&hurt, begun, decided);
        let refused = kept_out.iter().filter(|seen| seen.error.as_deref() == Some("INVALID_SESSION_TIMEOUT")).count();
        assert!(refused >= MEMBERS, "the arm had the value: {kept_out:?}");
        let afterwards = between(&hurt, decided + 1.0, f64::MAX);
        assert!(afterwards.len() >= MEMBERS, "{afterwards:?}");
        no_errors(&afterwards);
        assert_eq!(stage.described("group.max.session.timeout.ms"), "1800000");
        story::check(&stage);
    });
}
