//! A broker, the rollouts that are written into it, and the records that it keeps of them, all over TCP.

use std::time::Duration;

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::batch::BatchBuilder;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic, now_ms};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DescribeConfigsRequest, MetadataRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::await_some;
use crate::place::Arm;

pub const CONTROL: i32 = 0;
pub const CANARY: i32 = 1;
const CONFIG: &str = "__config";
const OF_BROKER: i8 = 4;

/// A broker under test.
pub struct Stage {
    pub broker: Catena,
}

/// A record of `__config`; those of one batch have the same `batch`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub offset: i64,
    pub batch: i64,
    /// When the batch was written.
    pub time_ms: i64,
    pub key: Value,
    pub value: Option<Value>,
}

impl Stage {
    pub fn start(settings: &[(&str, &str)]) -> Self {
        // Few settings of its own: what is tried is tried on the defaults.
        let options = Options::new().set("group.initial.rebalance.delay.ms", 0);
        let options = settings.iter().fold(options, |options, (name, value)| options.set(name, value));
        Self { broker: Catena::start(options) }
    }

    pub fn connect(&self) -> Connection {
        Connection::to(&self.broker).unwrap()
    }

    /// `kill -9`, and a start on what is there.
    pub fn crash(&mut self) {
        self.broker.kill();
        self.broker.restart();
    }

    /// Writes a rollout as a plain producer does; gives the error code and the message.
    pub fn try_write(&self, name: &str, rollout: Option<&Value>) -> (i16, String) {
        let mut response = self.send(name, rollout).receive::<ProduceRequest>(13).unwrap();
        let answer = response.responses.remove(0).partition_responses.remove(0);
        (answer.error_code, answer.error_message.map(|text| text.to_string()).unwrap_or_default())
    }

    /// The same without waiting for the answer.
    pub fn send(&self, name: &str, rollout: Option<&Value>) -> Connection {
        let mut client = self.connect();
        let topic = config_topic(&mut client, true).expect("it is made");
        let mut builder = BatchBuilder::new(now_ms());
        let (key, value) = (json!({ "rollout": name }).to_string(), rollout.map(Value::to_string));
        builder.push(Some(key.as_bytes()), value.as_ref().map(String::as_bytes));
        ProduceFrame::build(&topic, ProduceHeader::default(), &[(CANARY, &builder.build())]).send(&mut client).unwrap();
        client
    }

    pub fn write(&self, name: &str, rollout: &Value) {
        assert_eq!(self.try_write(name, Some(rollout)), (0, String::new()), "{name}: {rollout}");
    }

    /// Everything in a partition of `__config`, from its first record.
    pub fn entries(&self, partition: i32) -> Vec<Entry> {
        let mut client = self.connect();
        let Some(topic) = config_topic(&mut client, false) else { return Vec::new() };
        let batches = client.read_partition(&topic, partition, 0).unwrap();
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {bytes:?}"));
        let entries = batches.iter().flat_map(|batch| {
            assert!(batch.crc_matches());
            batch.records().unwrap().into_iter().map(move |record| Entry {
                offset: record.offset,
                batch: batch.base_offset,
                time_ms: batch.base_timestamp(),
                key: json(&record.key.expect("a key")),
                value: record.value.map(|value| json(&value)),
            })
        });
        entries.collect()
    }

    /// The last record of a rollout, if that is not its tombstone.
    pub fn standing(&self, name: &str) -> Option<Value> {
        let entries = self.entries(CANARY).into_iter().rev();
        entries.into_iter().find(|entry| entry.key["rollout"] == name)?.value
    }

    /// The arm in the last record of a rollout.
    pub fn arm(&self, name: &str) -> Option<Arm> {
        arm_of(&self.standing(name)?)
    }

    /// Waits until a rollout has an arm.
    pub fn begun(&self, name: &str) -> Arm {
        await_some(&format!("{name} begins"), || self.arm(name))
    }

    /// All verdicts on rollouts of that name, oldest first.
    pub fn verdicts(&self, name: &str) -> Vec<Value> {
        let entries = self.entries(CONTROL).into_iter().filter(|entry| entry.key["verdict"] == name);
        entries.filter_map(|entry| entry.value).collect()
    }

    /// Waits for the only verdict on the rollouts of that name.
    pub fn decided(&self, name: &str) -> Value {
        let verdicts = await_some(&format!("{name} is decided"), || {
            Some(self.verdicts(name)).filter(|verdicts| !verdicts.is_empty())
        });
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts[0].clone()
    }

    /// Waits until a rollout that is decided stands in the canary partition no more.
    pub fn forgotten(&self, name: &str) {
        await_some(&format!("{name} is forgotten"), || self.standing(name).is_none().then_some(()));
    }

    /// What DescribeConfigs says about a setting of the broker.
    pub fn described(&self, setting: &str) -> String {
        let mut client = self.connect();
        let id = client.metadata(None).unwrap().controller_id.0;
        let resource = DescribeConfigsResource::default()
            .with_resource_type(OF_BROKER)
            .with_resource_name(StrBytes::from_string(id.to_string()))
            .with_configuration_keys(Some(vec![StrBytes::from_string(setting.to_owned())]));
        let response = client.call(&DescribeConfigsRequest::default().with_resources(vec![resource]), 4).unwrap();
        let found = response.results[0].configs.first().unwrap_or_else(|| panic!("{setting}: {response:?}"));
        found.value.as_ref().map(|value| value.to_string()).unwrap_or_default()
    }
}

/// The arm that a rollout's record gives it.
pub fn arm_of(rollout: &Value) -> Option<Arm> {
    let place = |name: &str| rollout["arm"][name].as_u64().map(|place| place as u32);
    Some(Arm { from: place("from")?, to: place("to")? })
}

/// `__config`, made if it has to be.
fn config_topic(client: &mut Connection, make: bool) -> Option<Topic> {
    if make {
        let name = TopicName(StrBytes::from_static_str(CONFIG));
        let asked = MetadataRequestTopic::default().with_name(Some(name));
        let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
        client.call(&request, 12).unwrap();
    }
    client.topic(CONFIG).ok()
}

/// A rollout of one setting of all brokers.
pub fn rollout(setting: &str, value: impl ToString, share: f64) -> Value {
    json!({
        "v": 1,
        "changes": [{"resource": "broker", "name": "", "setting": setting, "value": value.to_string()}],
        "share": share,
        "samples_min": 200,
        "bake_s": 3,
        "timeout_s": 600,
    })
}

/// The rollout, measured by these alone.
pub fn measured_by(mut rollout: Value, metrics: &Value) -> Value {
    rollout["metrics"] = metrics.clone();
    rollout
}

/// The rollout, with this wish of its author.
pub fn with_state(mut rollout: Value, state: &str) -> Value {
    rollout["state"] = json!(state);
    rollout
}

/// The rollout, which the figures do not decide while a test lasts.
pub fn for_hours(mut rollout: Value) -> Value {
    rollout["bake_s"] = json!(Duration::from_secs(10 * 3600).as_secs());
    rollout["timeout_s"] = json!(Duration::from_secs(20 * 3600).as_secs());
    rollout
}
