//! Python: one virtual environment with the pinned packages of `python/requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{cache, program, runtime};

const FETCH_DEADLINE: Duration = Duration::from_secs(300);

/// Whether Python tests can run here; see [`runtime::available`]. Some systems keep what makes environments in a package
/// of its own.
pub fn available() -> bool {
    runtime::available(&["python3"]) && (makes_environments() || runtime::available(&["python3-venv"]))
}

fn makes_environments() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]);
    program::run(python, FETCH_DEADLINE).status.is_some_and(|status| status.success())
}

/// `python <script>` in the environment; `script` is a file of `python/`. Add the arguments, then run it.
pub fn command(script: &str) -> Command {
    command_at(&folder().join(script))
}

/// Like [`command`], with a script that is anywhere.
pub fn command_at(script: &Path) -> Command {
    let mut python = Command::new(environment().join("bin/python"));
    python.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

fn environment() -> PathBuf {
    let requirements = folder().join("requirements.txt");
    let pinned = std::fs::read_to_string(&requirements).unwrap_or_else(|e| panic!("{}: {e}", requirements.display()));
    cache::once(&format!("python-{}", cache::digest(pinned)), |environment| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(environment);
        program::run(venv, FETCH_DEADLINE).expect_success();
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r"]).arg(requirements);
        program::run(pip, FETCH_DEADLINE).expect_success();
    })
}

/// Where the scripts are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}
