//! What Catena answers differently on purpose, and why (docs/differences.md).

use serde_json::{Value, json};

/// Kafka keeps names that it does not know for plug-ins; Catena has none, so such a name is a mistake.
pub const NO_PLUG_INS: &str = "an unknown setting of a broker is refused";
/// Kafka can change it only with a restart.
pub const DYNAMIC_HERE: &str = "more settings can be changed while the broker runs";
/// Listeners are opened at the start.
pub const FIXED_LISTENERS: &str = "listeners and directories change with a restart only";
/// Kafka changes pools of threads by a factor of two at most; here they do not exist, or can be changed at will.
pub const NO_POOLS: &str = "numbers of threads have no steps";
/// Kafka checks local retention although there is no remote storage.
pub const NO_REMOTE_STORAGE: &str = "settings of remote storage are not compared with others";
/// Kafka shows Java's words, or none.
pub const PLAIN_WORDS: &str = "the reason is said in words about the setting";
/// Kafka fails with UNKNOWN_SERVER_ERROR: its answer would be too long, or it looks for an operation that is not there.
pub const NO_FAILURE: &str = "what Kafka fails at is refused as the client's mistake";
/// Patterns must be such as can be matched in bounded time.
pub const BOUNDED_PATTERNS: &str = "patterns have no references back and no look-around";

/// A call that Catena answers with another code or message, which begins so.
pub fn differs(mut call: Value, code: i16, message: &str, why: &str) -> Value {
    call["catena"] = json!({"code": code, "message": message, "why": why});
    call
}
