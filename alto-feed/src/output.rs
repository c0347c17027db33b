//! Writing of files that other programs read: whole or not at all, and only when the content changed.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file atomically, under a temporary name beside it that then replaces it. Returns whether anything was
/// written: a file that has the same content already is left alone.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<bool> {
    let metadata = path.metadata();
    let same_size =
        metadata.as_ref().is_ok_and(|metadata| metadata.is_file() && metadata.len() == content.len() as u64);
    if same_size && std::fs::read(path)? == content {
        return Ok(false);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    // Temporary files are private; the file keeps its permissions, or gets those of an ordinary new file.
    let permissions = match metadata {
        Ok(metadata) => metadata.permissions(),
        Err(_) => ordinary_permissions(),
    };
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(true)
}

#[cfg(unix)]
fn ordinary_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_its_content_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.map");
        assert!(replace(&path, b"one").unwrap());
        let before = path.metadata().unwrap().modified().unwrap();
        assert!(!replace(&path, b"one").unwrap());
        assert_eq!(path.metadata().unwrap().modified().unwrap(), before);
        assert!(replace(&path, b"two").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "no temporary file is left");
    }
}
