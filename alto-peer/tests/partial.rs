//! Downloads in progress: whatever arrives in whatever order, the result is the right file or an error.

use std::path::Path;

use alto_peer::content::manifest::MIN_PIECE_SIZE;
use alto_peer::content::partial::PartialError;
use alto_peer::content::{Bitfield, FileName, Manifest, PartialFile, Written};
use proptest::prelude::*;

use crate::support::content::content;

const PIECE: usize = MIN_PIECE_SIZE as usize;

fn manifest_of(folder: &Path, content: &[u8]) -> Manifest {
    let original = folder.join("original");
    std::fs::write(&original, content).unwrap();
    Manifest::of_file(&original, MIN_PIECE_SIZE, |_| ()).unwrap()
}

fn name() -> FileName {
    "file.bin".parse().unwrap()
}

fn open(folder: &Path, manifest: &Manifest) -> Result<PartialFile, PartialError> {
    PartialFile::open(folder, &name(), manifest, 5000)
}

fn piece<'a>(content: &'a [u8], manifest: &Manifest, n: usize) -> &'a [u8] {
    let range = manifest.piece_range(n);
    &content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

/// The files in the folder apart from the original.
fn left(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "original").collect();
    names.sort();
    names
}

#[test]
fn an_interrupted_download_continues_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let content = content(10 * PIECE + 77);
    let manifest = manifest_of(folder.path(), &content);
    let first = open(folder.path(), &manifest).unwrap();
    for n in [0, 1, 5, 10] {
        first.write_piece(n, piece(&content, &manifest, n)).unwrap();
    }
    assert!(matches!(open(folder.path(), &manifest), Err(PartialError::InUse(_))));
    drop(first);
    let unfinished = PartialFile::unfinished(folder.path()).unwrap();
    assert_eq!((unfinished.len(), &unfinished[0].name, &unfinished[0].manifest), (1, &name(), &manifest));
    let part = left(folder.path()).into_iter().find(|name| !name.contains(".have")).unwrap();
    // Piece 5 is damaged, and the last line of the journal incomplete.
    let data = std::fs::OpenOptions::new().write(true).open(folder.path().join(&part)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&data, b"x", 5 * PIECE as u64 + 3).unwrap();
    let journal = folder.path().join(format!("{part}.have"));
    let text = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, [&text, &b"7"[..]].concat()).unwrap();

    let second = open(folder.path(), &manifest).unwrap();
    assert_eq!(second.have().iter().collect::<Vec<_>>(), [0, 1, 10]);
    assert!(matches!(second.finish(), Err(PartialError::Incomplete { missing: 8 })));
    for n in second.have().missing() {
        assert_eq!(second.write_piece(n, piece(&content, &manifest, n)).unwrap(), Written::New);
    }
    let path = second.finish().unwrap();
    assert_eq!((path.clone(), std::fs::read(&path).unwrap()), (folder.path().join("file.bin"), content));
    assert_eq!(left(folder.path()), ["file.bin"]);
    assert_eq!(second.finish().unwrap(), path, "finishing twice is harmless");
}

#[test]
fn only_what_was_written_is_verified_under_another_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let content = content(4 * PIECE);
    let manifest = manifest_of(folder.path(), &content);
    let first = open(folder.path(), &manifest).unwrap();
    for n in [0, 1, 3] {
        first.write_piece(n, piece(&content, &manifest, n)).unwrap();
    }
    drop(first);
    // 128 MiB, of which 48 KiB were ever written.
    let huge = Manifest { size: 1 << 27, piece_size: 2 * MIN_PIECE_SIZE, ..manifest.clone() };
    let huge = Manifest { pieces: vec![manifest.id; 1 << 12], ..huge };
    let checks = std::cell::Cell::new(0);
    let stopped = || {
        checks.set(checks.get() + 1);
        false
    };
    let second = PartialFile::open_unless(folder.path(), &name(), &huge, 5000, stopped).unwrap();
    assert_eq!((second.have().count(), checks.get()), (0, 1), "one piece of the new size was written as a whole");
    drop(second);
    let stopped = PartialFile::open_unless(folder.path(), &name(), &manifest, 5000, || true);
    assert!(matches!(stopped, Ok(_) | Err(PartialError::Stopped(_))));
}

