//! Versions that name topics by id: OffsetCommit and OffsetFetch 10; and DeleteGroups 3.

use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};
use uuid::Uuid;

use crate::Case;
use crate::raw::Body;
use crate::requests::{COMMIT, FETCH, Member, commit, fetch};
use crate::stage::{OTHER, Stage, TOPIC};
use crate::verbs::stable_alone;

pub const CASES: &[Case] = &[
    ("offsets are committed and read by topic id", by_id),
    ("offsets are committed by a name and read by an id", by_name_and_id),
    ("a commit by id that fits the group badly", bad_commits),
    ("groups are deleted in version three", delete_groups),
];

const COMMIT_BY_ID: (i16, i16) = (8, 10);
const FETCH_BY_ID: (i16, i16) = (9, 10);
const DELETE_GROUPS: (i16, i16) = (42, 3);
const UNKNOWN: Uuid = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);

/// Commits an offset of one partition of each topic.
fn commit_by_id(stage: &mut Stage, member: &Member, offsets: &[(Uuid, i32, i64)]) {
    let body = Body::default().text(&stage.group).int(member.generation).text(&member.id).null();
    let body = body.each(offsets, |body, (id, index, offset)| {
        let partition = |body: Body, index: &i32| body.int(*index).long(*offset).int(4).text("kept").end();
        body.id(*id).each(&[*index], partition).end()
    });
    stage.ask_raw(member.who, COMMIT_BY_ID, body.end());
}

/// Reads partitions 0 and 1 of each topic, or all there is.
fn fetch_by_id(stage: &mut Stage, topics: Option<&[Uuid]>) {
    let topic = |body: Body, id: &Uuid| body.id(*id).each(&[0, 1], |body, index| body.int(*index)).end();
    let group = stage.group.clone();
    let body = Body::default().each(&[group], |body, group| {
        let body = body.text(group).null().int(-1);
        let body = match topics {
            Some(topics) => body.each(topics, topic),
            None => body.null(),
        };
        body.end()
    });
    stage.ask_raw("reader", FETCH_BY_ID, body.flag(true).end());
}

fn by_id(stage: &mut Stage) {
    let (topic, other) = (stage.topic_id(TOPIC), stage.topic_id(OTHER));
    let anna = stable_alone(stage, "anna");
    commit_by_id(stage, &anna, &[(topic, 1, 5)]);
    commit_by_id(stage, &anna, &[(other, 0, 6)]);
    commit_by_id(stage, &anna, &[(UNKNOWN, 0, 7)]);
    commit_by_id(stage, &anna, &[(Uuid::nil(), 0, 8)]);
    commit_by_id(stage, &anna, &[(topic, 9, 9)]);
    fetch_by_id(stage, Some(&[topic]));
    fetch_by_id(stage, Some(&[UNKNOWN, other]));
    fetch_by_id(stage, Some(&[Uuid::nil()]));
    let request = fetch(stage, FETCH, None);
    stage.ask::<OffsetFetchRequest>("reader", FETCH, request);
}

fn by_name_and_id(stage: &mut Stage) {
    let topic = stage.topic_id(TOPIC);
    let nobody = Member::new("anna");
    fetch_by_id(stage, Some(&[topic]));
    fetch_by_id(stage, None);
    let request = commit(stage, &nobody, TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    fetch_by_id(stage, Some(&[topic]));
    fetch_by_id(stage, None);
}

fn bad_commits(stage: &mut Stage) {
    let topic = stage.topic_id(TOPIC);
    let stranger = Member { id: "stranger".into(), generation: 1, ..Member::new("eve") };
    commit_by_id(stage, &stranger, &[(topic, 0, 1)]);
    let anna = stable_alone(stage, "anna");
    commit_by_id(stage, &stranger, &[(topic, 0, 1)]);
    commit_by_id(stage, &Member { generation: 7, ..anna }, &[(topic, 0, 1)]);
}

fn delete_groups(stage: &mut Stage) {
    let base = stage.group.clone();
    stage.switch("stable");
    stable_alone(stage, "anna");
    stage.switch("offsets");
    let request = commit(stage, &Member::new("bob"), TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("bob", COMMIT, request);
    for suffix in ["stable", "offsets", "missing"] {
        let body = Body::default().each(&[suffix], |body, suffix| body.text(&format!("{base}/{suffix}")));
        stage.ask_raw("eve", DELETE_GROUPS, body.end());
    }
}
