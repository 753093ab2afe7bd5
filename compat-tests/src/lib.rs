//! The harness of the compatibility tests: real clients and Apache Kafka as the oracle, over TCP only.
//!
//! What always holds: nothing a test starts outlives the test process, every wait has a deadline, every port is a free
//! one on loopback, and what is downloaded is pinned and fetched once into the cache folder.
//!
//! | module | what it gives |
//! |---|---|
//! | [`cache`] | the cache folder; "make this folder once" over threads and processes |
//! | [`runtime`] | the language runtimes: present, a clear skip, or (with `CI=true`) a failure |
//! | [`maven`], [`java`] | pinned class paths; compiled Java sources; a `java` command |
//! | [`process`] | child processes with log file, deadline and certain death |
//! | [`mount`] | small file systems to fill up or to take the power from |
//! | [`program`] | run a client program to its end; its results as JSON lines |
//! | [`tools`] | Kafka's own command line tools, many calls in one virtual machine |
//! | [`python`], [`go`], [`node`] | their programs, with pinned packages |
//! | [`differential`] | the same question to both brokers, written as JSON |
//! | [`damage`] | a byte on the disk that is not what was written |
//! | [`clients`] | what client libraries of other languages must see |
//! | [`wire`] | a raw client: own frames, prepared batches, pipelining, nonsense |
//! | [`bench`] | measuring both brokers beside each other |
//! | [`broker`] | the two brokers under test as one trait; [`catena`] and [`kafka`] start them |

pub mod bench;
pub mod broker;
pub mod cache;
pub mod catena;
pub mod clients;
pub mod damage;
pub mod differential;
pub mod go;
pub mod java;
pub mod kafka;
pub mod maven;
pub mod mount;
pub mod node;
mod played;
pub mod process;
pub mod program;
pub mod python;
pub mod runtime;
pub mod tools;
pub mod wire;

pub use broker::Broker;
pub use catena::Catena;
pub use kafka::Kafka;
pub use played::played;
pub use tools::Tools;
