//! What the disk may hold of the names in a directory: the durable ones, and every change since, in order.
//!
//! What must always hold: changes of different names are independent; a change is on the disk only together with all earlier ones of
//! the same names; a rename within a directory happens as a whole. Neither syncing a file nor syncing a directory below makes a name
//! durable, and a rename into another directory is two changes.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use super::dice::Dice;

/// Names with what they stand for.
pub type Names = BTreeMap<String, Node>;

/// A directory.
#[derive(Debug, Default)]
pub struct Directory {
    now: Names,
    durable: Names,
    unsynced: Vec<Change>,
}

/// A change of names.
#[derive(Debug, Clone)]
pub enum Change {
    /// A name stands for something from now on, whatever it stood for before.
    Put(String, Node),
    /// A name is gone.
    Removed(String),
    /// A name stands for what another one stood for, and that one is gone.
    Renamed(String, String),
}

impl Directory {
    /// A directory whose names are durable.
    pub fn durable(names: Names) -> Self {
        Self { now: names.clone(), durable: names, unsynced: Vec::new() }
    }

    /// What the process sees.
    pub fn now(&self) -> &Names {
        &self.now
    }

    /// Changes names.
    pub fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.unsynced.push(change);
    }

    /// A sync has succeeded.
    pub fn sync(&mut self) {
        self.unsynced.clear();
        self.durable = self.now.clone();
    }

    /// Throws the dice for what the disk holds.
    pub fn outcome(&self, dice: &mut Dice) -> Names {
        let mut names = self.durable.clone();
        let mut stuck = BTreeSet::new();
        let chance = dice.chance();
        for change in &self.unsynced {
            let [from, to] = change.names();
            if dice.happens(chance) && !stuck.contains(from) && !stuck.contains(to) {
                change.apply(&mut names);
            } else {
                stuck.extend([from, to]);
            }
        }
        names
    }
}

impl Change {
    fn names(&self) -> [&str; 2] {
        match self {
            Self::Put(name, _) | Self::Removed(name) => [name, name],
            Self::Renamed(from, to) => [from, to],
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(name, node) => drop(names.insert(name.clone(), node.clone())),
            Self::Removed(name) => drop(names.remove(name)),
            Self::Renamed(from, to) => {
                let node = names.remove(from);
                names.extend(node.map(|node| (to.clone(), node)));
            }
        }
    }
}
