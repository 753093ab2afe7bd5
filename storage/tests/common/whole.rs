//! What a broker leaves behind is whole, whatever it leaves undone.

use std::path::PathBuf;
use std::sync::Arc;

use catena_storage::check::{Finding, check};
use catena_storage::fs::{FileSystem, RealFileSystem};

/// Looks at those of `dirs` that hold a store; a problem ends the test.
#[allow(dead_code)]
pub fn assert_whole(dirs: &[PathBuf]) {
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let stores: Vec<PathBuf> = dirs.iter().filter(|dir| dir.join("catena.store").exists()).cloned().collect();
    let mut problems = Vec::new();
    let mut note = |finding: Finding| problems.extend(finding.is_problem.then(|| finding.to_string()));
    let summary = check(&fs, &stores, &mut note).unwrap();
    assert!(summary.problems == 0, "{summary}: {problems:#?}");
}
