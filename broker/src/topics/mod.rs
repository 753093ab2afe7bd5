//! (to be written)
/// stub
pub struct Topics;
