//! The only member of a group: fetches, commits, now and then joins again.
//!
//! What must always hold: commits move forward only, one at a time; a membership that the broker confirmed is kept over
//! crashes, because the broker must keep it too.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use compat_tests::wire::{COORDINATOR_NOT_READY, Connection, FetchPlan, Group, Membership, Result, Topic, kafka_error};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::is_cut_off;

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
const ASSIGNMENT: &[u8] = b"everything";

/// The member; lives as long as the test.
pub struct Member {
    group: Group,
    me: Membership,
    /// A join was under way when the broker was killed: the broker may have a newer generation than `me`.
    is_joining: bool,
    plan: FetchPlan,
    /// Offsets by partition of the last commit that was acknowledged, and of the last one that was sent.
    acknowledged: Vec<i64>,
    sent: Vec<i64>,
    random: SmallRng,
    pub commits: u64,
}

impl Member {
    /// Joins and commits offset 0.
    pub fn new(connection: &mut Connection, topic: &Topic, seed: u64) -> Self {
        let group = Group::new("crash-group");
        let me = group.join(connection, "", PATIENCE).unwrap();
        assert_eq!(group.sync(connection, &me, &[(&me.member_id, ASSIGNMENT)]).unwrap(), ASSIGNMENT);
        let plan = FetchPlan { max_wait_ms: 20, ..FetchPlan::new(topic, &topic.all()) };
        let start = vec![0; topic.partitions as usize];
        let random = SmallRng::seed_from_u64(seed);
        let mut member =
            Self { group, me, is_joining: false, plan, acknowledged: start.clone(), sent: start, random, commits: 0 };
        member.commit(connection).unwrap();
        member
    }

    /// Consumes and commits until the connection breaks.
    pub fn run_until_cut_off(&mut self, address: SocketAddr, by_power: bool) {
        let error = self.run(address).expect_err("only the end of the broker ends this");
        assert!(is_cut_off(&error, by_power), "member: {error}");
    }

    fn run(&mut self, address: SocketAddr) -> Result<()> {
        let mut connection = Connection::connect(address)?;
        loop {
            if self.is_joining || self.random.random_range(0..40) == 0 {
                self.join_again(&mut connection)?;
            }
            connection.fetch(&mut self.plan)?;
            self.commit(&mut connection)?;
        }
    }

    fn join_again(&mut self, connection: &mut Connection) -> Result<()> {
        self.is_joining = true;
        self.me = self.group.join(connection, &self.me.member_id, PATIENCE)?;
        let assigned = self.group.sync(connection, &self.me, &[(&self.me.member_id, ASSIGNMENT)])?;
        assert_eq!(assigned, ASSIGNMENT);
        self.is_joining = false;
        Ok(())
    }

    fn commit(&mut self, connection: &mut Connection) -> Result<()> {
        let (group, me, plan) = (&self.group, &self.me, &self.plan);
        self.sent = plan.positions.iter().map(|(_, offset)| *offset).collect();
        let code = once_ready(|| group.commit(connection, me, &plan.topic, &plan.positions))?;
        assert_eq!(code, 0, "a commit is refused");
        self.acknowledged = self.sent.clone();
        self.commits += 1;
        Ok(())
    }

    /// The broker has the last acknowledged commit or the one sent after it, and still knows this member.
    pub fn check(&mut self, connection: &mut Connection) {
        let deadline = Instant::now() + PATIENCE;
        let (group, topic) = (&self.group, &self.plan.topic);
        let committed = loop {
            match group.committed(connection, topic, &topic.all()).unwrap() {
                Ok(committed) => break committed,
                Err(code) if COORDINATOR_NOT_READY.contains(&code) && Instant::now() < deadline => {
                    std::thread::sleep(POLL);
                }
                Err(code) => kafka_error("OffsetFetch", code).unwrap(),
            }
        };
        assert!(
            committed == self.acknowledged || committed == self.sent,
            "{committed:?} is committed, acknowledged {:?}, sent {:?}",
            self.acknowledged,
            self.sent
        );
        // What is seen once is never taken back either.
        (self.acknowledged, self.sent) = (committed.clone(), committed);
        if !self.is_joining {
            let code = once_ready(|| group.heartbeat(connection, &self.me)).unwrap();
            assert_eq!(code, 0, "the broker does not know {:?} any more", self.me);
        }
    }
}

/// The first error code that is not "not yet".
fn once_ready(mut call: impl FnMut() -> Result<i16>) -> Result<i16> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call()? {
            code if COORDINATOR_NOT_READY.contains(&code) && Instant::now() < deadline => std::thread::sleep(POLL),
            code => return Ok(code),
        }
    }
}
