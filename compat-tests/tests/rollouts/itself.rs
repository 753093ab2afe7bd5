//! What can be done to `__config` by way of its own settings: nothing that costs it a record.

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::protocol::StrBytes;

use crate::stage::{CONTROL, Stage};

const OF_TOPIC: i8 = 2;
const OF_BROKER: i8 = 4;
const SET: i8 = 0;
const POLICY_VIOLATION: i16 = 44;

/// The error code and message of a change.
fn alter(stage: &Stage, kind: i8, name: &str, setting: &str, value: &str) -> (i16, String) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config =
        AlterableConfig::default().with_name(text(setting)).with_config_operation(SET).with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let mut response = stage.connect().call(&request, 1).unwrap();
    let answer = response.responses.remove(0);
    (answer.error_code, answer.error_message.map(|text| text.to_string()).unwrap_or_default())
}

/// Whoever set `max.message.bytes` of `__config` to 0 could never change anything again, and with `cleanup.policy=delete` it lost
/// what had been changed. Nor may it be made with such settings before the broker makes it.
#[test]
fn no_limit_or_retention_costs_the_configuration_its_records() {
    let mut stage = Stage::start(&[("log.retention.check.interval.ms", "200"), ("log.segment.delete.delay.ms", "0")]);
    let made = stage.connect().create_topic("__config", 1, &[("cleanup.policy", "delete")]);
    assert!(made.is_err_and(|error| error.to_string().contains(&POLICY_VIOLATION.to_string())));
    for (setting, value) in [("message.max.bytes", "0"), ("log.retention.ms", "1"), ("log.segment.bytes", "1048576")] {
        assert_eq!(alter(&stage, OF_BROKER, "", setting, value), (0, String::new()));
    }
    for (setting, value) in
        [("max.message.bytes", "0"), ("cleanup.policy", "delete"), ("retention.ms", "1"), ("segment.bytes", "1048576")]
    {
        let (code, told) = alter(&stage, OF_TOPIC, "__config", setting, value);
        assert_eq!(code, POLICY_VIOLATION, "{setting}={value}: {told}");
    }
    for number in 0..3 {
        assert_eq!(alter(&stage, OF_BROKER, "", "fetch.max.bytes", &format!("10000{number}")), (0, String::new()));
    }
    for _ in 0..2 {
        stage.crash();
        assert_eq!(stage.entries(CONTROL)[0].offset, 0);
        assert_eq!(stage.described("fetch.max.bytes"), "100002");
    }
}
