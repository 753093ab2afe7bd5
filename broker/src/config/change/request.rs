//! From what a request says about one resource to an alteration.
//!
//! What must always hold: an alteration names each setting once, and every value that is to be set is there.
//!
//! Source: Apache Kafka 4.4, `ConfigAdminManager.preprocess`.

use std::collections::HashSet;

use thiserror::Error;

use super::Op;

/// What a request says about one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Name of the setting.
    pub setting: String,
    /// The operation, by its number in Kafka's `AlterConfigOp.OpType`.
    pub operation: i8,
    /// The value, if one is given.
    pub value: Option<String>,
}

/// Why a request makes no sense, whatever it is about. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// A resource appears more than once.
    #[error("Each resource must appear at most once.")]
    SameResource,
    /// A setting appears more than once.
    #[error("Error due to duplicate config keys")]
    SameSetting,
    /// Settings without the value that they are to get.
    #[error("Null value not supported for : {0}")]
    NoValue(String),
    /// A type of resource whose settings cannot be changed.
    #[error("Unknown resource type {0}")]
    UnknownType(i8),
    /// An operation that nobody knows.
    #[error("Unknown operations type {0}")]
    UnknownOperation(i8),
}

/// Kafka's `AlterConfigOp.OpType`.
pub const SET: i8 = 0;
/// See `SET`.
pub const DELETE: i8 = 1;
/// See `SET`.
pub const APPEND: i8 = 2;
/// See `SET`.
pub const SUBTRACT: i8 = 3;

/// Checks what is said about one resource, whatever its type.
///
/// # Errors
/// `SameSetting` or `NoValue`.
pub fn check(wishes: &[Wish]) -> Result<(), RequestError> {
    let mut seen = HashSet::new();
    if !wishes.iter().all(|wish| seen.insert(&wish.setting)) {
        return Err(RequestError::SameSetting);
    }
    let lacks = |wish: &&Wish| wish.operation != DELETE && wish.value.is_none();
    let nulls: Vec<_> = wishes.iter().filter(lacks).map(|wish| wish.setting.as_str()).collect();
    if nulls.is_empty() { Ok(()) } else { Err(RequestError::NoValue(nulls.join(", "))) }
}

/// Operations by setting, of wishes that were checked.
///
/// # Errors
/// `UnknownOperation`.
pub fn ops(wishes: Vec<Wish>) -> Result<Vec<(String, Op)>, RequestError> {
    let op = |wish: Wish| {
        let value = wish.value.unwrap_or_default();
        let op = match wish.operation {
            SET => Op::Set(value),
            DELETE => Op::Delete,
            APPEND => Op::Append(value),
            SUBTRACT => Op::Subtract(value),
            other => return Err(RequestError::UnknownOperation(other)),
        };
        Ok((wish.setting, op))
    };
    wishes.into_iter().map(op).collect()
}
