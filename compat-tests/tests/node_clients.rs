//! kafkajs, on Catena and on Apache Kafka.

use compat_tests::clients::{KAFKAJS, basics, group};

#[test]
fn kafkajs_creates_produces_reads_seeks_and_fails_as_it_must() {
    basics::agree(&KAFKAJS);
}

#[test]
fn members_of_kafkajs_share_leave_die_and_resume() {
    group::agree(&KAFKAJS);
}

#[test]
fn members_of_kafkajs_outlive_a_crash_of_the_broker() {
    group::outlive_a_crash(&KAFKAJS);
}
