//! The cases, by subject.

mod administration;
mod by_id;
mod consumers;
mod joining;
mod membership;
mod offsets;
mod statics;
mod versions;

use crate::Case;

/// All cases.
pub fn all() -> Vec<Case> {
    let tables = [
        joining::CASES,
        membership::CASES,
        statics::CASES,
        offsets::CASES,
        administration::CASES,
        versions::CASES,
        by_id::CASES,
        consumers::CASES,
    ];
    tables.concat()
}
