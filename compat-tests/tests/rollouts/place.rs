//! Who is in which arm: computed from docs/config-topics.md and with another CRC-32 than the broker's.

use flate2::Crc;

const PLACES: u32 = 1_000_000;

/// An arm as its record gives it: from one place up to, but not including, the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    pub from: u32,
    pub to: u32,
}

impl Arm {
    pub fn contains(self, place: u32) -> bool {
        (self.from..self.to).contains(&place)
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Whether it has the client that did not say who it is.
    pub fn has_client(self, client_id: &str) -> bool {
        self.contains(of_client(client_id))
    }

    pub fn has_partition(self, topic: &str, partition: i32) -> bool {
        self.contains(place(&format!("{topic}-{partition}")))
    }
}

pub fn of_client(client_id: &str) -> u32 {
    place(&format!("{client_id}@User:ANONYMOUS"))
}

fn place(unit: &str) -> u32 {
    let mut crc = Crc::new();
    crc.update(unit.as_bytes());
    crc.sum() % PLACES
}
