//! (to be written)
/// stub
pub struct Groups;
