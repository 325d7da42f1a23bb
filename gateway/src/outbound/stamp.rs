//! A file's identity, time and size, by which a change of the file is noticed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which file it was, and when and with how many bytes it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    written: (i64, i64),
    byte_count: u64,
}

impl Stamp {
    /// The stamp of a file, through links; none if there is no such file.
    pub fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: found.ino(),
            written: (found.mtime(), found.mtime_nsec()),
            byte_count: found.size(),
        })
    }
}
