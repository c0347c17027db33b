//! Opening of files in folders where others may have left something else under the same name.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file with these options, unless it is a link, a pipe, a device or a folder.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    // Without waiting for the other end of a pipe.
    let file = options.clone().custom_flags(bits(OFlags::NOFOLLOW | OFlags::NONBLOCK)).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file; move it elsewhere"));
    }
    Ok(file)
}

/// Flag with which opening a pipe does not block; it has no effect on regular files.
pub(super) fn nonblocking() -> i32 {
    bits(OFlags::NONBLOCK)
}

fn bits(flags: OFlags) -> i32 {
    // The values have at most 31 bits on every platform there is.
    i32::try_from(flags.bits()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_a_pipe_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut reading = OpenOptions::new();
        reading.read(true);
        assert!(open(&reading, &at("file")).is_ok());
        for other in ["link", "pipe", "."] {
            assert!(open(&reading, &at(other)).is_err(), "{other}");
        }
        let error = open(OpenOptions::new().read(true).write(true), &at("pipe")).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}
