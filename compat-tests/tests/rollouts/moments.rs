//! `kill -9` at random moments around the begin of a rollout and around its verdict: before and between the records that the broker
//! writes, and while it carries them out. And an author and the broker who write at the same moment.
//!
//! A rollout is asked to begin, and to end, and the broker is killed a few milliseconds later. What must always hold after the start: if there is a
//! verdict, all its values rule, and without one none does; and once all is over, the records tell a consistent story.

use compat_tests::played;
use std::time::Duration;

use compat_tests::wire::now_ms;
use kafka_protocol::messages::ProduceRequest;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::stage::{CANARY, CONTROL, Stage, for_hours, rollout, with_state};
use crate::story;

/// Longest time between the wish and the kill, microseconds.
const DELAY_MAX: u64 = 12_000;
/// Rounds; more with `CATENA_ROLLOUT_KILLS`.
const ROUNDS: u64 = 25;
/// Rollouts that are taken back, and the longest time until then, microseconds.
const TAKEN_BACK: u32 = 300;
const TAKEN_BACK_AFTER_MAX: u64 = 3_000;
/// Changed together.
const SETTINGS: [&str; 2] = ["fetch.max.bytes", "max.request.partition.size.limit"];
/// Each round's value is its number above this.
const BASE: u64 = 100_000;

/// When the broker was killed.
#[derive(Debug, Default)]
struct Met {
    before_the_verdict: u32,
    before_the_tombstone: u32,
    after_both: u32,
}

#[test]
fn a_verdict_and_its_values_are_kept_together_or_not_at_all() {
    played(|| {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        let rounds =
            std::env::var("CATENA_ROLLOUT_KILLS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
        let mut stage = Stage::start(&[]);
        let (mut values, mut met) = (described(&stage), Met::default());
        for round in 1..=rounds {
            let (name, approve) = (format!("round-{round}"), random.random_bool(0.7));
            let rollout = for_hours(both(round));
            send_and_crash(&mut stage, &mut random, &name, &rollout);
            if stage.standing(&name).is_none() {
                stage.write(&name, &rollout);
            }
            stage.begun(&name);
            let wish = with_state(rollout, if approve { "approve" } else { "reject" });
            let killed = send_and_crash(&mut stage, &mut random, &name, &wish);
            finish(&stage, &name, &wish);
            met.count(&stage, &name, killed);
            values = if approve { [round, round].map(|value| (BASE + value).to_string()) } else { values };
            assert_eq!(described(&stage), values, "{name}");
        }
        println!("killed: {met:?}");
        story::check(&stage);
        stage.crash();
        assert_eq!(described(&stage), values);
    });
}

/// Kills the broker a moment after a record was sent; gives the time of the kill.
fn send_and_crash(stage: &mut Stage, random: &mut SmallRng, name: &str, rollout: &Value) -> i64 {
    let connection = stage.send(name, Some(rollout));
    std::thread::sleep(Duration::from_micros(random.random_range(0..DELAY_MAX)));
    stage.broker.kill();
    let killed = now_ms();
    drop(connection);
    stage.broker.restart();
    killed
}

/// Both values of a round belong together.
fn both(round: u64) -> Value {
    let value = (BASE + round).to_string();
    let change = |setting: &str| json!({"resource": "broker", "name": "", "setting": setting, "value": value});
    let mut rollout = rollout(SETTINGS[0], "", 10.0);
    rollout["changes"] = SETTINGS.map(change).into();
    rollout
}

fn described(stage: &Stage) -> [String; 2] {
    SETTINGS.map(|setting| stage.described(setting))
}

/// Waits for the verdict; the wish is written again if it was lost with the broker.
fn finish(stage: &Stage, name: &str, wish: &Value) {
    let standing = stage.standing(name).map(|standing| standing["state"].clone());
    if standing.is_some_and(|state| state == "start") {
        stage.write(name, wish);
    }
    let verdict = stage.decided(name);
    let expected = if wish["state"] == "approve" { "approved" } else { "rejected" };
    assert_eq!(verdict["verdict"], expected, "{verdict:#}");
    stage.forgotten(name);
}

impl Met {
    fn count(&mut self, stage: &Stage, name: &str, killed: i64) {
        let before = |partition: i32, key: Value| {
            let entries = stage.entries(partition);
            entries.iter().rfind(|entry| entry.key == key).is_some_and(|entry| entry.time_ms < killed)
        };
        match (before(CONTROL, json!({ "verdict": name })), before(CANARY, json!({ "rollout": name }))) {
            (false, _) => self.before_the_verdict += 1,
            (true, false) => self.before_the_tombstone += 1,
            (true, true) => self.after_both += 1,
        }
    }
}

/// An author who thinks better of it at once: the broker, which is just about to begin the rollout, must not write over that.
#[test]
fn what_an_author_takes_back_at_once_does_not_run() {
    played(|| {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        let stage = Stage::start(&[]);
        let rollout = for_hours(rollout("fetch.max.bytes", 100_000, 0.1));
        stage.write("first", &rollout);
        for round in 0..TAKEN_BACK {
            let name = format!("taken-back-{round}");
            let mut client = stage.send(&name, Some(&rollout));
            std::thread::sleep(Duration::from_micros(random.random_range(0..TAKEN_BACK_AFTER_MAX)));
            assert_eq!(stage.try_write(&name, None), (0, String::new()));
            client.receive::<ProduceRequest>(13).unwrap();
        }
        // The next rollout begins when all before it are dealt with.
        stage.write("last", &rollout);
        stage.begun("last");
        story::check(&stage);
    });
}