#[test]
fn a_pipe_in_the_folder_is_an_error_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest_of(folder.path(), &content(10));
    drop(open(folder.path(), &manifest).unwrap());
    let names = left(folder.path());
    for name in &names {
        let path = folder.path().join(name);
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(PartialFile::unfinished(folder.path()).is_ok());
        let error = open(folder.path(), &manifest).err().unwrap().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        std::fs::remove_file(&path).unwrap();
        drop(open(folder.path(), &manifest).unwrap());
    }
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_manifest_with_other_pieces_keeps_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let content = content(8 * PIECE);
    let small = manifest_of(folder.path(), &content);
    let large = Manifest::of_file(&folder.path().join("original"), 2 * MIN_PIECE_SIZE, |_| ()).unwrap();
    let first = open(folder.path(), &small).unwrap();
    for n in [2, 3, 5] {
        first.write_piece(n, piece(&content, &small, n)).unwrap();
    }
    first.release();
    assert!(matches!(first.write_piece(0, piece(&content, &small, 0)), Err(PartialError::Released(_))));
    let second = open(folder.path(), &large).unwrap();
    assert_eq!(second.have().iter().collect::<Vec<_>>(), [1]);
    drop(second);
    assert_eq!(open(folder.path(), &large).unwrap().have().count(), 1, "the journal was rewritten");
}

#[test]
fn a_false_manifest_yields_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let content = content(3 * PIECE);
    let mut lie = manifest_of(folder.path(), &content);
    lie.id = alto_types::swarm::FileId::from_digest([1; 32]);
    let partial = open(folder.path(), &lie).unwrap();
    for n in 0..3 {
        partial.write_piece(n, piece(&content, &lie, n)).unwrap();
    }
    assert!(matches!(partial.finish(), Err(PartialError::WrongContent { .. })));
    assert!(!folder.path().join("file.bin").exists());
    partial.discard().unwrap();
    assert!(left(folder.path()).is_empty());
}

#[test]
fn existing_files_are_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.bin"), "precious").unwrap();
    std::os::unix::fs::symlink("/none/such", folder.path().join("file (2).bin")).unwrap();
    let content = content(10);
    let manifest = manifest_of(folder.path(), &content);
    let partial = open(folder.path(), &manifest).unwrap();
    partial.write_piece(0, &content).unwrap();
    assert_eq!(partial.finish().unwrap(), folder.path().join("file (3).bin"));
    assert_eq!(std::fs::read(folder.path().join("file.bin")).unwrap(), b"precious");
}

#[test]
fn symbolic_links_in_the_place_of_an_unfinished_file_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest_of(folder.path(), b"content");
    drop(open(folder.path(), &manifest).unwrap());
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    for part in left(folder.path()).into_iter().filter(|name| name.starts_with('.')) {
        let part = folder.path().join(part);
        std::fs::remove_file(&part).unwrap();
        std::os::unix::fs::symlink(&victim, &part).unwrap();
        assert!(matches!(open(folder.path(), &manifest), Err(PartialError::Io { .. })));
        std::fs::remove_file(&part).unwrap();
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn an_empty_file_is_finished_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest_of(folder.path(), b"");
    let path = open(folder.path(), &manifest).unwrap().finish().unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
}

/// Runs [`a_full_disk_keeps_what_was_there`] in a mount namespace with a small disk of its own.
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=160k tmpfs \"$DISK\" && exec \"$0\" --exact --ignored partial::a_full_disk_keeps_what_was_there";
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("DISK", folder.path())
        .output();
    let Ok(output) = output else { return eprintln!("not tested: unshare(1) is not installed") };
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if out.is_empty() {
        return eprintln!("not tested: no file system can be mounted: {error}");
    }
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{error}");
}

