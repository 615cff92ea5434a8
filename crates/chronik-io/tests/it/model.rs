//! Random work, a crash, and a naive account of what may be left.
//!
//! The account knows nothing of sectors' versions or of prefixes: per file it keeps every content
//! since the last sync, and per directory every set of names since the last one. Whatever is left
//! must be made of those. It is kept by other means than the disk's own and errs to allow more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::Rng;
use chronik_io::fs::{Disk, File, OpenMode, SimDisk, read_up_to};
use proptest::prelude::*;

const FILES: u8 = 4;
const LEN_MAX: u16 = 4000;

#[derive(Clone, Debug)]
enum Op {
    Write {
        file: u8,
        offset: u16,
        len: u16,
    },
    SetLen {
        file: u8,
        len: u16,
    },
    Sync {
        file: u8,
    },
    /// The write between a sync's call and its end.
    SyncAround {
        file: u8,
        offset: u16,
        len: u16,
    },
    Remove {
        file: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    SyncDir,
    Kill,
}

fn ops(with_lengths: bool) -> impl Strategy<Value = Vec<Op>> {
    let (file, len) = (0..FILES, 0..LEN_MAX);
    let lengths = if with_lengths { 2 } else { 0 };
    let op = prop_oneof![
        8 => (file.clone(), len.clone(), 1..1500u16)
            .prop_map(|(file, offset, len)| Op::Write { file, offset, len }),
        lengths => (file.clone(), len.clone()).prop_map(|(file, len)| Op::SetLen { file, len }),
        3 => file.clone().prop_map(|file| Op::Sync { file }),
        2 => (file.clone(), len, 1..1500u16)
            .prop_map(|(file, offset, len)| Op::SyncAround { file, offset, len }),
        1 => file.clone().prop_map(|file| Op::Remove { file }),
        2 => (file.clone(), file).prop_map(|(from, to)| Op::Rename { from, to }),
        2 => Just(Op::SyncDir),
        1 => Just(Op::Kill),
    ];
    proptest::collection::vec(op, 1..60)
}

/// Files by number in order of creation; names by what they point to.
#[derive(Default)]
struct Account {
    /// Each content since the last sync, that one first.
    contents: Vec<Vec<Vec<u8>>>,
    /// Each set of names since the directory's last sync, that one first.
    names: Vec<BTreeMap<u8, usize>>,
}

impl Account {
    fn new() -> Self {
        Self {
            contents: Vec::new(),
            names: vec![BTreeMap::new()],
        }
    }

    fn present(&self) -> &BTreeMap<u8, usize> {
        self.names.last().unwrap()
    }

    fn rename_all(&mut self, change: impl FnOnce(&mut BTreeMap<u8, usize>)) {
        let mut names = self.present().clone();
        change(&mut names);
        self.names.push(names);
    }

    fn find_or_create(&mut self, name: u8) -> usize {
        if let Some(id) = self.present().get(&name) {
            return *id;
        }
        let id = self.contents.len();
        self.contents.push(vec![Vec::new()]);
        self.rename_all(|names| {
            names.insert(name, id);
        });
        id
    }

    fn edit(&mut self, id: usize, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.contents[id].last().unwrap().clone();
        edit(&mut content);
        self.contents[id].push(content);
    }

