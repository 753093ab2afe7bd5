//! Fleets of real processes in three languages over a config topic; they read it with the readers of docs/config-topics.md, as these
//! stand in the page.
//!
//! What must always hold: which processes a value breaks depends on their ids alone, so the test knows them (python/fleet.py says
//! which); the arm is what the broker wrote into the topic; what a process uses is what it says itself.

mod places;
mod processes;
mod programs;
mod topic;

use compat_tests::played;
use std::time::{Duration, Instant};

use compat_tests::{Broker, program};

use places::{Arm, place};
use processes::{Fleet, Member, eventually};
use programs::Language;
use topic::{ConfigTopic, NAME, Presence};

const FLEET: [(Language, usize); 3] = [(Language::Java, 4), (Language::Python, 24), (Language::Go, 12)];
const PROCESSES: u64 = 40;
const HARMFUL: &str = "larger";
const HARMLESS: &str = "smaller";
/// Of a rollout that takes 20 seconds at least.
const MIDDLE_S: u64 = 8;
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn of_forty_processes_a_value_that_breaks_two_is_rejected_and_a_harmless_one_approved() {
    played(|| {
        if !programs::available() {
            return;
        }
        let mut topic = ConfigTopic::start();
        let begin = Instant::now();
        let told = |what: &str| println!("{:>5.1} s: {what}", begin.elapsed().as_secs_f64());
        let mut fleet = Fleet::start(&topic, &FLEET);
        everybody_uses(&fleet, "20");
        eventually("all of them report", || topic.presence("control") == reporting(PROCESSES));
        told("all are there");
        a_value_that_breaks_two_is_rejected(&mut topic, &fleet);
        told("rejected");
        a_harmless_value_is_approved(&topic, &mut fleet);
        told("approved");
    });
}

/// With a crash of the broker once the processes have the value.
fn a_value_that_breaks_two_is_rejected(topic: &mut ConfigTopic, fleet: &Fleet) {
    topic.tries(HARMFUL, "40", "50");
    eventually("it begins", || topic.arm(HARMFUL).is_some());
    let arm = topic.arm(HARMFUL).expect("was just there");
    let broken = fleet.ids(|member| member.is_fragile() && arm.has(&member.id));
    assert_eq!(broken.len(), 2, "the ids are chosen so: {broken:?} in {arm:?}");
    eventually("who is in the arm has the value", || {
        fleet.members.iter().all(|member| member.uses(if arm.has(&member.id) { "40" } else { "20" }))
    });
    eventually("the crash comes in the middle", || topic.status(HARMFUL)["seconds"].as_u64() >= Some(MIDDLE_S));
    assert_eq!(topic.verdict(HARMFUL), None);
    topic.crash();
    assert_eq!(topic.arm(HARMFUL), Some(arm), "whoever was in the arm still is");
    eventually("there is a verdict", || topic.verdict(HARMFUL).is_some());
    let (verdict, why) = topic.verdict(HARMFUL).expect("was just there");
    assert!(verdict == "rejected" && why.starts_with("errors is "), "{verdict}: {why}");
    everybody_uses(fleet, "20");
    assert!(topic.is_quiet(HARMFUL));
    assert_eq!(topic.standing(), ("20".to_owned(), 1, None));
    let has_tried = fleet.ids(|member| member.used().contains(&"40".to_owned()));
    assert_eq!(has_tried, fleet.ids(|member| arm.has(&member.id)), "nobody else ever had the value");
}

/// Although some processes lie, one never reports, and one of control dies.
fn a_harmless_value_is_approved(topic: &ConfigTopic, fleet: &mut Fleet) {
    topic.tries(HARMLESS, "10", "50");
    eventually("it begins", || topic.arm(HARMLESS).is_some());
    let arm = topic.arm(HARMLESS).expect("was just there");
    let liars = Language::ALL.map(|language| fleet.one(topic, language, "lie", &format!("liar-{}", language.name())));
    let mute = fleet.one(topic, Language::Python, "read", "mute");
    let in_arm = fleet.ids(|member| arm.has(&member.id)).len() as u64;
    fleet.lose(|id| !arm.has(id) && id.contains("python"));
    let (control, canary) = (Presence { reporting: PROCESSES - in_arm - 1, silent: 1 }, reporting(in_arm));
    eventually("the dead are missed, those who never made a report are not", || {
        (topic.presence("control"), topic.presence(HARMLESS)) == (control, canary)
    });
    let status = topic.status(HARMLESS);
    assert_eq!((status["status"].as_str(), in_its_words(&status["arm"])), (Some("running"), Some(arm)), "{status}");
    eventually("there is a verdict", || topic.verdict(HARMLESS).is_some());
    let (verdict, why) = topic.verdict(HARMLESS).expect("was just there");
    assert_eq!(verdict, "approved", "{why}");
    everybody_uses(fleet, "10");
    eventually("who does not report has it too", || mute.uses("10"));
    assert_eq!(topic.standing(), ("10".to_owned(), 2, Some(HARMLESS.to_owned())));
    for (language, liar) in Language::ALL.into_iter().zip(&liars) {
        eventually("liars are told", || liar.log().contains(refusal(language)));
        assert_eq!(topic.reported(&liar.id), None);
    }
}

