//! So many rollouts, and no others, and who is in their arms.
//!
//! What must always hold: `run` returns when the records say that the arms are given, or taken; together they have half of the units.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flate2::Crc;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::bench::system::Running;
use crate::wire::batch::BatchBuilder;
use crate::wire::{Connection, Result, Topic, invalid, now_ms};

/// How long rollouts may take to begin or end.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
const CANARY: i32 = 1;
const PLACES: u32 = 1_000_000;
/// Percent of the units that are in an arm, of however many rollouts.
const SHARE: f64 = 50.0;
/// Longest time until a verdict: no rollout of this program ends by itself.
const BAKE_S: u32 = 86_400;

/// What has a value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A client, by what it calls itself.
    Client,
    /// A partition.
    Partition,
}

/// Starts and ends rollouts.
#[derive(Debug)]
pub struct Switch {
    client: Connection,
    config: Topic,
    unit: Unit,
    /// The topic that is under load.
    topic: Topic,
    /// The next record of the canary partition.
    next: i64,
    /// What stands there, by the rollout's name: its arm, when it has one.
    standing: BTreeMap<String, Option<(u32, u32)>>,
}

impl Switch {
    /// None runs yet.
    ///
    /// # Errors
    /// Of the socket.
    pub fn new(running: &Running, unit: Unit, topic: &Topic) -> Result<Self> {
        let mut client = running.connect()?;
        let config = config_topic(&mut client)?;
        Ok(Self { client, config, unit, topic: topic.clone(), next: 0, standing: BTreeMap::new() })
    }

    /// Lets exactly so many rollouts run.
    ///
    /// # Errors
    /// When they do not begin, or the others do not end.
    pub fn run(&mut self, count: usize) -> Result<()> {
        let wanted: Vec<String> = (0..count).map(|number| format!("{count}-{number}")).collect();
        let mut builder = BatchBuilder::new(now_ms());
        let key = |name: &str| json!({"rollout": name}).to_string();
        for name in self.standing.keys().filter(|name| !wanted.contains(name)) {
            builder.push(Some(key(name).as_bytes()), None);
        }
        for (number, name) in wanted.iter().enumerate().filter(|(_, name)| !self.standing.contains_key(*name)) {
            builder.push(Some(key(name).as_bytes()), Some(self.rollout(number, count).to_string().as_bytes()));
        }
        if !builder.payload().is_empty() {
            self.client.produce(&self.config, CANARY, &builder.build())?;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.check(count).is_err() {
            if Instant::now() > deadline {
                return Err(invalid(format!("{count} rollouts are to run, but: {:?}", self.standing)));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Whether exactly so many run.
    ///
    /// # Errors
    /// When there are more or less.
    pub fn check(&mut self, count: usize) -> Result<()> {
        self.read()?;
        let running = self.standing.values().flatten().count();
        let is_so = running == count && self.standing.len() == count;
        if is_so { Ok(()) } else { Err(invalid(format!("not {count} rollouts run: {:?}", self.standing))) }
    }

    /// The `number`th of `count`: a value that changes nothing.
    fn rollout(&self, number: usize, count: usize) -> Value {
        let change = match self.unit {
            Unit::Client => {
                json!({"resource": "broker", "name": "", "setting": "max.request.partition.size.limit", "value": (3_000 + number).to_string()})
            }
            Unit::Partition => {
                let days = 604_800_000 + number;
                json!({"resource": "topic", "name": self.topic.name, "setting": "retention.ms", "value": days.to_string()})
            }
        };
        json!({"v": 1, "share": SHARE / count as f64, "bake_s": BAKE_S, "changes": [change]})
    }

    /// Takes in what is new in the canary partition.
    fn read(&mut self) -> Result<()> {
        for batch in self.client.read_partition(&self.config, CANARY, self.next)? {
            self.next = batch.next_offset();
            for record in batch.records()? {
                let key: Value = serde_json::from_slice(record.key.as_deref().unwrap_or_default())?;
                let name = key["rollout"].as_str().unwrap_or_default().to_owned();
                let Some(value) = record.value else {
                    self.standing.remove(&name);
                    continue;
                };
                let arm = &serde_json::from_slice::<Value>(&value)?["arm"];
                let place = |end: &str| arm[end].as_u64().map(|place| place as u32);
                self.standing.insert(name, place("from").zip(place("to")));
            }
        }
        Ok(())
    }

    /// Whether a place is in an arm of those that run.
    fn has(&self, place: u32) -> bool {
        self.standing.values().flatten().any(|(from, to)| (*from..*to).contains(&place))
    }

    /// Client ids, of which for each of two numbers of rollouts half are in an arm.
    ///
    /// # Errors
    /// Of the socket.
    pub fn names(&mut self, clients: usize, counts: &[usize]) -> Result<Vec<String>> {
        let candidates: Vec<String> = (0..100 * clients).map(|number| format!("client-{number}")).collect();
        let mut kinds = vec![0_usize; candidates.len()];
        for count in counts.iter().filter(|count| **count > 0) {
            self.run(*count)?;
            let kinds = kinds.iter_mut().zip(&candidates);
            kinds.for_each(|(kind, name)| *kind = *kind * 2 + usize::from(self.has(place_of_client(name))));
        }
        let all = 1 << counts.iter().filter(|count| **count > 0).count();
        let of = |wanted: usize| candidates.iter().zip(&kinds).filter(move |(_, kind)| **kind == wanted);
        let names: Vec<String> =
            (0..all).flat_map(|kind| of(kind).take(clients.div_ceil(all))).map(|(name, _)| name.clone()).collect();
        if names.len() < clients {
            Err(invalid("no clients that are in one arm and not in the other"))
        } else {
            Ok(names)
        }
    }

    /// How many units of the load are in an arm, in words.
    ///
    /// # Errors
    /// Of the socket.
    pub fn describe(&mut self, names: &[String], counts: &[usize]) -> Result<String> {
        let mut words = Vec::new();
        for count in counts.iter().filter(|count| **count > 0) {
            self.run(*count)?;
            let places: Vec<u32> = match self.unit {
                Unit::Client => names.iter().map(|name| place_of_client(name)).collect(),
                Unit::Partition => {
                    self.topic.all().iter().map(|index| place(&format!("{}-{index}", self.topic.name))).collect()
                }
            };
            let inside = places.iter().filter(|place| self.has(**place)).count();
            words.push(format!("{inside} of {} {:?}s are in arms of {count} rollouts", places.len(), self.unit));
        }
        Ok(words.join(", "))
    }
}

fn place_of_client(client_id: &str) -> u32 {
    place(&format!("{client_id}@User:ANONYMOUS"))
}

fn place(unit: &str) -> u32 {
    let mut crc = Crc::new();
    crc.update(unit.as_bytes());
    crc.sum() % PLACES
}

fn config_topic(client: &mut Connection) -> Result<Topic> {
    let asked = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str("__config"))));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
    client.call(&request, 12)?;
    client.topic("__config")
}
