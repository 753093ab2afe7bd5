//! Random choices that a seed repeats (SplitMix64).

/// A source of choices.
#[derive(Debug)]
pub struct Dice(u64);

/// How likely something is, in 256ths.
#[derive(Debug, Clone, Copy)]
pub struct Chance(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A chance, often an extreme one: all is lost, or all but a little is there.
    pub fn chance(&mut self) -> Chance {
        let chances = [0, 8, 64, 128, 192, 248, 256];
        Chance(chances[(self.next() % chances.len() as u64) as usize])
    }

    /// Whether it happens.
    pub fn happens(&mut self, chance: Chance) -> bool {
        self.next() % 256 < chance.0
    }

    /// One of `count` things: the last one by `chance`, else any.
    pub fn pick(&mut self, count: usize, chance: Chance) -> usize {
        if self.happens(chance) { count - 1 } else { (self.next() % count as u64) as usize }
    }
}
