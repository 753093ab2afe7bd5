//! Real data: the package index of the machine, as records for the programs' command `load`, and the digests that their
//! command `drain` must print for it.
//!
//! A record is a stanza of the index with its package's name as key, in the order of the index; the name decides the
//! partition, so that the versions of a package stay in order.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{program, runtime};

const DEADLINE: Duration = Duration::from_secs(300);
/// A smaller index says that the machine has not fetched it yet.
const INDEX_BYTES_MIN: usize = 1_000_000;

/// One package.
#[derive(Clone, Debug)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// All that the index says of it.
    pub stanza: String,
}

/// The packages that apt knows, after asking it to update itself if it knows few; those that are installed where there
/// is no apt; `None` (see [`runtime::available`]) where there are no packages of this kind.
pub fn packages() -> Option<Vec<Package>> {
    let text = available_packages().filter(|text| text.len() >= INDEX_BYTES_MIN).or_else(installed_packages)?;
    let stanzas = text.split("\n\n").filter_map(|stanza| {
        let name = stanza.trim_start().strip_prefix("Package: ")?.lines().next()?;
        Some(Package { name: name.to_owned(), stanza: stanza.to_owned() })
    });
    Some(stanzas.collect())
}

fn available_packages() -> Option<String> {
    let dump = || read("apt-cache", &["dumpavail"]);
    runtime::find("apt-cache")?;
    Some(dump()).filter(|text| text.len() >= INDEX_BYTES_MIN).or_else(|| {
        read("apt-get", &["update", "-qq"]);
        Some(dump())
    })
}

fn installed_packages() -> Option<String> {
    let show = ["--show", "--showformat", "Package: ${Package}\nVersion: ${Version}\nDescription: ${Description}\n\n"];
    runtime::available(&["dpkg-query"]).then(|| read("dpkg-query", &show))
}

fn read(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(name);
    command.args(arguments);
    program::run(command, DEADLINE).stdout
}

/// Writes the packages as `load` reads them.
///
/// # Errors
/// Of the file system.
pub fn write(packages: &[Package], partitions: u32, file: &Path) -> io::Result<()> {
    let mut output = io::BufWriter::new(std::fs::File::create(file)?);
    for package in packages {
        output.write_all(&partition(package, partitions).to_be_bytes())?;
        for field in [&package.name, &package.stanza] {
            output.write_all(&(field.len() as u32).to_be_bytes())?;
            output.write_all(field.as_bytes())?;
        }
    }
    output.flush()
}

/// What `drain` prints of a topic that holds the packages.
pub fn drained(packages: &[Package], partitions: u32, topic: &str) -> Value {
    let mut digests = Vec::with_capacity(packages.len());
    let mut chains: BTreeMap<u32, Sha256> = BTreeMap::new();
    for package in packages {
        let digest = digest(package);
        chains.entry(partition(package, partitions)).or_default().update(digest);
        digests.push(digest);
    }
    digests.sort_unstable();
    let order: BTreeMap<String, String> =
        chains.into_iter().map(|(partition, chain)| (partition.to_string(), hex(&chain.finalize()))).collect();
    let multiset = hex(&Sha256::digest(digests.concat()));
    json!({"step": "drain", "topic": topic, "records": packages.len(), "multiset": multiset, "order": order})
}

fn digest(package: &Package) -> [u8; 32] {
    let length = (package.name.len() as u32).to_be_bytes();
    Sha256::new().chain_update(length).chain_update(&package.name).chain_update(&package.stanza).finalize().into()
}

fn partition(package: &Package, partitions: u32) -> u32 {
    crc32c::crc32c(package.name.as_bytes()) % partitions
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