#[test]
#[ignore = "needs a disk of its own, see `a_full_disk`"]
fn a_full_disk_keeps_what_was_there() {
    let disk = std::path::PathBuf::from(std::env::var_os("DISK").unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let content = content(8 * PIECE);
    let manifest = manifest_of(elsewhere.path(), &content);
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 5 * PIECE / 2]).unwrap();
    let partial = open(&disk, &manifest).unwrap();
    let full = (0..8).find_map(|n| partial.write_piece(n, piece(&content, &manifest, n)).err()).unwrap();
    assert!(matches!(&full, PartialError::DiskFull(_)), "{full}");
    let had = partial.have();
    assert!(had.count() > 0 && !had.is_complete());
    assert!(matches!(partial.finish(), Err(PartialError::Incomplete { .. })));
    drop(partial);
    // Opened again while the disk is still full, and once there is space.
    assert_eq!(open(&disk, &manifest).unwrap().have(), had);
    std::fs::remove_file(ballast).unwrap();
    let partial = open(&disk, &manifest).unwrap();
    assert_eq!(partial.have(), had);
    for n in had.missing() {
        partial.write_piece(n, piece(&content, &manifest, n)).unwrap();
    }
    assert_eq!(std::fs::read(partial.finish().unwrap()).unwrap(), content);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Right, wrong, duplicate, incomplete and misplaced pieces from several threads at once, with restarts in between.
    #[test]
    fn any_interleaving_ends_in_the_right_bytes_or_an_error(
        length in 0..6 * PIECE,
        arrivals in prop::collection::vec((0..8_usize, 0..5_u8), 0..40),
        threads in 1..4_usize,
        rounds in 1..3_usize,
        complete in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let content = content(length);
        let manifest = manifest_of(folder.path(), &content);
        let mut expected = Bitfield::new(manifest.piece_count());
        let per_round = arrivals.len().div_ceil(rounds).max(1);
        for arrivals in arrivals.chunks(per_round) {
            let partial = open(folder.path(), &manifest).unwrap();
            prop_assert_eq!(&partial.have(), &expected, "nothing is lost by a restart");
            std::thread::scope(|scope| {
                for part in arrivals.chunks(arrivals.len().div_ceil(threads)) {
                    let (partial, content, manifest) = (&partial, &content, &manifest);
                    scope.spawn(move || part.iter().for_each(|(n, kind)| arrive(partial, content, manifest, *n, *kind)));
                }
            });
            for (n, _) in arrivals.iter().filter(|(_, kind)| *kind < 2) {
                expected.set(*n);
            }
            prop_assert_eq!(partial.version(), expected.count() as u64);
        }
        let partial = open(folder.path(), &manifest).unwrap();
        if complete {
            for n in partial.have().missing() {
                partial.write_piece(n, piece(&content, &manifest, n)).unwrap();
            }
        }
        match partial.finish() {
            Ok(path) => prop_assert_eq!(std::fs::read(path).unwrap(), content),
            Err(error) => {
                prop_assert!(!complete && !expected.is_complete(), "{}", error);
                prop_assert!(!folder.path().join("file.bin").exists());
            }
        }
    }
}

/// Writes a piece: right (0, 1), with wrong content, with the content of another piece, or incomplete.
fn arrive(partial: &PartialFile, content: &[u8], manifest: &Manifest, n: usize, kind: u8) {
    let right = piece(content, manifest, n);
    let result = match kind {
        0 | 1 => partial.write_piece(n, right),
        2 => partial.write_piece(n, &right.iter().map(|b| !b).collect::<Vec<_>>()),
        3 => partial.write_piece(n, piece(content, manifest, n + 1)),
        _ => partial.write_piece(n, &right[..right.len() / 2]),
    };
    match result {
        Ok(_) => assert!(kind < 2 && n < manifest.piece_count()),
        Err(PartialError::NoSuchPiece { .. }) => assert!(n >= manifest.piece_count()),
        Err(PartialError::WrongHash { .. } | PartialError::WrongLength { .. }) => assert!(kind >= 2),
        Err(error) => panic!("{error}"),
    }
}
