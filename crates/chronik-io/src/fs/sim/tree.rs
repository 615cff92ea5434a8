//! Names of the simulated disk: a tree of inodes, and which names a crash would leave.
//!
//! Each directory holds its names as they are, as they are on the medium, and the ordered changes
//! between. Syncing a directory makes its changes durable; a crash keeps a prefix of them, chosen
//! for each directory on its own. A rename is one change; between two directories it is a change in
//! both, and survives in both or in neither. An inode lives while a name, a change that may be
//! undone, or an open handle refers to it. Absent: contents, faults, time.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::content::{Content, prefix};
use super::fault::Counters;
use crate::Rng;

pub(super) type InodeId = u64;
const ROOT: InodeId = 0;

#[derive(Debug)]
pub(super) struct Tree {
    inodes: BTreeMap<InodeId, Inode>,
    next_inode: InodeId,
    last_number: u64,
    /// Counters of inodes that are gone, by their last path.
    gone: BTreeMap<PathBuf, Counters>,
}

#[derive(Debug)]
pub(super) struct Inode {
    /// The last name it had.
    pub(super) path: PathBuf,
    pub(super) node: Node,
    pub(super) counters: Counters,
    /// Handles of the present incarnation.
    pub(super) handles: usize,
    /// Names in the present tree: 0 or 1.
    pub(super) links: usize,
    /// Failed syncs so far: each handle reports each once.
    pub(super) failed_syncs: u64,
}

#[derive(Debug)]
pub(super) enum Node {
    File(Content),
    Dir(Dir),
}

#[derive(Debug, Default)]
pub(super) struct Dir {
    entries: BTreeMap<String, InodeId>,
    durable: BTreeMap<String, InodeId>,
    pending: Vec<EntryChange>,
}

#[derive(Clone, Debug)]
struct EntryChange {
    /// Grows; the halves of one rename share it.
    number: u64,
    kind: EntryKind,
    /// The other directory of a rename between two.
    partner: Option<InodeId>,
}

