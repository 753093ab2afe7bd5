//! Texts that tell a client why something failed.

use kafka_protocol::protocol::StrBytes;

/// Longest text, in bytes.
const BYTES_MAX: usize = 4096;

/// An error's text for a client; one that repeats overlong input is cut.
pub fn message(error: &impl std::fmt::Display) -> StrBytes {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    StrBytes::from_string(text)
}
