//! Records that Kafka's own classes printed, and what is done to them in tests: one per line with name, key and value in
//! hex ("-": no value).

use std::fmt::Debug;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::RecordError;

const DAMAGED: usize = 200_000;

/// A golden file.
pub(crate) struct Golden(pub &'static str);

/// Key and value.
type Line = (Vec<u8>, Option<Vec<u8>>);

impl Golden {
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.lines().map(|line| line.split(' ').next().unwrap())
    }

    pub fn record(&self, name: &str) -> Line {
        let line = self.0.lines().find(|line| line.split(' ').next() == Some(name));
        let mut fields = line.unwrap_or_else(|| panic!("no line {name}")).split(' ').skip(1);
        let mut field = || fields.next().filter(|text| *text != "-").map(unhex);
        (field().unwrap(), field())
    }

    /// Every shorter key and value of these records is refused.
    pub fn assert_cut_off_is_refused<T: Debug>(
        &self,
        names: impl Iterator<Item = &'static str>,
        decode: impl Fn(&[u8], Option<&[u8]>) -> Result<T, RecordError>,
    ) {
        for name in names {
            let (key, value) = self.record(name);
            (0..key.len()).for_each(|len| assert!(decode(&key[..len], None).is_err(), "{name}: key of {len}"));
            let value = value.unwrap_or_default();
            (0..value.len())
                .for_each(|len| assert!(decode(&key, Some(&value[..len])).is_err(), "{name}: value of {len}"));
        }
    }

    /// Hands out damaged records.
    pub fn damaged(&self, mut check: impl FnMut(&[u8], Option<&[u8]>)) {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let lines: Vec<_> = self.names().map(|name| self.record(name)).collect();
        for _ in 0..DAMAGED {
            let (mut key, mut value) = lines[random.random_range(0..lines.len())].clone();
            damage(&mut random, &mut key);
            value.iter_mut().for_each(|value| damage(&mut random, value));
            check(&key, value.as_deref());
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn damage(random: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..bytes.len());
        bytes[at] = if random.random() { random.random() } else { [0, 0x7f, 0x80, 0xff][random.random_range(0..4)] };
    }
    if random.random_range(0..4) == 0 {
        bytes.truncate(random.random_range(1..=bytes.len()));
    }
}
