//! A config topic as its owner sees it: through the command line, and what stands in its records.

use std::process::Command;
use std::time::Duration;

use compat_tests::program::{self, Output};
use compat_tests::wire::{
    Connection, Topic,
    batch::{BatchBuilder, RecordView},
    now_ms,
};
use compat_tests::{Broker, Catena, catena};
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::protocol::StrBytes;
use serde_json::Value;

use crate::places::Arm;

pub const NAME: &str = "pool";
const CONTROL: i32 = 0;
const CANARY: i32 = 1;
const REPORTS: i32 = 2;
const TOPIC: i8 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

/// A config topic on a broker.
pub struct ConfigTopic {
    pub broker: Catena,
    topic: Topic,
}

/// How many processes report, and how many fell silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    pub reporting: u64,
    pub silent: u64,
}

impl ConfigTopic {
    /// A broker with a config topic in which `pool.size` is 20.
    pub fn start() -> Self {
        let broker = Catena::start(catena::Options::new());
        cli(&broker, &["config-topic", "create", NAME]);
        cli(&broker, &["config-topic", "set", NAME, "pool.size=20"]);
        let topic = Connection::to(&broker).and_then(|mut client| client.topic(NAME)).expect("was made just now");
        Self { broker, topic }
    }

    /// Tries a value on `share` percent of the processes.
    pub fn tries(&self, rollout: &str, pool_size: &str, share: &str) {
        let change = format!("pool.size={pool_size}");
        let rules = ["--metric", "errors:2", "--samples", "200", "--bake", "5s", "--timeout", "100s"];
        let words = ["rollout", "--topic", NAME, "start", rollout, &change, "--share", share];
        cli(&self.broker, &[&words[..], &rules].concat());
    }

    /// `kill -9`, and a new start.
    pub fn crash(&mut self) {
        self.broker.kill();
        self.broker.restart();
    }

    /// The arm of a rollout that has begun and stands there yet.
    pub fn arm(&self, rollout: &str) -> Option<Arm> {
        let record = self.newest(CANARY, &format!(r#"{{"rollout":"{rollout}"}}"#))?;
        let place = |end: &str| record["arm"][end].as_u64();
        Some(Arm { from: place("from")?, to: place("to")? })
    }

    /// Whether nothing is tried any more.
    pub fn is_quiet(&self, rollout: &str) -> bool {
        self.newest(CANARY, &format!(r#"{{"rollout":"{rollout}"}}"#)).is_none()
    }

    /// The verdict: in one word, and why.
    pub fn verdict(&self, rollout: &str) -> Option<(String, String)> {
        let record = self.newest(CONTROL, &format!(r#"{{"verdict":"{rollout}"}}"#))?;
        let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
        Some((text("verdict"), text("why")))
    }

    /// What stands in control: the value, its version, and the rollout that brought it.
    pub fn standing(&self) -> (String, u64, Option<String>) {
        let record = self.newest(CONTROL, "pool.size").expect("was set");
        let text = |field: &str| record[field].as_str().map(str::to_owned);
        (text("value").unwrap_or_default(), record["version"].as_u64().unwrap_or_default(), text("rollout"))
    }

    /// What a process said last.
    pub fn reported(&self, id: &str) -> Option<Value> {
        self.newest(REPORTS, id)
    }

    /// How often a process has reported.
    pub fn reports(&self, id: &str) -> usize {
        self.records(REPORTS).iter().filter(|record| record.key.as_deref() == Some(id.as_bytes())).count()
    }

    /// Says what the process `id` did; none is its good-bye.
    pub fn report(&self, id: &str, report: Option<&str>) {
        let mut batch = BatchBuilder::new(now_ms());
        batch.push(Some(id.as_bytes()), report.map(str::as_bytes));
        self.client().produce(&self.topic, REPORTS, &batch.build()).expect("a good report");
    }

    /// Who takes part: in control, or in the arm of a rollout.
    pub fn presence(&self, arm: &str) -> Presence {
        let told = self.told();
        let count = |what: &str| told["instances"][arm][what].as_u64().unwrap_or_default();
        Presence { reporting: count("reporting"), silent: count("silent") }
    }

    /// How a rollout stands, in the broker's words.
    pub fn status(&self, rollout: &str) -> Value {
        let told = self.told();
        let rollouts = told["rollouts"].as_array().cloned().unwrap_or_default();
        rollouts.into_iter().find(|status| status["rollout"] == rollout).unwrap_or_default()
    }

    /// What DescribeConfigs tells of the topic under `catena.rollouts`.
    fn told(&self) -> Value {
        let key = StrBytes::from_static_str("catena.rollouts");
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_static_str(NAME))
            .with_configuration_keys(Some(vec![key]));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let response = self.client().call(&request, 4).expect("DescribeConfigs");
        let settings = response.results.first().map(|result| result.configs.as_slice()).unwrap_or_default();
        let value = settings.first().and_then(|setting| setting.value.clone()).expect("it is asked for by name");
        serde_json::from_str(&value).unwrap_or_else(|e| panic!("{e}: {value}"))
    }

    /// The newest value of a key, unless it is a tombstone.
    fn newest(&self, partition: i32, key: &str) -> Option<Value> {
        let mut records = self.records(partition).into_iter();
        let newest = records.rfind(|record| record.key.as_deref() == Some(key.as_bytes()))?;
        newest.value.map(|value| serde_json::from_slice(&value).expect("JSON"))
    }

    fn records(&self, partition: i32) -> Vec<RecordView> {
        let batches = self.client().read_partition(&self.topic, partition, 0).expect("the partition");
        let records = batches.iter().map(|batch| batch.decompressed().and_then(|batch| batch.records()));
        records.flat_map(|records| records.expect("records")).collect()
    }

    fn client(&self) -> Connection {
        Connection::to(&self.broker).expect("the broker is there")
    }
}

fn cli(broker: &Catena, words: &[&str]) -> Output {
    let mut command = Command::new(catena::binary());
    command.args(words).args(["--bootstrap-server", &broker.bootstrap()]);
    program::run(command, PATIENCE).expect_success()
}
