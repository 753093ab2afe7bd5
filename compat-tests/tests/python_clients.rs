//! librdkafka and kafka-python, on Catena and on Apache Kafka.

use compat_tests::clients::{KAFKA_PYTHON, LIBRDKAFKA, basics, consumer_protocol, group};

#[test]
fn librdkafka_creates_produces_reads_seeks_and_fails_as_it_must() {
    basics::agree(&LIBRDKAFKA);
}

#[test]
fn members_of_librdkafka_share_leave_die_and_resume() {
    group::agree(&LIBRDKAFKA);
}

#[test]
fn kafka_python_creates_produces_reads_seeks_and_fails_as_it_must() {
    basics::agree(&KAFKA_PYTHON);
}

#[test]
fn members_of_kafka_python_share_leave_die_and_resume() {
    group::agree(&KAFKA_PYTHON);
}

#[test]
fn members_of_librdkafka_outlive_a_crash_of_the_broker() {
    group::outlive_a_crash(&LIBRDKAFKA);
}

#[test]
fn members_of_kafka_python_outlive_a_crash_of_the_broker() {
    group::outlive_a_crash(&KAFKA_PYTHON);
}

#[test]
fn members_of_librdkafka_and_kafka_python_share_one_group() {
    group::agree_mixed([&LIBRDKAFKA, &KAFKA_PYTHON]);
}

#[test]
fn librdkafka_sees_no_difference_where_everything_is_kept_in_gzip() {
    basics::agree_where_kept_in("gzip", &LIBRDKAFKA);
}

#[test]
fn kafka_python_sees_no_difference_where_everything_is_kept_in_zstd() {
    basics::agree_where_kept_in("zstd", &KAFKA_PYTHON);
}

#[test]
fn members_of_librdkafka_that_the_broker_assigns_share_leave_die_and_resume() {
    group::agree(&consumer_protocol::LIBRDKAFKA);
}

#[test]
fn members_of_librdkafka_that_the_broker_assigns_outlive_its_crash() {
    group::outlive_a_crash(&consumer_protocol::LIBRDKAFKA);
}
