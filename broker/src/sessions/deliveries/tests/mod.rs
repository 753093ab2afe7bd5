//! Tests of the deliveries of one share partition.

mod ending;
mod handing_out;
mod kafka;
mod model;
mod partition;
mod random;
mod runs;
mod stored;
mod world;
