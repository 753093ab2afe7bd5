use std::collections::BTreeSet;

use tempfile::TempDir;

use std::io::IoSlice;

use super::image::SECTOR;
use super::*;

/// A faulty file system on a directory of its own.
struct Case {
    dir: TempDir,
    disk: FaultyFileSystem,
}

impl Case {
    fn new() -> Self {
        Self::on(directory())
    }

    fn on(dir: TempDir) -> Self {
        let disk = FaultyFileSystem::new(dir.path()).unwrap();
        Self { dir, disk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self, name: &str, how: Open) -> Arc<dyn File> {
        self.disk.open(&self.path(name), how).unwrap()
    }

    /// A new file whose name and content are durable.
    fn durable(&self, name: &str, content: &[u8]) -> Arc<dyn File> {
        let file = self.open(name, Open::Create);
        write(&*file, content, 0);
        self.disk.sync_all(self.dir.path()).unwrap();
        file
    }

    /// What may be left when the power goes now: the files with their contents, for many seeds.
    fn outcomes(&self) -> BTreeSet<Vec<(String, Vec<u8>)>> {
        (0..200).map(|seed| contents(Path::new(""), left_behind(&self.disk, seed).path())).collect()
    }

    /// All the contents that a file may have; `None` if it may be gone.
    fn versions(&self, name: &str) -> BTreeSet<Option<Vec<u8>>> {
        let of = |files: Vec<(String, Vec<u8>)>| files.into_iter().find(|file| file.0 == name).map(|file| file.1);
        self.outcomes().into_iter().map(of).collect()
    }

    fn names(&self) -> BTreeSet<Vec<String>> {
        self.outcomes().into_iter().map(|files| files.into_iter().map(|file| file.0).collect()).collect()
    }
}

/// In memory where that can be: hundreds of directories are made.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn left_behind(disk: &FaultyFileSystem, seed: u64) -> TempDir {
    let target = directory();
    disk.left_behind(seed, target.path()).unwrap();
    target
}

