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

#[test]
fn kafkajs_sees_no_difference_where_everything_is_kept_in_lz4() {
    basics::agree_where_kept_in("lz4", &KAFKAJS);
}
