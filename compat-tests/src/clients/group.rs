//! Members of one library, or of two, share a topic: they join, commit, leave, are killed, and resume. Which member
//! gets which partition is the library's affair; everything else is exact.

use std::collections::BTreeSet;
use std::io;

use kafka_protocol::messages::ListGroupsRequest;

use super::member::{Member, Seen, until};
use super::{Family, on_both};
use crate::Broker;
use crate::wire::batch::BatchBuilder;
use crate::wire::{Connection, Group, Topic};

const STAYS: usize = 0;
const COMES_AND_GOES: usize = 1;
const ALL: [i64; 4] = [0, 1, 2, 3];
const TIME: i64 = 1_700_000_000_000;

/// Runs members of `family` on both brokers; both must give them exactly what the scenario says.
pub fn agree(family: &Family) {
    agree_mixed([family, family]);
}

/// As [`agree`], with those who come and go from the second family.
pub fn agree_mixed(families: [&Family; 2]) {
    if families.iter().all(|family| family.available()) {
        on_both(|broker| Scene::open(families, broker).and_then(Scene::play).unwrap_or_else(|e| panic!("{e}")));
    }
}

/// Two members of `family`, and the broker killed under them: what is committed stays, and both go on.
pub fn outlive_a_crash(family: &Family) {
    if !family.available() {
        return;
    }
    let mut catena = super::catena();
    let members = Scene::open([family; 2], &catena).and_then(Scene::two_members_commit);
    let [mut first, mut second] = members.unwrap_or_else(|e| panic!("{}: {e}", family.name));
    catena.kill();
    catena.restart();
    let went_on = Scene::reopen([family; 2], &catena, 10).and_then(|scene| scene.both_go_on(&mut first, &mut second));
    went_on.unwrap_or_else(|e| panic!("{}: {e}", family.name));
}

/// A member stands still for longer than its session: the other has its partitions, and what the first commits when it comes back is
/// refused; then it is a member again.
pub fn fence_who_stood_still(family: &Family) {
    if family.available() {
        on_both(|broker| {
            let scene = Scene::open_named("still-", [family; 2], broker);
            scene.and_then(Scene::one_stands_still).unwrap_or_else(|e| panic!("{e}"))
        });
    }
}

struct Scene<'a> {
    /// Of who stays, and of who comes and goes.
    families: [&'a Family; 2],
    broker: &'a dyn Broker,
    connection: Connection,
    topic: Topic,
    group: Group,
    /// Records in each partition.
    length: i64,
    /// The committed offsets after each act.
    history: Vec<Vec<i64>>,
}

