//! An error code as a client meets it.

use std::fmt;

use crate::bounds::Problem;
use crate::codec::Reader;
use crate::error_code::ErrorCode;

/// What a server said no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which error; `None` when the code is not known.
    pub error: Option<ErrorCode>,
    /// Its number on the wire.
    code: i16,
    /// The server's words.
    pub message: Option<String>,
}

impl Refusal {
    /// The refusal of an error code and its message; `None` for success. Empty words are none.
    pub(super) fn of(code: i16, message: Option<String>) -> Option<Self> {
        let message = message.filter(|words| !words.is_empty());
        let refusal = || Self { error: ErrorCode::from_code(code), code, message };
        (code != ErrorCode::None.code()).then(refusal)
    }

    /// Reads an error code and the text behind it.
    pub(super) fn read(reader: &mut Reader) -> Result<Option<Self>, Problem> {
        Ok(Self::of(reader.int16()?, reader.nullable_text()?))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            Some(error) => f.write_str(&error.kafka_name())?,
            None => write!(f, "error {}", self.code)?,
        }
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl std::error::Error for Refusal {}