#[test]
fn a_value_that_kills_processes_is_rejected_within_seconds() {
    played(|| {
        if !programs::available() {
            return;
        }
        let topic = ConfigTopic::start();
        let mut fleet = Fleet::start(&topic, &[(Language::Go, 12)]);
        everybody_uses(&fleet, "20");
        eventually("all of them report", || topic.presence("control") == reporting(12));
        let is_known = |member: &Member| topic.reports(&member.id) >= 3;
        eventually("it is known how much each does", || fleet.members.iter().all(is_known));
        topic.tries("none", "0", "50");
        eventually("it begins", || topic.arm("none").is_some());
        let arm = topic.arm("none").expect("was just there");
        let dead: Vec<String> =
            fleet.ids(|member| member.is_mortal() && arm.has(&member.id)).into_iter().map(str::to_owned).collect();
        assert!(dead.len() >= 2, "the ids are chosen so: {dead:?} in {arm:?}");
        eventually("there is a verdict", || topic.verdict("none").is_some());
        let (verdict, why) = topic.verdict("none").expect("was just there");
        assert!(verdict == "rejected" && why.starts_with("gross failure"), "{verdict}: {why}");
        for member in &mut fleet.members {
            assert_eq!(member.has_ended(), dead.contains(&member.id), "{}", member.id);
        }
        fleet.members.retain(|member| !dead.contains(&member.id));
        everybody_uses(&fleet, "20");
    });
}

#[test]
fn the_readers_and_the_broker_compute_the_places_that_stand_in_the_page() {
    played(|| {
        if !programs::available() {
            return;
        }
        let table = table();
        let topic = ConfigTopic::start();
        topic.tries("half", "30", "50");
        eventually("it begins", || topic.arm("half").is_some());
        let arm = topic.arm("half").expect("was just there");
        let in_arm: Vec<bool> = table.iter().map(|(id, _)| arm.has(id)).collect();
        assert!(
            in_arm.contains(&true) && in_arm.contains(&false),
            "some of the page's ids are in {arm:?} and some are not"
        );
        for language in Language::ALL {
            let mut command = language.command();
            command.args(["use", &topic.broker.bootstrap(), NAME]).args(table.iter().map(|(id, _)| id));
            let values: String = in_arm.iter().map(|is_in| if *is_in { "30\n" } else { "20\n" }).collect();
            program::run(command, LIMIT).expect_success().assert_lines(&values, language.name());
        }
        for ((id, stated), is_in) in table.iter().zip(in_arm) {
            assert_eq!(place(id), *stated, "{id}");
            topic.report(id, Some(r#"{"v":1,"requests":1}"#));
            let expected = if is_in { "half" } else { "control" };
            eventually("the broker has it in the same arm", || topic.presence(expected) == reporting(1));
            topic.report(id, None);
            eventually("it has left", || topic.presence(expected) == reporting(0));
        }
    });
}

/// What a client prints when more failed than was done: only Java's passes the broker's reason on.
fn refusal(language: Language) -> &'static str {
    match language {
        Language::Python => "report refused: Broker: Broker failed to validate record",
        Language::Go => "report refused: INVALID_RECORD",
        Language::Java => "report refused: a report cannot have more errors than requests",
    }
}

/// Ids and places as they stand in the page.
fn table() -> Vec<(String, u64)> {
    let row = |line: &str| {
        let (id, place) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
        Some((id.to_owned(), place.parse().ok()?))
    };
    let page = programs::page();
    let (_, below) = page.split_once("| id | place |\n|---|---|\n").expect("the page has the table");
    let table: Vec<_> = below.lines().map_while(row).collect();
    assert!(table.len() > 5, "{table:?}");
    table
}

fn everybody_uses(fleet: &Fleet, value: &str) {
    eventually(&format!("everybody uses {value}"), || fleet.members.iter().all(|member| member.uses(value)));
}

fn reporting(reporting: u64) -> Presence {
    Presence { reporting, silent: 0 }
}

fn in_its_words(arm: &serde_json::Value) -> Option<Arm> {
    Some(Arm { from: arm["from"].as_u64()?, to: arm["to"].as_u64()? })
}
