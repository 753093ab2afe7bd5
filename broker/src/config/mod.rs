//! (to be written)
/// stub
pub struct Config;
