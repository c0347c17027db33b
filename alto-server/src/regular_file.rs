//! Reading of the files that the operator names: regular files only, up to a size. A named pipe or a device would make
//! the start or a reload wait for ever, or fill the memory.

use std::fs::{File, Metadata};
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Before it is opened, because opening a named pipe waits for its other end.
    check(&std::fs::metadata(path)?, limit)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // It may grow meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(limit));
    }
    Ok(bytes)
}

/// Reads a file of at most `limit` bytes of UTF-8, without the byte order mark that some editors put in front.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read(path, limit)?;
    let text = plain_words::syntax::text(&bytes);
    text.map(str::to_owned).map_err(|problem| Error::new(ErrorKind::InvalidData, format!("it {problem}")))
}

fn check(metadata: &Metadata, limit: u64) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if metadata.len() > limit {
        return Err(too_long(limit));
    }
    Ok(())
}

fn too_long(limit: u64) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert_eq!(read(&file, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for special in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert_eq!(read(special, 5).unwrap_err().kind(), ErrorKind::InvalidInput, "{special:?}");
        }
    }
}
