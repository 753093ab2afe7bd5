//! Language runtimes. A missing one is a clear skip for a user and a failure where `CI=true` says that all must be there.

use std::path::PathBuf;

/// Where `program` is on the `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether all of `programs` are there; says so, or fails, if not. A test begins with
/// `if !runtime::available(&["java", "javac", "mvn"]) { return; }`.
pub fn available(programs: &[&str]) -> bool {
    all_found(programs, std::env::var("CI").as_deref() == Ok("true"))
}

fn all_found(programs: &[&str], all_must_be_there: bool) -> bool {
    let Some(missing) = programs.iter().find(|program| find(program).is_none()) else {
        return true;
    };
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    assert!(!all_must_be_there, "{test}: no {missing}, and CI=true asks for it");
    eprintln!("{test}: skipped: no {missing}");
    false
}

#[cfg(test)]
mod tests {
    use super::all_found;

    #[test]
    fn what_is_there_is_used() {
        assert!(all_found(&["sh"], false) && all_found(&["sh"], true));
    }

    #[test]
    fn what_is_missing_is_a_skip_for_a_user() {
        assert!(!all_found(&["sh", "no-such-runtime"], false));
    }

    #[test]
    #[should_panic(expected = "no no-such-runtime, and CI=true asks for it")]
    fn what_is_missing_is_a_failure_for_ci() {
        all_found(&["sh", "no-such-runtime"], true);
    }
}
