//! The header of a request.
//!
//! What must always hold: nothing is allocated; the client id is a slice of the frame.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;

use crate::bounds::{self, OutOfBounds, Problem};

/// The name a client gives itself: a slice of the frame.
pub type ClientId = StrBytes;

/// What every request says about itself before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API.
    pub key: i16,
    /// In which version.
    pub version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
}

impl RequestHeader {
    /// Bytes of the part that all versions of the header have in common.
    pub const LEN: usize = 8;

    /// Reads the part of the header that can be read without knowing the API.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let [k0, k1, v0, v1, c0, c1, c2, c3] = *frame.first_chunk()?;
        Some(Self {
            key: i16::from_be_bytes([k0, k1]),
            version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
        })
    }

    /// Takes the whole header from the front of `frame`, leaves the body, and returns the client's name: a slice of
    /// the frame, empty when it is null.
    ///
    /// # Errors
    /// `OutOfBounds` when the rest of the header is not what this API's version has.
    pub fn take_client_id(&self, frame: &mut Bytes) -> Result<ClientId, OutOfBounds> {
        let ends = bounds::check_header(self.key, self.version, frame.get(Self::LEN..).unwrap_or_default())?;
        let header = frame.split_to(Self::LEN + ends.header);
        let client_id = header.slice(Self::LEN + ends.client_id.start..Self::LEN + ends.client_id.end);
        StrBytes::from_utf8(client_id).map_err(|_| OutOfBounds { field: "ClientId", problem: Problem::Text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(key: i16, version: i16, rest: &[u8]) -> Result<(String, Vec<u8>), Problem> {
        let fixed = [key.to_be_bytes().as_slice(), &version.to_be_bytes(), &[0, 0, 0, 7], rest].concat();
        let header = RequestHeader::parse(&fixed).expect("eight bytes");
        assert_eq!(header, RequestHeader { key, version, correlation_id: 7 });
        let mut frame = Bytes::from(fixed);
        let name = header.take_client_id(&mut frame).map_err(|error| error.problem)?;
        Ok((name.to_string(), frame.to_vec()))
    }

    #[test]
    fn a_name_is_taken_and_the_body_left() {
        assert_eq!(taken(3, 0, &[0, 2, b'm', b'e', 9]), Ok(("me".into(), vec![9])));
        assert_eq!(taken(3, 0, &[0xff, 0xff, 9]), Ok((String::new(), vec![9])));
    }

    #[test]
    fn tagged_fields_follow_the_name_in_flexible_versions_only() {
        assert_eq!(taken(3, 9, &[0, 1, b'a', 1, 5, 2, 0, 0, 9]), Ok(("a".into(), vec![9])));
        assert_eq!(taken(3, 8, &[0, 1, b'a', 0, 9]), Ok(("a".into(), vec![0, 9])));
    }

    #[test]
    fn what_is_not_a_header_is_refused() {
        assert_eq!(taken(3, 0, &[0]), Err(Problem::Missing(1)));
        assert_eq!(taken(3, 0, &[0, 4, b'a']), Err(Problem::Missing(3)));
        assert_eq!(taken(3, 0, &[0x80, 0]), Err(Problem::Negative));
        assert_eq!(taken(3, 0, &[0, 1, 0xff]), Err(Problem::Text));
        assert_eq!(taken(3, 9, &[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(Problem::Tags(u32::MAX as usize)));
        assert_eq!(taken(3, 14, &[0, 0]), Err(Problem::Unknown));
        assert!(RequestHeader::parse(&[0; 7]).is_none());
    }
}
