//! A file system in a file, and power cuts on it.
//!
//! ```text
//! image ─ mount ─► folder        cut: copy of the image ─ mount ─► the same folder
//! ```
//! What was not synced is in the page cache of the mounted file system and not in the image: a copy
//! of the image has what a disk would have after a power cut. The kernel's own commits are 600 s
//! apart, so nothing is on the image by luck. The copy takes a while: nobody may write meanwhile.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::tools;

/// Size of the file system; the file is sparse.
const IMAGE_BYTES: u64 = 1 << 30;

/// A mounted image. It is unmounted and removed when dropped.
#[derive(Debug)]
pub(crate) struct Image {
    folder: PathBuf,
    image: PathBuf,
    next: PathBuf,
}

impl Image {
    /// Makes and mounts an empty file system below `work`.
    pub(crate) fn create(work: &Path) -> Result<Self, Failure> {
        let image = Self {
            folder: work.join("mounted"),
            image: work.join("disk.img"),
            next: work.join("copy.img"),
        };
        std::fs::create_dir(&image.folder).map_err(Failure::io(image.folder.display()))?;
        let file = std::fs::File::create(&image.image);
        file.and_then(|file| file.set_len(IMAGE_BYTES))
            .map_err(Failure::io(image.image.display()))?;
        let mut make = Command::new("mkfs.ext4");
        tools::run(make.args(["-q", "-F"]).arg(&image.image))?;
        image.mount()?;
        Ok(image)
    }

    /// Where it is mounted.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn mount(&self) -> Result<(), Failure> {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,commit=600"]);
        tools::run(mount.arg(&self.image).arg(&self.folder)).map(drop)
    }

    /// Copies the image as it is now. Whoever writes to the file system has to stand still.
    pub(crate) fn copy(&self) -> Result<(), Failure> {
        let mut copy = Command::new("cp");
        copy.arg("--sparse=always");
        tools::run(copy.arg(&self.image).arg(&self.next)).map(drop)
    }

    /// Puts the copy in the place of the image. Nobody may use the file system any more.
    pub(crate) fn go_on_from_the_copy(&self) -> Result<(), Failure> {
        tools::run(Command::new("umount").arg(&self.folder))?;
        std::fs::rename(&self.next, &self.image).map_err(Failure::io("the copy"))?;
        self.mount()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // It may not be mounted, when mounting is what failed.
        if tools::run(Command::new("umount").arg(&self.folder)).is_err() {
            let _ = tools::run(Command::new("umount").arg("-l").arg(&self.folder));
        }
        let _ = std::fs::remove_file(&self.image);
        let _ = std::fs::remove_file(&self.next);
    }
}
