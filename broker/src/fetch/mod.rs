//! (to be written)
/// stub
pub struct FetchSessions;
