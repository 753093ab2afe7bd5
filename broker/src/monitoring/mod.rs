//! The broker's numbers for operators: which there are, how Prometheus reads them, and the port it reads them from.
//!
//! What must always hold: reading the numbers changes nothing and waits for nobody who serves clients; without
//! `catena.metrics.listener` none of this runs.

#[cfg(test)]
mod docs;
mod families;
mod http;
mod text;

pub use families::{FAMILIES, Family, Kind, page};
pub use http::Scrapes;
