//! Tests of the deliveries of one share partition.

mod model;
mod random;
mod runs;
mod scenarios;
mod stored;
mod world;
