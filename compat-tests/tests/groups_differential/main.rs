//! Classic groups, consumer groups and committed offsets: each case is played to Apache Kafka 4.4.0 and to Catena, and every answer must
//! be the same, but for the random part of member ids; and so must what is kept in `__consumer_offsets` in the end.
//!
//! What must always hold: a case uses groups of its own and is deterministic on Apache Kafka. Where the order of
//! requests on different connections matters, it waits until the first has arrived, never for a length of time.

mod canonical;
mod cases;
mod consumers;
mod kept;
mod raw;
mod requests;
mod stage;
mod verbs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use compat_tests::catena::Options;
use compat_tests::{Broker, Catena, Kafka, java};

use stage::Stage;

/// A scenario: its name, and what the members do.
type Case = (&'static str, fn(&mut Stage));

/// Rebalances begin at once, and members may be silent for a short time only, so that cases are quick.
const SETTINGS: [(&str, &str); 6] = [
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
    ("group.max.session.timeout.ms", "60000"),
    ("group.max.size", "3"),
    ("group.consumer.max.size", "3"),
    // A new assignment with every change, not a second later.
    ("group.consumer.assignment.interval.ms", "0"),
];

#[test]
fn groups_answer_as_those_of_apache_kafka() {
    if !java::available() {
        return;
    }
    let cases: Vec<Case> = cases::all();
    let (kafka, catena) = thread::scope(|scope| {
        let kafka = scope.spawn(|| play(&Kafka::start(&SETTINGS), &cases));
        let options = SETTINGS.iter().fold(Options::new(), |options, (name, value)| options.set(name, value));
        let catena = play(&Catena::start(options), &cases);
        (kafka.join().unwrap(), catena)
    });
    let pairs = cases.iter().zip(kafka.iter().zip(&catena));
    let different: Vec<_> = pairs.filter_map(|((name, _), (kafka, catena))| difference(name, kafka, catena)).collect();
    let count = format!("{} of {} cases differ", different.len(), cases.len());
    assert!(different.is_empty(), "{count}:\n{}", different.join("\n"));
}

/// The transcripts of all cases.
fn play(broker: &dyn Broker, cases: &[Case]) -> Vec<Vec<String>> {
    stage::prepare(broker);
    cases.iter().map(|(name, case)| transcript(broker, name, *case)).collect()
}

fn transcript(broker: &dyn Broker, name: &str, case: fn(&mut Stage)) -> Vec<String> {
    let mut stage = Stage::new(broker, name);
    let end = catch_unwind(AssertUnwindSafe(|| case(&mut stage)));
    if end.is_err() {
        stage.note(format!("{} broke the case off", broker.name()));
    }
    stage.see_what_is_kept();
    stage.transcript()
}

/// The lines in which two transcripts differ.
fn difference(name: &str, kafka: &[String], catena: &[String]) -> Option<String> {
    let lines = kafka.len().max(catena.len());
    let line = |transcript: &[String], at: usize| transcript.get(at).cloned().unwrap_or_default();
    let differs = |at: &usize| line(kafka, *at) != line(catena, *at);
    let shown = |at| format!("  kafka:  {}\n  catena: {}", line(kafka, at), line(catena, at));
    let different: Vec<String> = (0..lines).filter(differs).map(shown).collect();
    (!different.is_empty()).then(|| format!("{name}:\n{}", different.join("\n")))
}