impl<'a> Scene<'a> {
    fn open(families: [&'a Family; 2], broker: &'a dyn Broker) -> io::Result<Self> {
        Self::open_named("", families, broker)
    }

    /// Scenes that share a broker need names of their own.
    fn open_named(prefix: &str, families: [&'a Family; 2], broker: &'a dyn Broker) -> io::Result<Self> {
        let mut connection = Connection::to(broker)?;
        let topic = format!("{prefix}{}", name(families, "topic"));
        let topic = connection.create_topic(&topic, ALL.len() as i32, &[])?;
        let group = Group::new(&format!("{prefix}{}", name(families, "group")));
        Ok(Self { group, ..Self::with(families, broker, connection, topic, 0) })
    }

    fn reopen(families: [&'a Family; 2], broker: &'a dyn Broker, length: i64) -> io::Result<Self> {
        let mut connection = Connection::to(broker)?;
        let topic = connection.topic(&name(families, "topic"))?;
        Ok(Self::with(families, broker, connection, topic, length))
    }

    fn with(
        families: [&'a Family; 2],
        broker: &'a dyn Broker,
        connection: Connection,
        topic: Topic,
        length: i64,
    ) -> Self {
        let group = Group::new(&name(families, "group"));
        Self { families, broker, connection, topic, group, length, history: Vec::new() }
    }

    fn two_members_commit(mut self) -> io::Result<[Member; 2]> {
        let (mut first, mut second) = (self.join(STAYS), self.join(COMES_AND_GOES));
        until("half for each", &mut [&mut first, &mut second], halves);
        self.produce(10)?;
        until("all records", &mut [&mut first, &mut second], |seen| count(seen) >= 40);
        first.commit(&[]);
        second.commit(&[]);
        self.assert_committed([10; 4])?;
        self.assert_type()?;
        Ok([first, second])
    }

    fn one_stands_still(mut self) -> io::Result<Vec<Vec<i64>>> {
        let (mut first, mut second) = (self.join(STAYS), self.join(COMES_AND_GOES));
        until("half for each", &mut [&mut first, &mut second], halves);
        self.produce(10)?;
        until("all records", &mut [&mut first, &mut second], |seen| count(seen) >= 40);
        first.commit(&[]);
        second.commit_too_late(|| {
            until("all for who stays", &mut [&mut first], |seen| {
                seen[0].assigned == ALL && seen[0].records.len() >= 40
            });
            first.commit(&[4; 4]);
        });
        self.assert_committed([4; 4])?;
        until("half for each again", &mut [&mut first, &mut second], halves);
        second.commit(&[]);
        first.leave();
        second.leave();
        Ok(self.history)
    }

    fn both_go_on(mut self, first: &mut Member, second: &mut Member) -> io::Result<()> {
        self.assert_committed([10; 4])?;
        self.produce(5)?;
        let fresh = |seen: &[Seen]| -> BTreeSet<(i64, i64)> {
            seen.iter().flat_map(|one| one.records[20..].to_vec()).collect()
        };
        let expected: BTreeSet<(i64, i64)> = records(&ALL, 10..15).into_iter().collect();
        until("all new records", &mut [first, second], |seen| fresh(seen).len() >= expected.len());
        // A member that had to join again begins at what it committed: never before.
        assert_eq!(fresh(&[first.seen(), second.seen()]), expected);
        self.assert_committed([10; 4])
    }

    fn play(mut self) -> io::Result<Vec<Vec<i64>>> {
        let mut first = self.one_member_reads_and_commits_everything()?;
        self.a_second_member_takes_half_and_gives_it_back(&mut first)?;
        self.a_killed_member_leaves_what_it_did_not_commit(&mut first)?;
        self.who_comes_later_resumes_where_the_group_stands(first)?;
        Ok(self.history)
    }

    fn one_member_reads_and_commits_everything(&mut self) -> io::Result<Member> {
        self.produce(10)?;
        let mut first = self.join(STAYS);
        until("all of it for one", &mut [&mut first], |seen| seen[0].assigned == ALL && seen[0].records.len() >= 40);
        assert_eq!(first.records_after(0), records(&ALL, 0..10));
        first.commit(&[]);
        self.assert_committed([10; 4])?;
        self.assert_type()?;
        Ok(first)
    }

    fn a_second_member_takes_half_and_gives_it_back(&mut self, first: &mut Member) -> io::Result<()> {
        let mut second = self.join(COMES_AND_GOES);
        until("half for each", &mut [first, &mut second], halves);
        let before = first.seen().records.len();
        self.produce(5)?;
        until("all records", &mut [first, &mut second], |seen| count(seen) >= before + 20);
        assert_eq!(first.records_after(before), records(&first.seen().assigned, 10..15));
        assert_eq!(second.records_after(0), records(&second.seen().assigned, 10..15));
        first.commit(&[]);
        second.commit(&[]);
        self.assert_committed([15; 4])?;
        second.leave();
        until("all for who stays", &mut [first], |seen| seen[0].assigned == ALL);
        Ok(())
    }

    fn a_killed_member_leaves_what_it_did_not_commit(&mut self, first: &mut Member) -> io::Result<()> {
        let mut third = self.join(COMES_AND_GOES);
        until("half for each", &mut [first, &mut third], halves);
        let before = first.seen().records.len();
        self.produce(5)?;
        until("all records", &mut [first, &mut third], |seen| count(seen) >= before + 20);
        first.commit(&[]);
        let (kept, lost) = (first.seen().assigned, third.seen().assigned);
        assert_eq!(third.records_after(0), records(&lost, 15..20));
        self.assert_committed_are(&|partition| if kept.contains(&partition) { 20 } else { 15 })?;
        third.kill();
        let again = before + 20;
        until("all of the dead one's", &mut [first], |seen| seen[0].assigned == ALL && seen[0].records.len() >= again);
        let mut expected = records(&kept, 15..20);
        expected.extend(records(&lost, 15..20));
        expected.sort_unstable();
        assert_eq!(first.records_after(before), expected);
        first.commit(&[]);
        self.assert_committed([20; 4])
    }

    fn who_comes_later_resumes_where_the_group_stands(&mut self, mut first: Member) -> io::Result<()> {
        first.commit(&[3, 6, 9, 12]);
        self.assert_committed([3, 6, 9, 12])?;
        first.leave();
        self.assert_committed([3, 6, 9, 12])?;
        let mut fourth = self.join(COMES_AND_GOES);
        let from = ALL.iter().flat_map(|partition| records(&[*partition], 3 + 3 * partition..20));
        let expected: Vec<(i64, i64)> = from.collect();
        until("the rest", &mut [&mut fourth], |seen| seen[0].records.len() >= expected.len());
        assert_eq!(fourth.records_after(0), expected);
        fourth.leave();
        Ok(())
    }

    fn join(&self, who: usize) -> Member {
        Member::join(self.families[who], self.broker, &self.topic.name, &self.group.id)
    }

    /// Appends `count` records to each partition.
    fn produce(&mut self, count: i64) -> io::Result<()> {
        let mut batch = BatchBuilder::new(TIME);
        for _ in 0..count {
            batch.push(None, Some(b"record"));
        }
        for partition in self.topic.all() {
            assert_eq!(self.connection.produce(&self.topic, partition, &batch.build())?, self.length);
        }
        self.length += count;
        Ok(())
    }

    fn assert_committed(&mut self, expected: [i64; 4]) -> io::Result<()> {
        let committed = self.committed()?;
        assert_eq!(committed, expected, "{} on {}", self.group.id, self.broker.name());
        self.history.push(committed);
        Ok(())
    }

    fn assert_committed_are(&mut self, expected: &dyn Fn(i64) -> i64) -> io::Result<()> {
        let expected: Vec<i64> = ALL.iter().map(|partition| expected(*partition)).collect();
        assert_eq!(self.committed()?, expected, "{} on {}", self.group.id, self.broker.name());
        Ok(())
    }

    /// The members speak the protocol that they are meant to.
    fn assert_type(&mut self) -> io::Result<()> {
        let listed = self.connection.call(&ListGroupsRequest::default(), 5)?.groups;
        let of_mine = listed.into_iter().filter(|group| group.group_id.0.as_str() == self.group.id);
        let types: Vec<String> = of_mine.map(|group| group.group_type.to_string()).collect();
        assert_eq!(types, [self.families[STAYS].group_type], "{} on {}", self.group.id, self.broker.name());
        Ok(())
    }

    fn committed(&mut self) -> io::Result<Vec<i64>> {
        let answer = self.group.committed(&mut self.connection, &self.topic, &self.topic.all())?;
        Ok(answer.unwrap_or_else(|code| panic!("OffsetFetch: error code {code}")))
    }
}

fn name([stays, comes]: [&Family; 2], what: &str) -> String {
    format!("{}-{}-{what}", stays.name, comes.name)
}

/// The offsets of all the partitions, in order.
fn records(partitions: &[i64], offsets: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    partitions.iter().flat_map(|partition| offsets.clone().map(|offset| (*partition, offset))).collect()
}

fn count(seen: &[Seen]) -> usize {
    seen.iter().map(|one| one.records.len()).sum()
}

/// Whether two members have two partitions each, and together all.
fn halves(seen: &[Seen]) -> bool {
    let together: BTreeSet<i64> = seen.iter().flat_map(|one| one.assigned.clone()).collect();
    together.into_iter().eq(ALL) && seen.iter().all(|one| one.assigned.len() == ALL.len() / 2)
}
