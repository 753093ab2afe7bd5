//! Names of topics: which are allowed, which are alike, which are the coordinators' own.
//!
//! What must always hold: a name that passed `check` is a safe file name of at most `LENGTH_MAX` bytes, other than `.`
//! and `..`.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.internals.Topic`.

use thiserror::Error;

pub use crate::config::log::CONFIG;

/// Longest name, in characters.
pub const LENGTH_MAX: usize = 249;
/// Where groups keep committed offsets and their members.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Where transactions will keep their state.
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// Where share groups will keep their state.
pub const SHARE_GROUP_STATE: &str = "__share_group_state";
/// The log of KRaft controllers; nothing of that name may be created.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Why a name is not allowed. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// No characters.
    #[error("Topic name is invalid: the empty string is not allowed")]
    Empty,
    /// `.` or `..`.
    #[error("Topic name is invalid: '{0}' is not allowed")]
    Directory(String),
    /// More than `LENGTH_MAX` characters.
    #[error("Topic name is invalid: the length of '{0}' is longer than the max allowed length 249")]
    TooLong(String),
    /// Other characters than letters and digits of ASCII, `.`, `_` and `-`.
    #[error(
        "Topic name is invalid: '{0}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    )]
    IllegalCharacters(String),
}

/// Checks a name.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(name: &str) -> Result<(), InvalidName> {
    match name {
        "" => Err(InvalidName::Empty),
        "." | ".." => Err(InvalidName::Directory(name.to_owned())),
        _ if name.encode_utf16().count() > LENGTH_MAX => Err(InvalidName::TooLong(name.to_owned())),
        _ if !name.bytes().all(is_legal) => Err(InvalidName::IllegalCharacters(name.to_owned())),
        _ => Ok(()),
    }
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Whether the topic is one of the coordinators' own.
pub fn is_internal(name: &str) -> bool {
    [CONFIG, CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE].contains(&name)
}

/// What stands for a name and all that collide with it, if any can: names that differ only in `.` and `_` are one
/// name in metrics.
pub fn collision_key(name: &str) -> Option<String> {
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_with_kafkas_words() {
        let long = "x".repeat(250);
        let too_long = format!("the length of '{long}' is longer than the max allowed length 249");
        let other = "contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
        let cases = [
            ("orders", String::new()),
            ("a.b_c-D9", String::new()),
            ("...", String::new()),
            (&long[1..], String::new()),
            ("", "the empty string is not allowed".to_owned()),
            (".", "'.' is not allowed".to_owned()),
            ("..", "'..' is not allowed".to_owned()),
            (&long, too_long),
            ("a b", format!("'a b' {other}")),
            ("a/b", format!("'a/b' {other}")),
            ("ä", format!("'ä' {other}")),
            ("a\0", format!("'a\0' {other}")),
        ];
        for (name, reason) in cases {
            let answer = check(name).err().map(|error| error.to_string());
            let expected = (!reason.is_empty()).then(|| format!("Topic name is invalid: {reason}"));
            assert_eq!(answer, expected);
        }
    }

    #[test]
    fn dots_and_underscores_are_alike_and_other_names_collide_with_nothing() {
        assert_eq!(collision_key("a.b_c"), collision_key("a_b.c"));
        assert_ne!(collision_key("a.b"), collision_key("a-b"));
        assert_eq!(collision_key("a-b"), None);
    }
}
