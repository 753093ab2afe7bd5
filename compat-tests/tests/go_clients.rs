//! franz-go, on Catena and on Apache Kafka.

use compat_tests::clients::{FRANZ_GO, basics, consumer_protocol, group};

#[test]
fn franz_go_creates_produces_reads_seeks_and_fails_as_it_must() {
    basics::agree(&FRANZ_GO);
}

#[test]
fn members_of_franz_go_share_leave_die_and_resume() {
    group::agree(&FRANZ_GO);
}

#[test]
fn members_of_franz_go_outlive_a_crash_of_the_broker() {
    group::outlive_a_crash(&FRANZ_GO);
}

#[test]
fn franz_go_sees_no_difference_where_everything_is_kept_in_snappy() {
    basics::agree_where_kept_in("snappy", &FRANZ_GO);
}

#[test]
fn members_of_franz_go_that_the_broker_assigns_share_leave_die_and_resume() {
    group::agree(&consumer_protocol::FRANZ_GO);
}

#[test]
fn members_of_franz_go_that_the_broker_assigns_outlive_its_crash() {
    group::outlive_a_crash(&consumer_protocol::FRANZ_GO);
}
