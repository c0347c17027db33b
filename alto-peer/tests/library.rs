//! Shared files: nothing outside the paths the user named, and nothing that has changed since it was hashed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alto_peer::content::library::{Added, Gone, ShareError, Shared};
use alto_peer::content::manifest::MIN_PIECE_SIZE;
use alto_peer::content::partial::DEFAULT_BLOCK_SIZE;
use alto_peer::content::{Library, Manifest, PartialFile, Written};

fn add(library: &Library, path: &Path) -> Result<Added, ShareError> {
    library.add(path, MIN_PIECE_SIZE, |_, _, _| ())
}

fn names(library: &Library) -> Vec<String> {
    let mut names: Vec<String> = library.entries().into_iter().map(|entry| entry.name).collect();
    names.sort();
    names
}

fn content(library: &Library, shared: &Arc<Shared>) -> Result<Vec<u8>, Gone> {
    let mut bytes = vec![0; usize::try_from(shared.manifest().size).unwrap()];
    library.open(shared)?.read_at(&mut bytes, 0).unwrap();
    Ok(bytes)
}

#[test]
fn a_folder_is_shared_without_links_that_lead_out_of_it() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("inner")).unwrap();
    std::fs::write(at("a"), "a").unwrap();
    std::fs::write(at("inner/b"), "b").unwrap();
    std::fs::write(at(".hidden"), "hidden").unwrap();
    std::fs::write(at("inner/.x.part-00000000"), "part").unwrap();
    symlink("inner/b", at("c")).unwrap();
    symlink(outside.path().join("secret"), at("link")).unwrap();
    symlink(outside.path(), at("folder")).unwrap();
    symlink("../../../../../../etc/passwd", at("inner/up")).unwrap();
    symlink(".", at("inner/loop")).unwrap();
    let library = Library::new();
    let added = add(&library, folder.path()).unwrap();
    // `c` has the same content as `b`, so the two are one file.
    assert_eq!(names(&library), ["a", "c"]);
    assert_eq!(added.files.len(), 2);
    let left_out: Vec<String> = added.left_out.iter().map(ToString::to_string).collect();
    let links = left_out.iter().filter(|line| line.contains("symbolic link")).count();
    let same = left_out
        .iter()
        .filter(|line| line.ends_with("inner/b: has the same content as c; others find it by that name"));
    assert_eq!((left_out.len(), links, same.count()), (5, 4, 1), "{left_out:?}");
    for shared in library.all() {
        assert_eq!(content(&library, &shared).unwrap().len(), 1);
    }
}

#[test]
fn a_file_that_was_replaced_is_not_served() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let pipe = || {
        std::fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    };
    let replacements: [&dyn Fn(); 5] = [
        &|| {
            std::fs::remove_file(&file).unwrap();
            symlink(outside.path().join("secret"), &file).unwrap();
        },
        &|| std::fs::remove_file(&file).unwrap(),
        &|| std::fs::write(&file, "other!").unwrap(),
        &|| {
            std::fs::write(folder.path().join("new"), "public").unwrap();
            std::fs::rename(folder.path().join("new"), &file).unwrap();
        },
        &pipe,
    ];
    for replace in replacements {
        let _none = std::fs::remove_file(&file);
        std::fs::write(&file, "public").unwrap();
        let library = Library::new();
        let added = add(&library, folder.path()).unwrap();
        let seen = library.generation();
        assert_eq!(content(&library, &added.files[0]).unwrap(), b"public");
        replace();
        assert!(library.open(&added.files[0]).is_err());
        assert!(library.entries().is_empty() && library.generation() > seen);
    }
}

#[test]
fn unreadable_paths_are_errors() {
    let library = Library::new();
    assert!(matches!(add(&library, Path::new("/none/such")), Err(ShareError::Io { .. })));
    assert!(matches!(add(&library, Path::new("/dev/null")), Err(ShareError::NotAFile(_))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a\nb"), "x").unwrap();
    let added = add(&library, folder.path()).unwrap();
    assert!(matches!(added.left_out[..], [ShareError::Name(_)]));
}

#[test]
fn a_download_is_shared_in_part_and_then_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = vec![7; 20_000];
    std::fs::write(folder.path().join("original"), &bytes).unwrap();
    let manifest = Manifest::of_file(&folder.path().join("original"), MIN_PIECE_SIZE, |_| ()).unwrap();
    let name = "copy".parse().unwrap();
    let partial = PartialFile::open(folder.path(), &name, &manifest, DEFAULT_BLOCK_SIZE).unwrap();
    let (partial, library) = (Arc::new(partial), Library::new());
    let shared = library.add_partial(&partial);
    assert!(!library.entries()[0].complete && shared.have().count() == 0);
    for piece in 0..2 {
        let range = manifest.piece_range(piece);
        let bytes = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert_eq!(partial.write_piece(piece, bytes).unwrap(), Written::New);
    }
    assert!(library.add_finished(&partial).is_err(), "not finished");
    partial.finish().unwrap();
    let seen = library.generation();
    let shared = library.add_finished(&partial).unwrap();
    assert!(library.entries()[0].complete && library.generation() > seen);
    assert_eq!(content(&library, &shared).unwrap(), bytes);
    // The original has the same content, and the file that is shared already stays.
    let added = add(&library, &folder.path().join("original")).unwrap();
    assert!(added.files.is_empty() && Arc::ptr_eq(&library.get(manifest.id).unwrap(), &shared));
    assert!(matches!(&added.left_out[..], [ShareError::SameContent { name, .. }] if name.as_str() == "copy"));
    library.remove_partial(manifest.id);
    assert!(library.get(manifest.id).is_some(), "a complete file is kept");
    assert!(library.remove(manifest.id) && !library.remove(manifest.id));
}

#[test]
fn a_change_wakes_a_waiting_thread() {
    let library = Arc::new(Library::new());
    let (waiting, seen) = (Arc::clone(&library), library.generation());
    let waiter = std::thread::spawn(move || waiting.wait_changed(seen, Duration::from_mins(1)));
    library.notify();
    assert!(waiter.join().unwrap() > seen);
    assert_eq!(library.wait_changed(library.generation(), Duration::ZERO), library.generation());
}
