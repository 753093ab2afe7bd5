//! What a check has to say, a line each.
//!
//! What must always hold: a line names the directory, and as much of partition, chain, file, position and offset as is known.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ids::{ChainId, SegmentId};

/// Where something was found.
#[derive(Debug, Clone, Default)]
pub struct Place {
    dir: PathBuf,
    partition: Option<String>,
    chain: Option<ChainId>,
    file: Option<PathBuf>,
    position: Option<u64>,
    offset: Option<i64>,
}

impl Place {
    pub(super) fn dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..Self::default() }
    }

    pub(super) fn partition(&self, name: &str) -> Self {
        Self { partition: Some(name.to_owned()), ..self.clone() }
    }

    pub(super) fn chain(&self, chain: ChainId) -> Self {
        Self { chain: Some(chain), ..self.clone() }
    }

    /// A file, told from the directory on.
    pub(super) fn file(&self, path: &Path) -> Self {
        let below = path.strip_prefix(&self.dir).unwrap_or(path).to_owned();
        Self { file: Some(below), ..self.clone() }
    }

    pub(super) fn log(&self, chains: &Path, id: SegmentId) -> Self {
        self.chain(id.chain).file(&id.log_path(chains))
    }

    pub(super) fn at(&self, position: u64) -> Self {
        Self { position: Some(position), ..self.clone() }
    }

    pub(super) fn offset(&self, offset: i64) -> Self {
        Self { offset: Some(offset), ..self.clone() }
    }

    pub(super) fn problem(&self, text: impl Into<String>) -> Finding {
        Finding { is_problem: true, place: self.clone(), text: text.into() }
    }

    pub(super) fn note(&self, text: impl Into<String>) -> Finding {
        Finding { is_problem: false, place: self.clone(), text: text.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dir.display())?;
        self.partition.iter().try_for_each(|name| write!(f, ", partition {name}"))?;
        self.chain.iter().try_for_each(|chain| write!(f, ", chain {chain}"))?;
        self.file.iter().try_for_each(|file| write!(f, ", file {}", file.display()))?;
        self.position.iter().try_for_each(|position| write!(f, ", position {position}"))?;
        self.offset.iter().try_for_each(|offset| write!(f, ", offset {offset}"))
    }
}

/// Something that was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Whether something is wrong; else it is good to know.
    pub is_problem: bool,
    place: Place,
    text: String,
}

impl Finding {
    /// The same in a segment for which the journal has bytes.
    pub(super) fn unless_mended(self) -> Self {
        let text = format!("{} (the journal has bytes for this segment: look again after the next start)", self.text);
        Self { is_problem: false, text, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = if self.is_problem { "problem" } else { "note" };
        write!(f, "{weight}: {}: {}", self.place, self.text)
    }
}
