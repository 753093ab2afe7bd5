//! Walks over the names: find, make, sync, and write down what a disk may hold.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::Node;
use super::dice::Dice;
use super::file::Inode;
use super::names::{Change, Directory};

/// The mutex's content, also after a panic of a test's thread.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in the real directory at `path`, all of it durable; names that are not UTF-8 are left out.
pub fn read(path: &Path) -> io::Result<Node> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let node = if entry.file_type()?.is_dir() {
            read(&entry.path())?
        } else {
            Node::File(Arc::new(Inode::present(&entry.path())?))
        };
        names.extend(entry.file_name().into_string().ok().map(|name| (name, node)));
    }
    Ok(Node::Directory(Arc::new(Mutex::new(Directory::durable(names)))))
}

/// What is at `path` below `node`.
pub fn find(node: &Node, path: &Path) -> io::Result<Node> {
    path.components().try_fold(node.clone(), |node, component| {
        let directory = node.directory()?;
        let found = lock(&directory).now().get(name(component)?).cloned();
        found.ok_or(Errno::NOENT.into())
    })
}

/// Makes the names of the directories of `path` below `node`; the real ones are there.
pub fn make_directories(node: &Node, path: &Path) -> io::Result<()> {
    let mut directory = node.clone().directory()?;
    for component in path.components() {
        let name = name(component)?;
        let found = lock(&directory).now().get(name).cloned();
        let next = match found {
            Some(node) => node.directory()?,
            None => {
                let made = Arc::new(Mutex::new(Directory::default()));
                lock(&directory).change(Change::Put(name.to_owned(), Node::Directory(made.clone())));
                made
            }
        };
        directory = next;
    }
    Ok(())
}

fn name(component: Component<'_>) -> io::Result<&str> {
    match component {
        Component::Normal(name) => name.to_str().ok_or(Errno::INVAL.into()),
        _ => Err(Errno::INVAL.into()),
    }
}

/// Makes everything at and below `node` durable.
pub fn sync(node: &Node) {
    match node {
        Node::File(inode) => inode.sync(),
        Node::Directory(directory) => {
            let mut directory = lock(directory);
            directory.sync();
            directory.now().values().for_each(sync);
        }
    }
}

/// A sync of everything at and below `node` has failed.
pub fn sync_failed(node: &Node) {
    match node {
        Node::File(inode) => inode.sync_failed(),
        Node::Directory(directory) => lock(directory).now().values().for_each(sync_failed),
    }
}

/// Unsynced sectors at and below `node`.
pub fn unsynced(node: &Node) -> usize {
    match node {
        Node::File(inode) => inode.unsynced(),
        Node::Directory(directory) => lock(directory).now().values().map(unsynced).sum(),
    }
}

/// Writes what the disk may hold of `node` to `target`; a directory is there already.
pub fn write_outcome(node: &Node, dice: &mut Dice, target: &Path) -> io::Result<()> {
    let directory = match node {
        Node::File(inode) => return inode.write_outcome(dice, target),
        Node::Directory(directory) => lock(directory),
    };
    for (name, node) in directory.outcome(dice) {
        let target = target.join(name);
        if matches!(node, Node::Directory(_)) {
            fs::create_dir(&target)?;
        }
        write_outcome(&node, dice, &target)?;
    }
    Ok(())
}