#[derive(Clone, Debug)]
enum EntryKind {
    Link {
        name: String,
        inode: InodeId,
    },
    Unlink {
        name: String,
    },
    Rename {
        from: String,
        to: String,
        inode: InodeId,
    },
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Inode::new(PathBuf::from("/"), Node::Dir(Dir::default()));
        Self {
            inodes: BTreeMap::from([(ROOT, root)]),
            next_inode: ROOT + 1,
            last_number: 0,
            gone: BTreeMap::new(),
        }
    }

    pub(super) fn inode(&mut self, id: InodeId) -> &mut Inode {
        self.inodes
            .get_mut(&id)
            .expect("an inode outlives its names, its changes and its handles")
    }

    pub(super) fn find(&mut self, id: InodeId) -> Option<&mut Inode> {
        self.inodes.get_mut(&id)
    }

    pub(super) fn files(&mut self) -> impl Iterator<Item = (&Path, &mut Content)> {
        self.inodes.values_mut().filter_map(|inode| {
            let Inode { path, node, .. } = inode;
            match node {
                Node::File(content) => Some((path.as_path(), content)),
                Node::Dir(_) => None,
            }
        })
    }

    pub(super) fn inodes(&self) -> impl Iterator<Item = &Inode> {
        self.inodes.values()
    }

    pub(super) fn gone(&self) -> impl Iterator<Item = (&PathBuf, &Counters)> {
        self.gone.iter()
    }

    /// The inode at a path.
    pub(super) fn resolve(&self, path: &Path) -> io::Result<InodeId> {
        let mut at = ROOT;
        for name in names(path)? {
            at = *self.dir(at)?.entries.get(&name).ok_or(Errno::NOENT)?;
        }
        Ok(at)
    }

    /// The directory that holds a path's last name, and that name.
    fn resolve_parent(&self, path: &Path) -> io::Result<(InodeId, String)> {
        let mut names = names(path)?;
        let name = names.pop().ok_or(Errno::BUSY)?;
        let mut at = ROOT;
        for name in names {
            at = *self.dir(at)?.entries.get(&name).ok_or(Errno::NOENT)?;
        }
        self.dir(at)?;
        Ok((at, name))
    }

    fn dir(&self, id: InodeId) -> io::Result<&Dir> {
        match self.inodes.get(&id).map(|inode| &inode.node) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(Errno::NOTDIR.into()),
        }
    }

    fn dir_mut(&mut self, id: InodeId) -> &mut Dir {
        match &mut self.inode(id).node {
            Node::Dir(dir) => dir,
            Node::File(_) => unreachable!("callers resolved a directory"),
        }
    }

    fn is_dir(&self, id: InodeId) -> bool {
        self.dir(id).is_ok()
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<(String, &Inode)>> {
        let dir = self.dir(self.resolve(path)?)?;
        let entry = |(name, id): (&String, &InodeId)| Some((name.clone(), self.inodes.get(id)?));
        Ok(dir.entries.iter().filter_map(entry).collect())
    }

    /// Finds a file or makes it. Whether it was made is the second value.
    pub(super) fn open(
        &mut self,
        path: &Path,
        create: bool,
        must_be_new: bool,
    ) -> io::Result<(InodeId, bool)> {
        match self.resolve(path) {
            Ok(_) if must_be_new => Err(Errno::EXIST.into()),
            Ok(id) if self.is_dir(id) => Err(Errno::ISDIR.into()),
            Ok(id) => Ok((id, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
                let content = Content::default();
                let id = self.create(path, Node::File(content))?;
                Ok((id, true))
            }
            Err(error) => Err(error),
        }
    }

    fn create(&mut self, path: &Path, node: Node) -> io::Result<InodeId> {
        let (dir, name) = self.resolve_parent(path)?;
        let id = self.next_inode;
        self.next_inode += 1;
        let inode = Inode::new(normal(path)?, node);
        self.inodes.insert(id, inode);
        self.change(dir, EntryKind::Link { name, inode: id }, None);
        Ok(id)
    }

    /// Whether anything had to be made.
    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<bool> {
        let mut at = PathBuf::from("/");
        let mut made = false;
        let names = names(path)?;
        for (i, name) in names.iter().enumerate() {
            at.push(name);
            match self.resolve(&at) {
                Ok(id) if self.is_dir(id) => {}
                Ok(_) if i + 1 == names.len() => return Err(Errno::EXIST.into()),
                Ok(_) => return Err(Errno::NOTDIR.into()),
                Err(_) => {
                    self.create(&at, Node::Dir(Dir::default()))?;
                    made = true;
                }
            }
        }
        Ok(made)
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        if self.is_dir(self.resolve(path)?) {
            return Err(Errno::ISDIR.into());
        }
        let (dir, name) = self.resolve_parent(path)?;
        self.change(dir, EntryKind::Unlink { name }, None);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let id = self.resolve(path)?;
        if !self.dir(id)?.entries.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        let (dir, name) = self.resolve_parent(path)?;
        self.change(dir, EntryKind::Unlink { name }, None);
        Ok(())
    }

    /// Whether anything changed: renaming to the same name does nothing.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<bool> {
        let inode = self.resolve(from)?;
        let (from_dir, from_name) = self.resolve_parent(from)?;
        let (to_dir, to_name) = self.resolve_parent(to)?;
        let (from, to) = (normal(from)?, normal(to)?);
        if from == to {
            return Ok(false);
        }
        if to.starts_with(&from) {
            return Err(Errno::INVAL.into());
        }
        if let Some(&replaced) = self.dir(to_dir)?.entries.get(&to_name) {
            match (self.is_dir(inode), self.dir(replaced)) {
                (true, Err(_)) => return Err(Errno::NOTDIR.into()),
                (false, Ok(_)) => return Err(Errno::ISDIR.into()),
                (true, Ok(dir)) if !dir.entries.is_empty() => return Err(Errno::NOTEMPTY.into()),
                _ => {}
            }
        }
        if from_dir == to_dir {
            let (from, to) = (from_name, to_name);
            self.change(to_dir, EntryKind::Rename { from, to, inode }, None);
        } else {
            let link = EntryKind::Link {
                name: to_name,
                inode,
            };
            let unlink = EntryKind::Unlink { name: from_name };
            self.change(from_dir, unlink, Some(to_dir));
            self.last_number -= 1;
            self.change(to_dir, link, Some(from_dir));
        }
        for inode in self.inodes.values_mut() {
            if let Ok(below) = inode.path.strip_prefix(&from)
                && inode.links > 0
            {
                inode.path = if below.as_os_str().is_empty() {
                    to.clone()
                } else {
                    to.join(below)
                };
            }
        }
        Ok(true)
    }

    fn change(&mut self, dir: InodeId, kind: EntryKind, partner: Option<InodeId>) {
        self.last_number += 1;
        let number = self.last_number;
        let (unlinked, linked) = {
            let dir = self.dir_mut(dir);
            let effect = kind.apply(&mut dir.entries);
            dir.pending.push(EntryChange {
                number,
                kind,
                partner,
            });
            effect
        };
        if let Some(id) = unlinked {
            self.inode(id).links -= 1;
        }
        if let Some(id) = linked {
            self.inode(id).links += 1;
        }
    }

    /// What a sync of a directory called now covers.
    pub(super) fn snapshot(&self) -> u64 {
        self.last_number
    }

    /// Ends the sync of a directory whose snapshot was `upto`.
    pub(super) fn make_durable(&mut self, dir: InodeId, upto: u64) {
        // A rename into another directory takes that one's older changes along.
        let mut targets = BTreeMap::new();
        let mut todo = vec![(dir, upto)];
        while let Some((dir, upto)) = todo.pop() {
            let target = targets.entry(dir).or_insert(0);
            if *target < upto {
                *target = upto;
                if let Ok(dir) = self.dir(dir) {
                    let covered = dir.pending.iter().filter(|c| c.number <= upto);
                    todo.extend(covered.filter_map(|c| Some((c.partner?, c.number))));
                }
            }
        }
        let mut removed = false;
        for (id, upto) in targets {
            if self.is_dir(id) {
                removed |= self.dir_mut(id).apply_pending(upto);
            }
        }
        if removed {
            self.sweep();
        }
    }

    /// Ends the incarnation: its handles are gone.
    pub(super) fn close_handles(&mut self) {
        for inode in self.inodes.values_mut() {
            inode.handles = 0;
        }
        self.sweep();
    }

    /// Decides which changes survive; none without `rng`. Contents are the caller's.
    pub(super) fn crash(&mut self, rng: Option<&Rng>) {
        let mut kept = BTreeMap::new();
        for (id, inode) in &self.inodes {
            if let Node::Dir(dir) = &inode.node {
                let count = rng.map_or(0, |rng| prefix(rng, dir.pending.len()));
                let upto = count.checked_sub(1).map_or(0, |i| dir.pending[i].number);
                kept.insert(*id, upto);
            }
        }
        // A rename lost in one of its directories is lost in the other, with all that followed.
        loop {
            let mut changed = false;
            for (id, inode) in &self.inodes {
                let Node::Dir(dir) = &inode.node else {
                    continue;
                };
                let upto = kept.get(id).copied().unwrap_or(0);
                for change in dir.pending.iter().filter(|c| c.number > upto) {
                    if let Some(other) = change.partner.and_then(|p| kept.get_mut(&p))
                        && *other >= change.number
                    {
                        *other = change.number - 1;
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
        for (id, upto) in kept {
            let dir = self.dir_mut(id);
            dir.apply_pending(upto);
            dir.pending.clear();
            dir.entries.clone_from(&dir.durable);
        }
        self.relink();
    }

    /// Gives every inode of the present tree its path again.
    fn relink(&mut self) {
        for inode in self.inodes.values_mut() {
            inode.links = 0;
        }
        let mut todo = vec![(ROOT, PathBuf::from("/"))];
        while let Some((id, path)) = todo.pop() {
            // Renames of directories into each other may survive as a ring.
            if self.inode(id).links > 0 {
                continue;
            }
            if let Ok(dir) = self.dir(id) {
                let below = |(name, id): (&String, &InodeId)| (*id, path.join(name));
                todo.extend(dir.entries.iter().map(below));
            }
            let inode = self.inode(id);
            inode.path = path;
            inode.links = 1;
        }
    }

    /// Forgets inodes that nothing can bring back.
    fn sweep(&mut self) {
        let mut live = BTreeSet::new();
        let open = self.inodes.iter().filter(|(_, inode)| inode.handles > 0);
        let mut todo: Vec<_> = open.map(|(id, _)| *id).chain([ROOT]).collect();
        while let Some(id) = todo.pop() {
            if live.insert(id)
                && let Ok(dir) = self.dir(id)
            {
                todo.extend(dir.entries.values().chain(dir.durable.values()));
                todo.extend(dir.pending.iter().filter_map(|c| c.kind.inode()));
                // A rename away is undone together with its other half.
                todo.extend(dir.pending.iter().filter_map(|c| c.partner));
            }
        }
        let gone = &mut self.gone;
        self.inodes.retain(|id, inode| {
            let keep = live.contains(id);
            if !keep {
                gone.entry(std::mem::take(&mut inode.path))
                    .or_default()
                    .add(&inode.counters);
            }
            keep
        });
    }
}

impl Inode {
    fn new(path: PathBuf, node: Node) -> Self {
        Self {
            path,
            node,
            counters: Counters::default(),
            handles: 0,
            links: 0,
            failed_syncs: 0,
        }
    }

    pub(super) fn content(&mut self) -> &mut Content {
        match &mut self.node {
            Node::File(content) => content,
            Node::Dir(_) => unreachable!("only files are opened"),
        }
    }

    /// Bytes it takes of the disk's capacity.
    pub(super) fn allocated(&self) -> u64 {
        match &self.node {
            Node::File(content) if self.links + self.handles > 0 => content.allocated(),
            _ => 0,
        }
    }
}

impl Dir {
    /// Whether a name went away.
    fn apply_pending(&mut self, upto: u64) -> bool {
        let covered = self.pending.partition_point(|c| c.number <= upto);
        let mut removed = false;
        for change in self.pending.drain(..covered) {
            removed |= change.kind.apply(&mut self.durable).0.is_some();
        }
        removed
    }
}

impl EntryKind {
    /// The inode that lost its name, and the one that gained one.
    fn apply(&self, names: &mut BTreeMap<String, InodeId>) -> (Option<InodeId>, Option<InodeId>) {
        match self {
            Self::Link { name, inode } => (names.insert(name.clone(), *inode), Some(*inode)),
            Self::Unlink { name } => (names.remove(name), None),
            Self::Rename { from, to, inode } => {
                names.remove(from);
                (names.insert(to.clone(), *inode), None)
            }
        }
    }

    fn inode(&self) -> Option<InodeId> {
        match self {
            Self::Link { inode, .. } | Self::Rename { inode, .. } => Some(*inode),
            Self::Unlink { .. } => None,
        }
    }
}

/// The names along a path; relative paths start at the root.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let name = name.to_str().ok_or(Errno::INVAL)?;
                names.push(name.to_owned());
            }
            Component::ParentDir => drop(names.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(names)
}

fn normal(path: &Path) -> io::Result<PathBuf> {
    Ok(Path::new("/").join(names(path)?.iter().collect::<PathBuf>()))
}
