//! Where ids lie: the page's own rule, once more.

/// From one place up to, but not including, the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    pub from: u64,
    pub to: u64,
}

impl Arm {
    pub fn has(self, id: &str) -> bool {
        (self.from..self.to).contains(&place(id))
    }
}

/// The place of an id: CRC-32 as in zlib.
pub fn place(id: &str) -> u64 {
    let mut crc = flate2::Crc::new();
    crc.update(id.as_bytes());
    u64::from(crc.sum()) % 1_000_000
}
