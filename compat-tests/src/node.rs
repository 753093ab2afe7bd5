//! Node: the packages of `node/package-lock.json`, none of which may run anything while it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{cache, program, runtime};

const FETCH_DEADLINE: Duration = Duration::from_secs(300);
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// Whether Node tests can run here; see [`runtime::available`].
pub fn available() -> bool {
    runtime::available(&["node", "npm"])
}

/// `node <script>` with the packages; `script` is a file of `node/`. Add the arguments, then run it.
pub fn command(script: &str) -> Command {
    let mut node = Command::new("node");
    node.env("NODE_PATH", packages().join("node_modules")).arg(folder().join(script));
    node
}

fn packages() -> PathBuf {
    let read = |name: &str| fs::read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let pinned = PACKAGES.map(|name| (name, read(name)));
    cache::once(&format!("node-{}", cache::digest(&pinned)), |target| {
        for (name, contents) in &pinned {
            fs::write(target.join(name), contents).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        let mut npm = Command::new("npm");
        npm.current_dir(target).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        program::run(npm, FETCH_DEADLINE).expect_success();
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("node")
}