fn contents(prefix: &Path, dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = prefix.join(entry.file_name());
        if entry.path().is_dir() {
            found.push((format!("{}/", name.display()), Vec::new()));
            found.extend(contents(&name, &entry.path()));
        } else {
            found.push((name.display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

fn write(file: &dyn File, bytes: &[u8], position: u64) {
    assert_eq!(file.write_at(&[IoSlice::new(bytes)], position).unwrap(), bytes.len());
}

fn read(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; file.len().unwrap() as usize];
    let read = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(read, bytes.len());
    bytes
}

fn one(content: &[u8]) -> BTreeSet<Option<Vec<u8>>> {
    BTreeSet::from([Some(content.to_vec())])
}

fn is(error: io::Error, errno: Errno) -> bool {
    Errno::from_io_error(&error) == Some(errno)
}

#[test]
fn what_is_synced_is_always_there() {
    let case = Case::new();
    let file = case.durable("f", b"old");
    write(&*file, &[7; 2_000], 100);
    file.sync().unwrap();
    let now = read(&*file);
    assert_eq!((case.versions("f"), case.disk.unsynced_sectors()), (one(&now), 0));
}

#[test]
fn what_is_not_synced_is_torn_at_sectors_and_no_finer() {
    let case = Case::new();
    let file = case.durable("f", &[1; 4 * SECTOR]);
    write(&*file, &[2; 3 * SECTOR], 0);
    let versions = case.versions("f");
    assert_eq!(versions.len(), 8, "each of three sectors, old or new");
    for version in versions.into_iter().flatten() {
        assert!(version.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        assert_eq!(version[3 * SECTOR..], [1; SECTOR]);
    }
}

#[test]
fn a_sector_written_twice_may_be_any_of_three() {
    let case = Case::new();
    let file = case.durable("f", b"a");
    write(&*file, b"b", 0);
    write(&*file, b"c", 0);
    assert_eq!(case.versions("f"), [b"a", b"b", b"c"].map(|content| Some(content.to_vec())).into());
}

#[test]
fn a_file_may_have_grown_without_its_bytes() {
    let case = Case::new();
    let file = case.durable("f", b"");
    write(&*file, &[9; 600], 0);
    let versions = case.versions("f");
    assert!(versions.contains(&Some(Vec::new())) && versions.contains(&Some(vec![0; 600])));
    assert!(versions.contains(&Some(vec![9; 600])));
    file.allocate(600, 400).unwrap();
    assert!(case.versions("f").iter().flatten().any(|version| version.len() == 1_000));
    file.sync().unwrap();
    assert_eq!(case.versions("f"), one(&[vec![9; 600], vec![0; 400]].concat()));
}

#[test]
fn what_was_cut_off_does_not_come_back_once_the_length_is_the_new_one() {
    let case = Case::new();
    let file = case.durable("f", &[1; 1_000]);
    file.set_len(100).unwrap();
    file.set_len(1_000).unwrap();
    let (whole, cut) = (vec![1; 1_000], vec![1; 100]);
    let extended = [vec![1; 100], vec![0; 900]].concat();
    assert_eq!(case.versions("f"), [whole, cut, extended.clone()].map(Some).into());
    file.sync().unwrap();
    assert_eq!(case.versions("f"), one(&extended));
}

#[test]
fn syncing_a_file_does_not_make_its_name_durable() {
    let case = Case::new();
    let file = case.open("f", Open::Create);
    write(&*file, b"content", 0);
    file.sync().unwrap();
    assert_eq!(case.versions("f"), [None, Some(b"content".to_vec())].into());
    case.disk.sync_dir(case.dir.path()).unwrap();
    assert_eq!(case.versions("f"), one(b"content"));
}

#[test]
fn syncing_a_directory_makes_no_bytes_durable_and_no_names_of_others() {
    let case = Case::new();
    case.disk.create_dir_all(&case.path("a/b")).unwrap();
    let file = case.open("a/b/f", Open::WriteOrCreate);
    write(&*file, b"x", 0);
    case.disk.sync_dir(&case.path("a/b")).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(case.names(), [names(&[]), names(&["a/"]), names(&["a/", "a/b/", "a/b/f"])].into());
    case.disk.sync_dir(&case.path("a")).unwrap();
    case.disk.sync_dir(&case.path("")).unwrap();
    let versions = case.versions("a/b/f");
    assert!(versions.contains(&Some(Vec::new())) && versions.contains(&Some(b"x".to_vec())), "{versions:?}");
}

#[test]
fn a_removed_file_may_come_back_with_what_it_had() {
    let case = Case::new();
    let file = case.durable("f", b"content");
    case.disk.remove_file(&case.path("f")).unwrap();
    assert_eq!(read(&*file), b"content");
    assert!(case.disk.open(&case.path("f"), Open::Read).is_err());
    assert_eq!(case.versions("f"), [None, Some(b"content".to_vec())].into());
    case.disk.sync_dir(case.dir.path()).unwrap();
    assert_eq!(case.versions("f"), [None].into());
}

#[test]
fn a_rename_in_a_directory_happens_or_does_not() {
    let case = Case::new();
    case.durable("old", b"old");
    case.durable("new", b"new");
    case.disk.rename(&case.path("new"), &case.path("old")).unwrap();
    let file = |name: &str, content: &[u8]| (name.to_owned(), content.to_vec());
    let (before, after) = (vec![file("new", b"new"), file("old", b"old")], vec![file("old", b"new")]);
    assert_eq!(case.outcomes(), [before, after.clone()].into());
    case.disk.sync_dir(case.dir.path()).unwrap();
    assert_eq!(case.outcomes(), [after].into());
}

#[test]
fn a_rename_into_another_directory_can_be_torn() {
    let case = Case::new();
    case.disk.create_dir_all(&case.path("d")).unwrap();
    case.durable("f", b"f");
    case.disk.rename(&case.path("f"), &case.path("d/f")).unwrap();
    assert_eq!(case.names().len(), 4, "here, there, both, or nowhere");
}

#[test]
fn changes_of_different_names_come_in_any_order_and_those_of_one_name_in_theirs() {
    let case = Case::new();
    case.open("a", Open::Create);
    case.open("b", Open::Create);
    case.disk.rename(&case.path("a"), &case.path("c")).unwrap();
    let names = case.names();
    let possible = [vec![], vec!["a"], vec!["b"], vec!["a", "b"], vec!["c"], vec!["b", "c"]];
    assert_eq!(names, possible.map(|names| names.into_iter().map(str::to_owned).collect()).into());
}

#[test]
fn syncing_everything_is_everything_below_and_nothing_beside() {
    let case = Case::new();
    case.disk.create_dir_all(&case.path("a/b")).unwrap();
    case.disk.create_dir_all(&case.path("other")).unwrap();
    case.disk.sync_dir(case.dir.path()).unwrap();
    write(&*case.open("a/b/f", Open::Create), b"f", 0);
    write(&*case.open("other/f", Open::Create), b"f", 0);
    case.disk.sync_all(&case.path("a")).unwrap();
    assert_eq!(case.versions("a/b/f"), one(b"f"));
    assert_eq!(case.versions("other/f"), [None, Some(Vec::new()), Some(vec![0]), Some(b"f".to_vec())].into());
}

#[test]
fn without_power_everything_fails_and_a_seed_always_leaves_the_same() {
    let case = Case::new();
    let file = case.durable("f", &[1; 5_000]);
    write(&*file, &[2; 5_000], 0);
    case.disk.power_off_after(2);
    write(&*file, &[3; 5_000], 0);
    case.open("g", Open::Create);
    assert!(case.disk.is_off());
    assert!(is(file.sync().unwrap_err(), Errno::IO) && is(file.len().unwrap_err(), Errno::IO));
    assert!(is(case.disk.open(&case.path("f"), Open::Read).unwrap_err(), Errno::IO));
    let left = |seed| contents(Path::new(""), left_behind(&case.disk, seed).path());
    assert_eq!(left(5), left(5));
    assert!(case.outcomes().len() > 100);
}

#[test]
fn what_is_left_behind_can_be_used_and_lose_power_again() {
    let case = Case::new();
    write(&*case.durable("f", &[1; 1_024]), &[2; 1_024], 0);
    case.disk.power_off();
    for seed in 0..20 {
        let next = Case::on(left_behind(&case.disk, seed));
        let found = read(&*next.open("f", Open::Read));
        assert_eq!(next.versions("f"), one(&found), "what was found is durable");
    }
}

#[test]
fn an_operation_fails_when_it_is_its_turn() {
    let case = Case::new();
    let file = case.durable("f", b"");
    case.disk.fail(Operation::Write, 1, 2, Fault::NoSpace);
    let attempt = || file.write_at(&[IoSlice::new(b"ab")], 0);
    assert_eq!(attempt().unwrap(), 2);
    assert!(is(attempt().unwrap_err(), Errno::NOSPC) && is(attempt().unwrap_err(), Errno::NOSPC));
    assert_eq!(attempt().unwrap(), 2);
    assert_eq!(case.disk.count(Operation::Write), 5, "one while the file was made");
    case.disk.fail(Operation::Write, 0, 1, Fault::Short);
    assert_eq!((attempt().unwrap(), attempt().unwrap()), (1, 2));
    case.disk.fail(Operation::Open, 0, u64::MAX, Fault::TooManyFiles);
    assert!(is(case.disk.open(&case.path("f"), Open::Read).unwrap_err(), Errno::MFILE));
    case.disk.mend();
    case.open("f", Open::Read);
}

#[test]
fn a_sync_after_one_that_failed_does_not_mend_it() {
    let case = Case::new();
    let file = case.durable("f", b"old");
    write(&*file, b"new", 0);
    case.disk.fail(Operation::Sync, 0, 1, Fault::Io);
    assert!(is(file.sync().unwrap_err(), Errno::IO));
    file.sync().unwrap();
    assert_eq!(case.versions("f").len(), 2);
    write(&*file, b"new", 0);
    file.sync().unwrap();
    assert_eq!(case.versions("f"), one(b"new"));
}

#[test]
fn what_a_failed_sync_has_left_in_memory_is_shown_until_it_is_forgotten() {
    let mut seen = BTreeSet::new();
    for skipped in 0..20 {
        let case = Case::new();
        let file = case.durable("f", b"old");
        write(&*file, b"new", 0);
        file.forget_cached();
        assert_eq!(read(&*file), b"new", "what is to be written is not forgotten");
        case.disk.fail(Operation::Sync, 0, 1, Fault::Io);
        (0..skipped).for_each(|_| drop(file.len()));
        assert!(file.sync().is_err() && file.sync().is_ok());
        assert_eq!(read(&*file), b"new");
        file.forget_cached();
        let found = read(&*file);
        assert_eq!(case.versions("f"), one(&found), "now the process sees the disk");
        seen.insert(found);
    }
    assert_eq!(seen, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_lost_directory_fails_also_what_is_open_in_it() {
    let case = Case::new();
    case.disk.create_dir_all(&case.path("a")).unwrap();
    case.disk.create_dir_all(&case.path("b")).unwrap();
    let (here, there) = (case.open("a/f", Open::Create), case.open("b/f", Open::Create));
    case.disk.lose(&case.path("a"), Fault::Io);
    assert!(here.sync().is_err() && case.disk.read_dir(&case.path("a")).is_err());
    assert!(there.sync().is_ok() && case.disk.read_dir(&case.path("b")).is_ok());
}

#[test]
fn names_and_files_behave_as_on_a_real_disk() {
    let case = Case::new();
    let missing = case.disk.open(&case.path("f"), Open::Write).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let file = case.open("f", Open::Create);
    write(&*file, b"0123456789", 0);
    assert_eq!((case.disk.len(&case.path("f")).unwrap(), read(&*case.open("f", Open::Read)).len()), (10, 10));
    assert!(case.open("f", Open::Read).write_at(&[IoSlice::new(b"x")], 0).is_err(), "opened to be read");
    assert_eq!(case.disk.read_dir(case.dir.path()).unwrap(), [Entry { name: "f".into(), is_dir: false, len: 10 }]);
    assert_eq!(file.map(4096).unwrap().len(), 4096);
    case.open("f", Open::Create);
    assert_eq!(file.len().unwrap(), 0, "emptied");
}

#[test]
fn a_lock_is_held_until_its_file_is_closed() {
    let case = Case::new();
    let (first, second) = (case.open("f", Open::Create), case.open("f", Open::Write));
    first.try_lock().unwrap();
    assert_eq!(second.try_lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(first);
    second.try_lock().unwrap();
}
