//! What goes wrong, or just happens.

use rand::RngExt;

use super::super::*;
use super::network::Packet;
use super::process::any_wants;
use super::{SESSION_MS, Simulation};

impl Simulation {
    /// One thing goes wrong.
    pub fn fault(&mut self) {
        let now_ms = self.now_ms();
        let at = self.rng.random_range(0..self.processes.len());
        let away_ms = now_ms + self.rng.random_range(100..30_000);
        let choice = self.rng.random_range(0..100);
        self.note(|| format!("fault {choice} of m{at}"));
        match choice {
            0..15 => self.processes[at].stop(away_ms),
            15..30 => {
                let for_ms = self.rng.random_range(0..2 * SESSION_MS);
                self.processes[at].pauses_until_ms = now_ms + for_ms;
            }
            30..45 => {
                let for_good = choice < 37;
                self.leave(at, for_good);
                self.processes[at].stop(away_ms);
            }
            45..58 => {
                let wants = any_wants(&mut self.rng);
                self.processes[at].wants(wants, now_ms);
            }
            58..75 => self.topic(),
            75..90 => {
                self.server.log.refuse(Some(GroupError::CoordinatorNotAvailable));
                let for_ms = self.rng.random_range(0..5_000);
                self.network.send(now_ms + for_ms, Packet::Healthy);
            }
            90..95 => self.server.log.lose(),
            _ => {
                self.server.log.commit();
                self.server.release();
                self.answered();
                self.server.load();
                self.checks.loaded(&self.server);
            }
        }
    }

    /// A topic comes, grows or goes.
    fn topic(&mut self) {
        let name = format!("t{}", self.rng.random_range(0..4));
        let there = crate::groups::modern::Topics::named(&self.server.topics, &name);
        match there {
            None => drop(self.server.topics.make(&name, self.rng.random_range(1..5))),
            Some((_, partitions)) if self.rng.random_bool(0.6) => {
                self.server.topics.make(&name, partitions + self.rng.random_range(1..3));
            }
            Some(_) => {
                self.server.topics.delete(&name);
                self.server.handle(Message::TopicDeleted(name));
                self.checks.committed(&self.server);
            }
        }
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&mut self) {
        self.note(|| "healed".into());
        self.checks.quiet = true;
        self.server.log.refuse(None);
        let now_ms = self.now_ms();
        for process in &mut self.processes {
            process.pauses_until_ms = process.pauses_until_ms.min(now_ms);
        }
    }
}