    /// Whether `found` can be left of file `id`.
    fn allows(&self, id: usize, found: &[u8], exact_sectors: bool) -> Result<(), String> {
        let versions = &self.contents[id];
        let longest = versions.iter().map(Vec::len).max().unwrap();
        let shortest = versions.iter().map(Vec::len).min().unwrap();
        if found.len() > longest || found.len() < shortest {
            let len = found.len();
            return Err(format!("{len} bytes, not {shortest} to {longest}"));
        }
        let unit = if exact_sectors { 512 } else { 1 };
        for (i, part) in found.chunks(unit).enumerate() {
            let was = |version: &Vec<u8>| {
                let at = |j| version.get(i * unit + j).copied().unwrap_or(0);
                part.iter().enumerate().all(|(j, byte)| at(j) == *byte)
            };
            let hole = !exact_sectors && part == [0];
            if !hole && !versions.iter().any(was) {
                return Err(format!("no version has this at {}", i * unit));
            }
        }
        Ok(())
    }
}

fn path(name: u8) -> PathBuf {
    Path::new("/").join(name.to_string())
}

fn read(file: &dyn File) -> Vec<u8> {
    read_up_to(file, 0, 1 << 16).unwrap().to_vec()
}

/// A write whose bytes tell which one it was.
fn bytes_of(stamp: &mut u8, len: u16) -> Bytes {
    *stamp = stamp.wrapping_add(1).max(1);
    Bytes::from(vec![*stamp; usize::from(len)])
}

fn put(content: &mut Vec<u8>, offset: u16, data: &[u8]) {
    let from = usize::from(offset);
    if content.len() < from + data.len() {
        content.resize(from + data.len(), 0);
    }
    content[from..from + data.len()].copy_from_slice(data);
}

async fn run(ops: Vec<Op>, seed: u64, exact_sectors: bool) -> Result<(), TestCaseError> {
    let disk = SimDisk::new();
    let mut account = Account::new();
    let mut stamp = 0;
    let open = |name| -> Arc<dyn File> { disk.open(&path(name), OpenMode::CreateOrOpen).unwrap() };
    for op in ops {
        match op {
            Op::Write { file, offset, len } => {
                let id = account.find_or_create(file);
                let data = bytes_of(&mut stamp, len);
                let slice = [data.clone()];
                open(file).write_at(&slice, u64::from(offset)).unwrap();
                account.edit(id, |content| put(content, offset, &data));
            }
            Op::SetLen { file, len } => {
                let id = account.find_or_create(file);
                open(file).set_len(u64::from(len)).unwrap();
                account.edit(id, |content| content.resize(usize::from(len), 0));
            }
            Op::Sync { file } => {
                let id = account.find_or_create(file);
                open(file).sync().await.unwrap();
                let last = account.contents[id].pop().unwrap();
                account.contents[id] = vec![last];
            }
            Op::SyncAround { file, offset, len } => {
                let id = account.find_or_create(file);
                let handle = open(file);
                let sync = handle.sync();
                let data = bytes_of(&mut stamp, len);
                let slice = [data.clone()];
                handle.write_at(&slice, u64::from(offset)).unwrap();
                sync.await.unwrap();
                let covered = account.contents[id].pop().unwrap();
                account.contents[id] = vec![covered];
                account.edit(id, |content| put(content, offset, &data));
            }
            Op::Remove { file } => {
                let there = account.present().contains_key(&file);
                prop_assert_eq!(disk.remove_file(&path(file)).is_ok(), there);
                account.rename_all(|names| {
                    names.remove(&file);
                });
            }
            Op::Rename { from, to } => {
                let there = account.present().contains_key(&from);
                prop_assert_eq!(disk.rename(&path(from), &path(to)).is_ok(), there);
                account.rename_all(|names| {
                    if let Some(id) = names.remove(&from) {
                        names.insert(to, id);
                    }
                });
            }
            Op::SyncDir => {
                disk.sync_dir(Path::new("/")).await.unwrap();
                let last = account.names.pop().unwrap();
                account.names = vec![last];
            }
            Op::Kill => disk.kill(),
        }
    }
    // Before the crash everything is as it was left.
    for (name, id) in account.present() {
        let file = disk.open(&path(*name), OpenMode::Read).unwrap();
        prop_assert_eq!(&read(&*file), account.contents[*id].last().unwrap());
    }

    disk.crash(&Rng::seeded(seed));
    let found: BTreeMap<u8, Vec<u8>> = disk
        .list(Path::new("/"))
        .unwrap()
        .into_iter()
        .map(|entry| {
            let name = entry.name.parse().unwrap();
            let file = disk.open(&path(name), OpenMode::Read).unwrap();
            (name, read(&*file))
        })
        .collect();
    let mut why = Vec::new();
    let explained = account.names.iter().any(|names| {
        names.keys().eq(found.keys())
            && names.iter().all(|(name, id)| {
                match account.allows(*id, &found[name], exact_sectors) {
                    Ok(()) => true,
                    Err(reason) => {
                        why.push(format!("file {name}: {reason}"));
                        false
                    }
                }
            })
    });
    let names: Vec<_> = found.keys().collect();
    prop_assert!(
        explained,
        "left {:?}, allowed {:?}: {:?}",
        names,
        account.names,
        why
    );

    // And what is left after a crash is durable: another one changes nothing.
    disk.crash_losing_unsynced();
    for (name, content) in found {
        let file = disk.open(&path(name), OpenMode::Read).unwrap();
        prop_assert_eq!(read(&*file), content);
    }
    Ok(())
}

fn block_on(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_crash_leaves_only_sectors_that_once_were(ops in ops(false), seed in any::<u64>()) {
        block_on(run(ops, seed, true))?;
    }

    #[test]
    fn a_crash_between_changes_of_length_leaves_only_bytes_that_once_were(
        ops in ops(true), seed in any::<u64>(),
    ) {
        block_on(run(ops, seed, false))?;
    }
}
