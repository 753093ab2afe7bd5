//! `kafka-consumer-groups` and `kafka-groups` with a group of the consumer protocol (KIP-848): while it has a member, and when it has
//! none any more.

use compat_tests::tools::Answer;
use compat_tests::tools::class::{CONSUMER_GROUPS, GROUPS};

use crate::groups::{Member, OFFSETS_HEADER, filled};
use crate::{Bench, on_both};

on_both!(a_group_that_the_broker_assigns_is_described_reset_and_deleted);

const GROUP: &str = "--group assigned";
const REFUSED: &str =
    "Error: Assignments can only be reset if the group 'assigned' is inactive, but the current state is Stable.";
const MANNED: &str = "* Group 'assigned' could not be deleted due to: org.apache.kafka.common.errors.GroupNotEmptyException: The group is not empty.";
const UNKNOWN: &str = "* Group 'assigned' could not be deleted due to: \
                       org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.";
const SUBSCRIBED: &str = "assigned 0 Error: org.apache.kafka.common.errors.GroupSubscribedToTopicException: Deleting offsets of a topic \
                          is forbidden while the consumer group is actively subscribed to it.";
const STATE_HEADER: &str = "GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE #MEMBERS";

fn a_group_that_the_broker_assigns_is_described_reset_and_deleted(bench: &mut Bench) {
    filled(bench, "assigned");
    let mut member = Member::start_with(bench, "assigned", &["--group-protocol", "consumer"]);
    let all_read = |answer: &Answer| answer.lines().iter().any(|line| line.starts_with("assigned assigned 0 4 4 0 "));
    bench.call_until(CONSUMER_GROUPS, &format!("--describe {GROUP}"), all_read);
    is_described_with_its_member(bench);
    is_left_alone_while_it_has_a_member(bench);
    member.leave();
    let empty = |answer: &Answer| answer.lines().contains(&"assigned Empty".to_owned());
    bench.call_until(CONSUMER_GROUPS, "--list --state", empty);
    is_reset_and_deleted_without(bench);
}

fn is_described_with_its_member(bench: &mut Bench) {
    let member = "ID /127.0.0.1 consumer-assigned-1";
    says(bench, "--describe", &[OFFSETS_HEADER, &format!("assigned assigned 0 4 4 0 {member}")]);
    says(
        bench,
        "--describe --members",
        &["GROUP CONSUMER-ID HOST CLIENT-ID #PARTITIONS", &format!("assigned {member} 1")],
    );
    says(
        bench,
        "--describe --members --verbose",
        &[
            "GROUP CONSUMER-ID HOST CLIENT-ID #PARTITIONS CURRENT-EPOCH CURRENT-ASSIGNMENT TARGET-EPOCH TARGET-ASSIGNMENT",
            &format!("assigned {member} 1 2 assigned:0 2 assigned:0"),
        ],
    );
    let coordinator = format!("assigned {} (1) uniform Stable", bench.broker.bootstrap());
    says(bench, "--describe --state", &[STATE_HEADER, &format!("{coordinator} 1")]);
    says(
        bench,
        "--describe --state --verbose",
        &[
            "GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE GROUP-EPOCH TARGET-ASSIGNMENT-EPOCH #MEMBERS",
            &format!("{coordinator} 2 2 1"),
        ],
    );
    let lists = [
        (CONSUMER_GROUPS, "--list --state stable", "assigned Stable"),
        (CONSUMER_GROUPS, "--list --type consumer", "assigned Consumer"),
        (GROUPS, "--list --group-type consumer", "assigned Consumer consumer"),
    ];
    for (tool, list, line) in lists {
        let listed = bench.lines(tool, list);
        assert!(listed.contains(&line.to_owned()), "{list}: {listed:?}");
    }
}

fn is_left_alone_while_it_has_a_member(bench: &mut Bench) {
    let reset = "--reset-offsets --topic assigned --to-earliest --execute";
    says(bench, reset, &[REFUSED, "GROUP TOPIC PARTITION NEW-OFFSET"]);
    says(bench, "--delete", &["Error: Deletion of some consumer groups failed:", MANNED]);
    let partly = "Error: Encountered some partition-level error, see the follow-up details.";
    says(bench, "--delete-offsets --topic assigned", &[partly, "TOPIC PARTITION STATUS", SUBSCRIBED]);
}

fn is_reset_and_deleted_without(bench: &mut Bench) {
    let coordinator = format!("assigned {} (1) uniform Empty 0", bench.broker.bootstrap());
    says(bench, "--describe --state", &[STATE_HEADER, &coordinator]);
    says(bench, "--describe --offsets", &[OFFSETS_HEADER, "assigned assigned 0 4 4 0 - - -"]);
    let reset = "--reset-offsets --topic assigned --to-offset 1 --execute";
    says(bench, reset, &["GROUP TOPIC PARTITION NEW-OFFSET", "assigned assigned 0 1"]);
    says(bench, "--describe --offsets", &[OFFSETS_HEADER, "assigned assigned 0 1 4 3 - - -"]);
    let deleted = "Request succeeded for deleting offsets from group assigned.";
    says(bench, "--delete-offsets --topic assigned:0", &[deleted, "TOPIC PARTITION STATUS", "assigned 0 Successful"]);
    says(bench, "--describe --offsets", &[]);
    says(bench, "--delete", &["Deletion of requested consumer groups ('assigned') was successful."]);
    says(bench, "--delete", &["Error: Deletion of some consumer groups failed:", UNKNOWN]);
}

/// What `kafka-consumer-groups` prints of the group, with the random id of the member made the same.
fn says(bench: &mut Bench, what: &str, expected: &[&str]) {
    let answer = bench.call(CONSUMER_GROUPS, &format!("{what} {GROUP}"));
    let lines: Vec<String> = answer.lines().iter().map(|line| without_id(line)).collect();
    assert_eq!(lines, expected, "{answer}");
}

/// A member's id is 22 characters of base 64 in front of its host.
fn without_id(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let host = words.iter().position(|word| word.starts_with('/'));
    let is_id = |at: usize| host == Some(at + 1) && words[at].len() == 22;
    words.iter().enumerate().map(|(at, word)| if is_id(at) { "ID" } else { word }).collect::<Vec<_>>().join(" ")
}
