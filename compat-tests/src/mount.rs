//! Small file systems of a test's own, to be filled up or to lose their power.
//!
//! What must always hold: only what was mounted here is unmounted; where mounting is not permitted the user is told so, and
//! with `CI=true` the test fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long those who have files open may take to close them.
const LET_GO_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// `EXT4_IOC_SHUTDOWN` without flushing the journal: from now on nothing reaches the device.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A mounted file system; unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    home: TempDir,
}

impl Mount {
    /// A file system in memory.
    pub fn tmpfs(bytes: u64) -> Option<Self> {
        let size = format!("size={bytes}");
        Self::with(|_, folder| run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder)))
    }

    /// An ext4 in a file.
    pub fn ext4(bytes: u64) -> Option<Self> {
        Self::with(|image, folder| {
            fs::File::create(image).and_then(|file| file.set_len(bytes)).map_err(|e| e.to_string())?;
            run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(image))?;
            mount_image(image, folder)
        })
    }

    fn with(mount: impl Fn(&Path, &Path) -> Result<(), String>) -> Option<Self> {
        let home = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder: {e}"));
        let (image, folder) = (home.path().join("image"), home.path().join("mounted"));
        fs::create_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        match mount(&image, &folder) {
            Ok(()) => Some(Self { home }),
            Err(reason) => {
                let test = std::thread::current().name().unwrap_or("test").to_owned();
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {reason}, and CI=true asks for it");
                eprintln!("{test}: skipped: {reason}");
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("mounted")
    }

    /// Takes the power from an ext4: what was not made durable is lost, every write fails.
    pub fn cut_power(&self) {
        run(Command::new("python3").args(["-c", SHUT_DOWN]).arg(self.folder())).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Gives an ext4 its power back, with what its device holds. Nobody may have a file of it open.
    pub fn restore_power(&self) {
        self.detach();
        self.attach();
    }

    /// Unmounts it, once nobody has a file of it open any more.
    pub fn detach(&self) {
        let deadline = Instant::now() + LET_GO_WITHIN;
        while let Err(reason) = run(Command::new("umount").arg(self.folder())) {
            assert!(Instant::now() < deadline, "{reason}");
            std::thread::sleep(POLL);
        }
    }

    /// Mounts an ext4 again.
    pub fn attach(&self) {
        mount_image(&self.home.path().join("image"), &self.folder()).unwrap_or_else(|e| panic!("{e}"));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It may be detached.
        if let Err(reason) = run(Command::new("umount").arg(self.folder())) {
            eprintln!("{reason}");
        }
    }
}

fn mount_image(image: &Path, folder: &Path) -> Result<(), String> {
    run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(folder))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let reason = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", reason.trim())) }
}
